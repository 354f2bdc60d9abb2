"""What 8x8's documents leave open about VCA webhooks: when one comes, and what becomes of its reply.

They agree on the middle of it (``capture``): a VCA after each sayAndCapture, with its digits or null; one
when the actions have run out without a hangup, the end of a bridge included; none after a text and a hangup.
Other sentences say more, so there are readings in which more VCAs come. These rules hold in all of them:

- One VCA for one moment: an action that is done, or the connection. Where a VCA comes after every action,
  the last one brings no second one.
- No VCA, and no digits, for a sayAndCapture with a hangup right behind it in the same callflow (8x8's
  reference page of that action): its prompt is said, and the call goes on to the hangup.
- A reply is HTTP 200 with a callflow that is valid by itself. An empty callflow (``[]``) says nothing about
  what was left, so that goes on, also where a reply would take its place.
- Where a reply fails, times out or is not valid, or where after it nothing is left to do, the session ends as
  ERROR with -2003; its lastAction is the one before.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from voicecli.voice_api.callflow_rules import Action


class VcaMoments(StrEnum):
    """When a VCA comes. ``SAY`` and ``CONNECT`` add to ``CAPTURE``."""

    CAPTURE = "capture"  # after a sayAndCapture, and when the actions have run out
    SAY = "say"  # after every action: say, playFile and the end of a bridge, too
    CONNECT = "connect"  # upon connecting, too: before the first action behind makeCall


class ReplyPlace(StrEnum):
    """Where a reply's actions go."""

    BEFORE = "before"  # before what was left of the callflow
    INSTEAD = "instead"  # in its place


class Step(NamedTuple):
    """An action of a callflow; ``ignores_digits`` is a sayAndCapture with a hangup right behind it."""

    action: Action
    ignores_digits: bool = False

    @property
    def kind(self) -> str:
        return str(self.action["action"])

    @property
    def params(self) -> Mapping[str, object]:
        params = self.action.get("params")
        return params if isinstance(params, Mapping) else {}


class Reading(NamedTuple):
    """One way to read 8x8's documents. The default is what they agree on."""

    vca: VcaMoments = VcaMoments.CAPTURE
    reply: ReplyPlace = ReplyPlace.BEFORE

    def sends_vca_after(self, step: Step, *, legs: int, left: Sequence[Step]) -> bool:
        """Whether a VCA comes once ``step`` is done. ``legs`` is how many there are: a makeCall that made the
        first one is the connection, a second one a bridge."""
        if step.ignores_digits:
            return False
        if not left or step.kind == "sayAndCapture":
            return True
        if step.kind == "makeCall" and legs == 1:
            return self.vca == VcaMoments.CONNECT
        return self.vca == VcaMoments.SAY

    def continued(self, reply: Sequence[Step], left: Sequence[Step]) -> list[Step]:
        """What there is to do after a reply."""
        return [*reply] if reply and self.reply == ReplyPlace.INSTEAD else [*reply, *left]


READINGS = tuple(Reading(vca, reply) for vca in VcaMoments for reply in ReplyPlace)


def steps(callflow: Sequence[Action]) -> list[Step]:
    """A valid callflow's actions, as they are played."""
    kinds = [action["action"] for action in callflow]
    ignored = [pair == ("sayAndCapture", "hangup") for pair in pairwise([*kinds, ""])]
    return [Step(action, is_ignored) for action, is_ignored in zip(callflow, ignored, strict=True)]
