"""What a VCA webhook is answered: what happens next in the live call."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from voicecli.errors import InvalidInput
from voicecli.json_values import json_object, text
from voicecli.voice_api.callflow import HANGUP
from voicecli.voice_api.callflow_rules import Action, has_hangup_after_question, problems
from voicecli.voice_api.webhook_events import Event

FORMAT_HINT = 'It is a list of actions, or an object: {"callflow": […], "clientActionId": "…"}.'


@dataclass(frozen=True, slots=True)
class Reply:
    """A callflow to go on with. ``client_action_id`` comes back in the next VCA of the session."""

    callflow: Sequence[Action]
    client_action_id: str | None = None

    def body(self, event: Event) -> bytes:
        """The answer's body; the event's own clientActionId is passed on where the reply has none."""
        action_id = self.client_action_id or text(event.payload.get("clientActionId"))
        answer: Mapping[str, object] = {"clientActionId": action_id} if action_id else {}
        return json.dumps({**answer, "callflow": list(self.callflow)}).encode()

    def words(self) -> str:
        """Its actions by name; never what they say."""
        return describe_actions(self.callflow)


HANG_UP = Reply((HANGUP,))
EMPTY_REPLY = Reply(())


def reply_without_callflow(event: Event) -> Reply:
    """The reply to a VCA where the rest of the callflow can't be read from the store: a hangup once keys were
    pressed, since 8x8 has nothing left to do then, else nothing, since a hangup would shorten the call where
    8x8 sends a VCA for each action, or upon connecting."""
    return EMPTY_REPLY if event.digits is None else HANG_UP


def reply_from_json(document: object) -> Reply:
    """A reply out of somebody's own JSON, checked by 8x8's rules. Raises InvalidInput."""
    body = document if isinstance(document, dict) else {"callflow": document}
    if unknown := sorted(body.keys() - {"callflow", "clientActionId"}):
        raise InvalidInput(f"A reply has no field {unknown[0]!r}.", hint=FORMAT_HINT)
    if problem := _problem(body):
        raise InvalidInput(f"The reply is not valid: {problem}.", hint=FORMAT_HINT)
    return _reply(body)


def parse_reply(answer: bytes) -> Reply | str:
    """The reply in an application's answer; or, for one by which the call would end as ERROR or lose what is
    pressed, what is wrong with it, as a clause."""
    document = json_object(answer)
    if document is None:
        if answer.lstrip()[:1] == b"<":
            return "it is HTML"
        return "it is not a JSON object" if answer.strip() else "it is empty"
    return _problem(document) or _reply(document)


def _reply(body: Mapping[str, object]) -> Reply:
    return Reply(tuple(cast("Sequence[Action]", body["callflow"])), text(body.get("clientActionId")))


def _problem(body: Mapping[str, object]) -> str:
    """What is wrong with a reply, as a clause; nothing where 8x8 would carry it out whole."""
    actions = body.get("callflow")
    for problem in problems(actions, in_call=True):
        return f"{problem.message} ({problem.status_code})"
    if not actions:
        return "there is no action in it"
    if has_hangup_after_question(cast("Sequence[Action]", actions)):
        return "a hangup stands right behind a question, so that 8x8 ignores the digits"
    return "" if isinstance(body.get("clientActionId"), str | None) else "its clientActionId is not a text"


def describe_actions(callflow: Sequence[Action]) -> str:
    return ", ".join(str(action["action"]) for action in callflow) or "nothing"
