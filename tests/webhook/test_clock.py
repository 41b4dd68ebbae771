"""What ends on a day, when the clock of the server does not keep to the days."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

from support.admission import pod, request
from support.catalogue import case, of
from support.samples import ROOT
from support.stand import standing
from support.webhook import Webhook, review

from policyc.pipeline.compile import compile_root

__all__ = ["case"]  # a fixture of every test here
DAY = 86_400
POLICY = ROOT / "tests" / "cases" / "admission" / "research"


def build_that_ends(folder: Path, last: dt.date) -> dict[str, bytes]:
    """The agents, of which ``research`` may get ConfigMaps until a day."""
    shutil.copytree(POLICY, folder)
    policy = folder / "agents.agentpol"
    allowed = "allow kube get on configmaps in namespace agents"
    text = policy.read_text()
    assert text.count(allowed) == 1
    policy.write_text(text.replace(allowed, f"{allowed} until {last}"))
    compiled = compile_root(folder, as_of=last)
    assert compiled.ok
    return dict(compiled.files)


@of("H20")
def test_what_has_ended_stays_ended_when_the_clock_goes_back(tmp_path: Path) -> None:
    """Also for a process that starts then: the log remembers how late it was."""
    last = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=2)
    clock = tmp_path / "offset"
    clock.write_text("0")
    made = build_that_ends(tmp_path / "policy", last)
    with standing(tmp_path / "w", made=made, clock=clock) as stand:
        assert refusals(stand.webhook) == set()
        clock.write_text(str(4 * DAY))
        assert "SA_EXCEEDS" in refusals(stand.webhook)
        clock.write_text("0")
        assert "SA_EXCEEDS" in refusals(stand.webhook)
        stand.webhook.daemon.kill()
        stand.webhook.start()
        assert "SA_EXCEEDS" in refusals(stand.webhook)


def refusals(webhook: Webhook) -> set[str]:
    """Why a good pod is refused."""
    reply = webhook.post(review(request(pod())))
    return set() if reply.response["allowed"] else reply.reasons
