"""Real recordings, and the traps in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.agents import lowered, policy
from support.oracle.api_server_rules import faults

from policyc.catalog.labels import VOLATILE_LABELS
from policyc.catalog.setup_only import SETUP_ONLY
from policyc.catalog.startup import startup
from policyc.emit.network_policy import NETWORK_POLICY
from policyc.emit.seccomp import SECCOMP
from policyc.envelope.model import WorkloadRef
from policyc.envelope.observation import SyscallSeen
from policyc.profiles.observed import observed
from policyc.profiles.registry import read_profiles

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
SAMPLES = ROOT / "tests" / "cases" / "profiles"
with_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="corpus is not beside the checkout")


def seen(paths: list[Path], workload: WorkloadRef) -> object:
    profiles = []
    for path in paths:
        outcome = read_profiles(path.name, path.read_bytes())
        assert outcome.ok, outcome.diagnostics
        profiles += [(path.name, profile) for profile in outcome.value]
    result = observed(profiles, workload, "")
    assert result.ok, [d.message for d in result.diagnostics]
    return result.value


@with_corpus
def test_redis_family_compiles_together() -> None:
    workload = WorkloadRef("StatefulSet", "apps", "bob", "bob-redis-master", "redis")
    recorded = seen(sorted((CORPUS / "kubescape" / "redis").glob("*.yaml")), workload)
    chosen = policy(workload="StatefulSet bob/bob-redis-master container redis")
    envelope, found = lowered(chosen, recorded)
    calls = {o.name for o in recorded.observations if isinstance(o, SyscallSeen)}
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
        assert startup(runtime, "amd64").names <= allowed
    assert not allowed & SETUP_ONLY


@with_corpus
def test_metadata_service_is_overreach() -> None:
    workload = WorkloadRef(
        "Deployment", "apps", "node-agent-test-hjjz", "multiple-containers-deployment", "server"
    )
    recorded = seen([CORPUS / "kubescape" / "slices" / "p8.json"], workload)
    chosen = policy(
        workload="Deployment node-agent-test-hjjz/multiple-containers-deployment container server"
    )
    envelope, found = lowered(chosen, recorded)
    point = {"protocol": "tcp", "port": "80", "address": "169.254.169.254"}
    assert point not in envelope.domains["egress_ip"]
    overreach = [d for d in found if d.code == "PC4010"]
    assert any("169.254.169.254" in d.message for d in overreach)
    assert any("p8.json#" in d.message for d in overreach)


@with_corpus
def test_operator_gets_a_policy_without_the_usual_faults() -> None:
    workload = WorkloadRef("Deployment", "apps", "kubescape", "operator", "operator")
    recorded = seen([CORPUS / "kubescape" / "network" / "nn-operator.json"], workload)
    chosen = policy(workload="Deployment kubescape/operator container operator")
    envelope, found = lowered(chosen, recorded)
    document = NETWORK_POLICY.emit(envelope).artifacts[0].document
    assert isinstance(document, dict)
    assert faults(document) == []
    text = str(document)
    for label in VOLATILE_LABELS:
        assert label not in text
    for address in ("10.244.0.73", "10.244.0.67"):
        assert address not in text
    spec = document["spec"]
    assert isinstance(spec, dict)
    for side, rules in (("to", spec["egress"]), ("from", spec["ingress"])):
        assert isinstance(rules, list)
        for rule in rules:
            assert isinstance(rule, dict)
            assert rule[side]
            assert rule["ports"]
    assert any(d.code == "PC4003" and "10.244.0.73" in d.message for d in found)
    for host in ("35.186.253.219/32", "16.170.46.131/32"):
        assert host in text
