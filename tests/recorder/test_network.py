"""Peers: TCP and UDP, IPv4 and IPv6, both directions, with the names that DNS and TLS give them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from support.recorder import Spec, losses, record

pytestmark = pytest.mark.system

PROGRAMS = Path(__file__).parent / "programs"
PROGRAM = PROGRAMS / "talker.py"
OLDER = (sys.executable, str(PROGRAMS / "older_kernel.py"))
Peer = tuple[Any, ...]
CROWD = 36_000
"""More than are remembered (VISITORS in bpf/maps.h)."""


@pytest.fixture(scope="module", params=[(), OLDER], ids=["this-kernel", "until-6.12"])
def spec(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Spec:
    folder = tmp_path_factory.mktemp("talker")
    command = (sys.executable, str(PROGRAM), str(folder / "ports"))
    believed = ("--name-server", "127.0.0.53")
    made = record(folder / "out", *command, options=believed, under=request.param)
    made["ports"] = [int(port) for port in (folder / "ports").read_text().split()]
    return made


def _peers(spec: Spec, domain: str) -> dict[Peer, tuple[str, ...]]:
    return {
        (i["protocol"], i["address"], i["port"]): tuple(i.get("resolved", ())) for i in spec[domain]
    }


def test_nothing_is_lost(spec: Spec) -> None:
    assert losses(spec) == {}


def test_every_peer_and_no_other_is_there(spec: Spec) -> None:
    four, six, udp_four, udp_six, connected, untouched, _ = spec["ports"]
    assert _peers(spec, "egress").keys() == {
        ("tcp", "127.0.0.1", four),
        ("tcp", "::1", six),
        # IPv4 by an IPv6 socket is IPv4; a refused connection was wanted, too.
        ("tcp", "127.0.0.1", 9),
        ("udp", "127.0.0.1", udp_four),
        ("udp", "::1", udp_six),
        ("udp", "127.0.0.1", connected),
        ("udp", "127.0.0.53", 53),
        ("tcp", "127.0.0.7", four),
    }
    # A UDP socket that was connected and sent nothing has met nobody.
    assert untouched not in {i["port"] for i in spec["egress"]}


def test_who_came_in_by_the_servers_own_port(spec: Spec) -> None:
    four, six, udp_four, udp_six, connected, _, ephemeral = spec["ports"]
    found = _peers(spec, "ingress").keys()
    assert {
        ("tcp", "127.0.0.1", four),
        ("tcp", "::1", six),
        ("udp", "127.0.0.1", udp_four),
        ("udp", "::1", udp_six),
        ("udp", "127.0.0.1", connected),
        ("udp", "127.0.0.1", 53),
    } <= found
    # Answers to a port that the kernel chose are no visits.
    assert ephemeral not in {port for _, _, port in found}


def test_names(spec: Spec) -> None:
    four = spec["ports"][0]
    peers = _peers(spec, "egress")
    assert peers["tcp", "127.0.0.7", four] == ("answered.example",)
    # Who is greeted by a name that no name server has for it is nobody of that name.
    assert peers["tcp", "127.0.0.1", four] == ()
    (greeted,) = (i for i in spec["egress"] if i["address"] == "127.0.0.1" and i["port"] == four)
    assert greeted["hosts"] == ["greeted.example"]


def test_visitors_of_udp_servers(tmp_path: Path) -> None:
    """However it takes a datagram its sender came in; and only to where that came from is there an answer."""
    command = (sys.executable, str(PROGRAMS / "udp_server.py"), str(tmp_path / "ports"))
    spec = record(tmp_path / "out", *command)
    taken, answered, other, visitor = map(int, (tmp_path / "ports").read_text().split())
    assert {("udp", "127.0.0.1", taken), ("udp", "127.0.0.4", answered)} <= _peers(
        spec, "ingress"
    ).keys()
    asked = _peers(spec, "egress").keys()
    assert ("udp", "127.0.0.4", other) in asked
    assert ("udp", "127.0.0.4", visitor) not in asked
    assert losses(spec) == {}


def test_a_visitor_whom_a_crowd_made_forgotten_is_nobody_that_was_asked(tmp_path: Path) -> None:
    command = (sys.executable, str(PROGRAMS / "crowd.py"), str(tmp_path / "port"), str(CROWD))
    spec = record(tmp_path / "out", *command, options=("--map-entries", "peers=200000"))
    visitor, asked = int((tmp_path / "port").read_text()), _peers(spec, "egress").keys()
    assert ("udp", "127.0.0.4", visitor) not in asked
    assert losses(spec) == {"egress": 2 - (("udp", "127.0.0.6", 4003) in asked)}


BESIDE = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.connect(("127.0.0.5", 4001))
    one.sendto(b"x", ("127.0.0.6", 4002))
    try:
        one.send(b"x")
    except ConnectionRefusedError:  # what came back of the datagram before
        one.send(b"x")
"""


def test_a_connected_socket_that_also_sends_elsewhere(tmp_path: Path) -> None:
    spec = record(tmp_path / "out", sys.executable, "-c", BESIDE)
    asked = {("udp", "127.0.0.5", 4001), ("udp", "127.0.0.6", 4002)}
    assert asked <= _peers(spec, "egress").keys()
