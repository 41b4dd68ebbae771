"""Who was asked and who answered: a peer that never did stands in the profile as one that was only tried."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.recorded_containers import template
from support.recorder import PORT, losses, record, watching

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


ANSWERING = """
ask() {{ nc -l -p $2 </dev/null & until nc $1 $2 </dev/null; do sleep 0.1; done; wait; }}
{first}
ask {address} 7001
"""
MADE = "ip link set lo up; ip address add {address}/32 dev lo"


@pytest.mark.system
@pytest.mark.parametrize("flags", ["-Urn", "-Urnm"], ids=["network", "network and mounts"])
def test_a_network_that_a_program_made_itself_answers_for_nobody(
    tmp_path: Path, flags: str
) -> None:
    """There it may have any address: a connection to itself would open the way to another."""
    containers = template(tmp_path / "bundle", "runc")
    own, made = "127.77.0.1", "198.51.100.7"
    inside = ANSWERING.format(first=MADE.format(address=made), address=made)
    script = ANSWERING.format(first="", address=own) + f"unshare {flags} sh -c '{inside}'"
    containers.configure(("/bin/busybox", "sh", "-ec", script))
    _may_be_root_in_its_user_namespace(containers.folder / "config.json")
    with watching(tmp_path / "out") as recorder:
        ended = containers.run()
        assert ended.returncode == 0, ended.stderr
        (spec,) = recorder.stop()
    assert losses(spec) == {}
    assert ("tcp", own, 7001) in _peers(spec, unanswered=False)
    assert made not in {address for _, address, _ in _peers(spec, unanswered=False)}
    assert ("tcp", made, 7001) in _peers(spec, unanswered=True)


FEIGNED = """
import socket
asks, answers = (socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in "12")
asks.bind(("::", 0))
try:
    asks.sendto(b"x", ("2001:db8::bad", 4444))
except OSError:
    pass  # no way there; it was asked all the same
answers.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND (linux/in6.h)
answers.bind(("2001:db8::bad", 4444))
answers.sendto(b"y", ("::1", asks.getsockname()[1]))
asks.settimeout(60)
assert asks.recv(1) == b"y"
"""


@pytest.mark.system
def test_a_program_does_not_answer_for_an_address_that_it_took(tmp_path: Path) -> None:
    spec = record(tmp_path / "out", sys.executable, "-c", FEIGNED)
    taken = ("udp", "2001:db8::bad", 4444)
    assert taken in _peers(spec, unanswered=True)
    assert taken not in _peers(spec, unanswered=False)


@pytest.mark.system
def test_a_client_that_a_program_feigns_is_no_visitor(tmp_path: Path) -> None:
    served = FEIGNED.replace('("::", 0)', f'("::", {PORT})')
    assert served != FEIGNED
    spec = record(tmp_path / "out", sys.executable, "-c", served)
    assert "2001:db8::bad" not in {item["address"] for item in spec["ingress"]}


def _may_be_root_in_its_user_namespace(config: Path) -> None:
    """With SETFCAP, which containers have by default (user_namespaces(7))."""
    document = json.loads(config.read_bytes())
    for held in document["process"]["capabilities"].values():
        held.append("CAP_SETFCAP")
    config.write_text(json.dumps(document))


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


def test_a_session_is_news_that_is_written() -> None:
    none, one = (signature(layout.Subject(sessions=count), Entries()) for count in (0, 1))
    assert none != one
