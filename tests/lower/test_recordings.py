"""Recordings and their traps: samples of our own, and real ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from support.agents import lowered, policy
from support.corpus import CORPUS, REDIS, require
from support.oracle.api_server_rules import faults

from policyc.catalog.labels import VOLATILE_LABELS
from policyc.catalog.setup_only import SETUP_ONLY
from policyc.catalog.startup import startup
from policyc.catalog.unseen import unseen
from policyc.emit.network_policy import NETWORK_POLICY
from policyc.emit.seccomp import SECCOMP
from policyc.envelope.model import WorkloadRef
from policyc.envelope.observation import Observed, SyscallSeen
from policyc.profiles.observed import observed, strangers
from policyc.profiles.registry import read_profiles

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "cases" / "profiles"


@dataclass(frozen=True)
class Recorded:
    """Recordings of one container, and addresses in them that stay or go."""

    folder: Path
    names: str
    workload: WorkloadRef
    stay: tuple[str, ...] = ()
    go: tuple[str, ...] = ()

    @property
    def paths(self) -> list[Path]:
        """The files that the pattern of names finds."""
        if self.folder.is_relative_to(CORPUS):
            require()
        return sorted(self.folder.glob(self.names))

    @property
    def line(self) -> str:
        """The container, as a `workload` line names it."""
        w = self.workload
        return f"{w.kind} {w.namespace}/{w.name} container {w.container}"


def either(sample: Recorded, real: Recorded) -> pytest.MarkDecorator:
    """Our own sample, which every clone has, and the real one."""
    return pytest.mark.parametrize("recorded", [sample, real], ids=["sample", "corpus"])


def seen(recorded: Recorded) -> Observed:
    profiles = []
    for path in recorded.paths:
        outcome = read_profiles(path.name, path.read_bytes())
        assert outcome.ok, outcome.diagnostics
        profiles += [(path.name, profile) for profile in outcome.value]
    assert not strangers(profiles, recorded.workload, "")
    return observed(profiles, recorded.workload, "")


@either(
    Recorded(
        SAMPLES / "store",
        "*.json",
        WorkloadRef("StatefulSet", "apps", "data", "store", "main"),
    ),
    Recorded(
        REDIS,
        "*.yaml",
        WorkloadRef("StatefulSet", "apps", "bob", "bob-redis-master", "redis"),
    ),
)
def test_a_family_of_recordings_compiles_together(recorded: Recorded) -> None:
    assert len(recorded.paths) > 1
    observations = seen(recorded)
    envelope, found = lowered(policy(workload=recorded.line), observations)
    calls = {o.name for o in observations.observations if isinstance(o, SyscallSeen)}
    assert calls & SETUP_ONLY  # the trap is there
    for name in calls:
        point = {"architecture": "amd64", "name": name}
        assert (point in envelope.domains["syscalls"]) == (name not in SETUP_ONLY), name
    note = next(d for d in found if d.code == "PC4005")
    assert "`mount`" in note.message or "attributed" in note.message
    profile = SECCOMP.emit(envelope).artifacts[0].document
    assert isinstance(profile, dict)
    allowed = {
        n
        for e in profile["syscalls"]
        if e["action"] == "SCMP_ACT_ALLOW"
        for n in e["names"]  # type: ignore[union-attr,index,call-overload]
    }
    for runtime in ("runc", "crun"):
        assert startup(runtime, "amd64").names | unseen("amd64").keys() <= allowed
    assert not allowed & SETUP_ONLY


@either(
    Recorded(SAMPLES, "server.json", WorkloadRef("Deployment", "apps", "shop", "web", "server")),
    Recorded(
        CORPUS / "kubescape" / "slices",
        "p8.json",
        WorkloadRef(
            "Deployment", "apps", "node-agent-test-hjjz", "multiple-containers-deployment", "server"
        ),
    ),
)
def test_metadata_service_is_overreach(recorded: Recorded) -> None:
    observations = seen(recorded)
    envelope, found = lowered(policy(workload=recorded.line), observations)
    point = {"protocol": "tcp", "port": "80", "address": "169.254.169.254"}
    assert point not in envelope.domains["egress_ip"]
    overreach = [d for d in found if d.code == "PC4010"]
    assert any("169.254.169.254" in d.message for d in overreach)
    assert any(f"{recorded.paths[0].name}#" in d.message for d in overreach)


@either(
    Recorded(
        SAMPLES,
        "operator.json",
        WorkloadRef("Deployment", "apps", "ops", "operator", "operator"),
        ("203.0.113.30/32", "203.0.113.31/32"),
        ("10.244.0.73", "10.244.0.67"),
    ),
    Recorded(
        CORPUS / "kubescape" / "network",
        "nn-operator.json",
        WorkloadRef("Deployment", "apps", "kubescape", "operator", "operator"),
        ("35.186.253.219/32", "16.170.46.131/32"),
        ("10.244.0.73", "10.244.0.67"),
    ),
)
def test_operator_gets_a_policy_without_the_usual_faults(recorded: Recorded) -> None:
    observations = seen(recorded)
    envelope, found = lowered(policy(workload=recorded.line), observations)
    document = NETWORK_POLICY.emit(envelope).artifacts[0].document
    assert isinstance(document, dict)
    assert faults(document) == []
    text = str(document)
    for label in VOLATILE_LABELS:
        assert label not in text
    for address in recorded.go:
        assert address not in text
    spec = document["spec"]
    assert isinstance(spec, dict)
    for side, rules in (("to", spec["egress"]), ("from", spec["ingress"])):
        assert isinstance(rules, list)
        for rule in rules:
            assert isinstance(rule, dict)
            assert rule[side]
            assert rule["ports"]
    assert any(d.code == "PC4003" and recorded.go[0] in d.message for d in found)
    for host in recorded.stay:
        assert host in text
