"""Which replier answers the VCAs that ``voicecli listen`` gets: --reply, --forward-to."""

from typing import TYPE_CHECKING

from voicecli.cli import wiring
from voicecli.cli.context import Context
from voicecli.errors import InvalidInput
from voicecli.settings import Settings

if TYPE_CHECKING:
    from voicecli.listener.plan import ListenerPlan
    from voicecli.listener.routes import Replier


def choose_vca_replier(context: Context, settings: Settings, plan: "ListenerPlan", wanted: str) -> "Replier":
    """Answers VCAs of our own calls by what is left of their callflows, and others as was wanted."""
    from voicecli.calling.vca_replier import PlacedCallsReplier
    from voicecli.listener import vca_repliers
    from voicecli.voice_api.replies import EMPTY_REPLY, HANG_UP, reply_from_json

    other: Replier
    match wanted:
        case "continue":
            # Without settings for an account nothing was registered.
            account_id = wiring.account_id(settings)
            other = vca_repliers.PreviousReceiverReplier(plan.store, account_id, timeout=plan.forward_timeout)
        case "hangup" | "none":
            other = vca_repliers.constant_reply(HANG_UP if wanted == "hangup" else EMPTY_REPLY)
        case path:
            from voicecli.cli.call.arguments import json_document

            try:
                other = vca_repliers.CallflowReplier(
                    plan.store, reply_from_json(json_document(context.read_text(path), path))
                )
            except InvalidInput as error:
                if not path.endswith(".json"):
                    error.hint = "--reply takes continue, hangup, none, or a file with a callflow."
                raise
    if plan.forward_to is not None:
        other = vca_repliers.ApplicationReplier(
            plan.forward_to, timeout=plan.forward_timeout, with_token=plan.forward_token, instead=other
        )
    if plan.store.is_shared and (plan.forward_to is not None or wanted == "continue"):
        from voicecli.listener.team_replies import TeamReplies

        other = TeamReplies(plan.store, other, timeout=plan.forward_timeout)
    return PlacedCallsReplier(plan.store, other)
