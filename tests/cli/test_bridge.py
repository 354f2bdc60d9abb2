"""A call that is bridged: it ends as the person called first did, and what became of the bridge is told."""

import json
from pathlib import Path

import pytest
from conftest import NUMBER, RunningSandbox
from test_wait import BUSY, Caller

from voicecli.voice_api.callflow import make_call


@pytest.mark.parametrize(("bridged", "bridge"), [(BUSY, "BUSY"), ("+33199005678", "COMPLETED")])
def test_the_outcome_is_that_of_the_person_called(
    own_sandbox: RunningSandbox, tmp_path: Path, bridged: str, bridge: str
) -> None:
    say = {"action": "say", "params": {"text": "One moment.", "voiceProfile": "en-US-BenjaminRUS"}}
    flow = tmp_path / "bridge.json"
    flow.write_text(json.dumps([say, make_call("+33199000000", bridged)]))
    done = Caller(own_sandbox)(NUMBER, "--callflow", str(flow), "--wait", "--json")
    assert done.code == 0, done
    assert (done.json["outcome"], done.json["sessionStatus"], done.json["bridge"]) == (
        "COMPLETED",
        bridge,
        bridge,
    )
    assert f"; bridge: {bridge.lower()}" in done.json["words"]
