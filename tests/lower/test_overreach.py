"""What was possible only because somebody granted everything."""

from __future__ import annotations

import pytest
from support.agents import lowered, policy

from policyc.envelope.observation import KubeSeen, Observed, Phase, Sighting
from policyc.envelope.provenance import Evidence

WHERE = Sighting((Evidence("p.json", "/0"),), Phase.APPLICATION, 1, 1, "", "")


@pytest.mark.parametrize(
    ("granted_by", "is_granted"),
    [
        ("ClusterRoleBinding admins of ClusterRole cluster-admin", False),
        ("RoleBinding admins/demo of ClusterRole cluster-admin", False),
        ("ClusterRoleBinding cluster-admin", False),
        ("ClusterRoleBinding cluster-admin of ClusterRole cluster-admin", False),
        ("RoleBinding readers/demo of Role cluster-admin", True),
        ("ClusterRoleBinding readers of ClusterRole view", True),
        ("", True),
    ],
)
def test_what_an_administrator_may_is_no_evidence(granted_by: str, is_granted: bool) -> None:
    seen = KubeSeen("get", "", "pods", "demo", "p", "", granted_by, WHERE)
    envelope, said = lowered(policy(), Observed((seen,), frozenset(), 1))
    assert bool(envelope.domains["kube"]) == is_granted
    assert ("PC4010" in {d.code for d in said}) != is_granted
