"""Who was asked and who answered: a peer that never did stands in the profile as one that was only tried."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.recorder import losses, record

from recorder import layout
from recorder.sightings import Entries, signature

PROGRAM = Path(__file__).parent / "programs" / "asker.py"


@pytest.mark.system
def test_every_peer_is_there_and_those_that_answered_are_told_apart(tmp_path: Path) -> None:
    told = tmp_path / "told"
    spec = record(tmp_path / "out", sys.executable, str(PROGRAM), str(told))
    assert losses(spec) == {}
    meant = json.loads(told.read_text())
    assert _peers(spec, unanswered=False) == {tuple(peer) for peer in meant["answered"]}
    assert _peers(spec, unanswered=True) == {tuple(peer) for peer in meant["unanswered"]}
    assert not [item for item in spec["ingress"] if "unanswered" in item]


def _peers(spec: dict[str, Any], *, unanswered: bool) -> set[tuple[str, str, int]]:
    return {
        (item["protocol"], item["address"], item["port"])
        for item in spec["egress"]
        if item.get("unanswered", False) is unanswered
    }


def test_an_answer_is_news_that_is_written_and_another_packet_is_not() -> None:
    key, subject = layout.PeerKey(domain=layout.DOMAINS.index("egress")), layout.Subject()
    asked, again, answered = (
        signature(subject, Entries(peers=[(key, peer)]))
        for peer in (layout.Peer(count=1), layout.Peer(count=2), layout.Peer(count=2, answered=1))
    )
    assert asked == again != answered
