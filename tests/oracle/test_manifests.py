"""Every emitted object against the API server's schemas and the rules that they miss."""

from __future__ import annotations

import random

import kubernetes_validate
import pytest
from support.envelopes import envelope
from support.oracle.api_server_rules import faults
from support.scale import MANY

from policyc.emit.base import Emitter
from policyc.emit.network_policy import NETWORK_POLICY
from policyc.emit.rbac import RBAC
from policyc.pipeline.artifacts import from_bytes, to_bytes


@pytest.mark.parametrize("emitter", [NETWORK_POLICY, RBAC], ids=lambda e: e.kind)
def test_the_api_server_would_take_it(emitter: Emitter) -> None:
    for seed in range(MANY):
        for artifact in emitter.emit(envelope(random.Random(seed))).artifacts:
            document = from_bytes(artifact.path, to_bytes(artifact.path, artifact.document))
            assert isinstance(document, dict)
            assert faults(document) == []
            if seed < MANY // 20:  # the schema validator is slow
                kubernetes_validate.validate(document, "1.31", strict=True)


def test_the_rules_refuse_what_the_api_server_refuses() -> None:
    meta = {"name": "x", "namespace": "a"}
    spec = {"podSelector": {}, "policyTypes": ["Egress"]}
    bad = {
        "to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}],
        "ports": [{"protocol": "TCP", "port": 0}],
    }
    found = faults({"kind": "NetworkPolicy", "metadata": meta, "spec": {**spec, "egress": [bad]}})
    assert found == ["except 10.0.0.0/8 is not strictly inside 10.0.0.0/8", "port 0"]
    rule = {"apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"], "verbs": ["create"]}
    assert faults({"kind": "Role", "metadata": meta, "rules": [rule]}) == [
        "resourceNames with create or deletecollection"
    ]
