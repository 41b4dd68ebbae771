"""Whose answers name a container's peers: the name server that its runtime gave it, and none of its own choice."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.containers import require
from support.dns import name_server
from support.recorded_containers import template
from support.recorder import losses, watching

pytestmark = pytest.mark.system

NETWORK = f"policyc-test-{os.getpid()}"
GIVEN, CHOSEN, SERVER, OWN = (f"198.18.77.{i}" for i in (53, 54, 80, 2))
"""In a range for such tests (RFC 2544)."""
MET = f"nslookup api.test && nc {SERVER} PORT -e /bin/busybox true"
CHANGED = f"echo nameserver {CHOSEN} >/etc/resolv.conf && {MET}"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server behind a cable that leads out of a network of its own; name servers are there, too."""
    require("ip")
    cable = f"pt{os.getpid()}"
    _ip("netns", "add", NETWORK)
    try:
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", NETWORK)
        for address in (GIVEN, CHOSEN, SERVER):
            _ip("address", "add", f"{address}/24", "dev", cable)
        _ip("link", "set", cable, "up")
        _ip("-netns", NETWORK, "address", "add", f"{OWN}/24", "dev", "eth0")
        _ip("-netns", NETWORK, "link", "set", "eth0", "up")
        serving = socket.create_server((SERVER, 0))
        with serving, name_server(GIVEN, SERVER), name_server(CHOSEN, SERVER):
            yield serving.getsockname()[1]
    finally:
        _ip("netns", "delete", NETWORK)


@pytest.mark.parametrize(
    ("script", "resolved"), [(MET, ["api.test"]), (CHANGED, None)], ids=["given", "of its choice"]
)
def test_an_answer_counts_when_its_sender_was_given(
    script: str, resolved: list[str] | None, tmp_path: Path, port: int
) -> None:
    containers = template(tmp_path / "bundle", "runc")
    (containers.folder / "rootfs/etc").mkdir()
    (containers.folder / "rootfs/etc/resolv.conf").write_text(f"nameserver {GIVEN}\n")
    containers.configure(("/bin/busybox", "sh", "-ec", script.replace("PORT", str(port))))
    _join_network(containers.folder / "config.json")
    with watching(tmp_path / "out") as recorder:
        ended = containers.run()
        assert ended.returncode == 0, ended.stderr
        (spec,) = recorder.stop()
    assert losses(spec) == {}
    (peer,) = (item for item in spec["egress"] if item["address"] == SERVER)
    assert peer.get("resolved") == resolved
    assert "unanswered" not in peer


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _join_network(config: Path) -> None:
    document = json.loads(config.read_bytes())
    others = [n for n in document["linux"]["namespaces"] if n["type"] != "network"]
    document["linux"]["namespaces"] = [
        *others,
        {"type": "network", "path": f"/run/netns/{NETWORK}"},
    ]
    config.write_text(json.dumps(document))
