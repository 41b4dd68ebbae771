"""An agent that gives its own address the name of a host that it may reach opens no way to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support.agents import lowered, policy
from support.recorder import Spec, losses, record

from policyc.core.diagnostics import Diagnostic
from policyc.envelope.model import Envelope, WorkloadRef
from policyc.profiles.observed import observed
from policyc.profiles.registry import read_profiles

pytestmark = pytest.mark.system

PROGRAM = Path(__file__).parent / "programs" / "pretender.py"
NAME, ADDRESS, PORT = "api.allowed.example", "198.51.100.7", 8443
TRUE, BELIEVED = "a believed name server", ("127.0.0.53", "192.0.2.53", "2001:db8::53")
WAYS = (
    "a greeting",
    "an own name server",
    "an own name server on loopback",
    "an address that it took",
    "a packet of its own",
)
NETWORK = f"""ip link set lo up
for own in {ADDRESS} 198.51.100.53; do ip address add $own/32 dev lo; done
exec "$@"
"""
UNDER = ("unshare", "--net", "sh", "-ec", NETWORK, "sh")
CAP = f"""    egress tcp {PORT} to host {NAME}
    syscalls profile all
    exec "/**"
    files read, write "/**"
    tool far: *
"""
FAR = f"""mcp far {{
  at host {NAME}:{PORT}
  tools feigned
  reviewed by "a@corp.example" on 2026-08-01 because "R-1"
}}
"""


def _recorded(folder: Path, way: str) -> Spec:
    believed = BELIEVED if way == TRUE else BELIEVED[1:]
    options = [word for server in believed for word in ("--name-server", server)]
    workload = ("--workload", "apps/v1/Deployment/demo/bot", "--container", "main")
    command = (sys.executable, str(PROGRAM), way, NAME, ADDRESS, str(PORT))
    return record(folder, *command, options=(*options, *workload), under=UNDER)


def _compiled(folder: Path) -> tuple[Envelope, list[Diagnostic]]:
    (file,) = folder.glob("*.json")
    outcome = read_profiles(file.name, file.read_bytes())
    assert not outcome.diagnostics
    ref = WorkloadRef("Deployment", "apps", "demo", "bot", "main")
    seen = observed([(file.name, profile) for profile in outcome.value], ref, "")
    return lowered(policy(CAP, more=FAR), seen)


@pytest.mark.parametrize("way", WAYS)
def test_no_egress_to_an_address_of_its_own(way: str, tmp_path: Path) -> None:
    spec = _recorded(tmp_path, way)
    assert losses(spec) == {}
    (peer,) = (
        item for item in spec["egress"] if item["address"] == ADDRESS and item["port"] == PORT
    )
    assert (peer.get("resolved"), peer["hosts"], peer.get("unanswered")) == (None, [NAME], None)
    envelope, said = _compiled(tmp_path)
    assert not any(
        envelope.domains[d] for d in ("egress_host", "egress_ip", "egress_peer", "tools")
    )
    assert envelope.resolutions == ()
    (claim,) = (found for found in said if found.code == "PC4018")
    assert f"`{ADDRESS} as {NAME}`" in claim.message
    (feigned,) = (found for found in said if found.code == "PC4019")
    assert "`tool far: feigned`" in feigned.message


def test_what_a_believed_name_server_says_is_granted(tmp_path: Path) -> None:
    """So it is the name server that the others lack."""
    spec = _recorded(tmp_path, TRUE)
    assert json.dumps(spec["tools"]).count("claimed") == 0
    envelope, said = _compiled(tmp_path)
    point = {"protocol": "tcp", "port": str(PORT), "host": NAME}
    assert point in envelope.domains["egress_host"]
    assert [r.addresses for r in envelope.resolutions] == [(ADDRESS,)]
    assert {"server": "far", "tool": "feigned"} in envelope.domains["tools"]
    assert not {"PC4018", "PC4019"} & {found.code for found in said}
