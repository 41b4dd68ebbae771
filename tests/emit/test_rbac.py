"""Requests without a namespace are written into a ClusterRole."""

from __future__ import annotations

import pytest
from support.agents import lowered, policy
from support.oracle.authorizer import Request, allowed

from policyc.emit.rbac import RBAC
from policyc.envelope.observation import Observed


@pytest.mark.parametrize(
    ("written", "group", "resource"),
    [
        ("users", "", "users"),
        ("groups", "", "groups"),
        ("uids.authentication.k8s.io", "authentication.k8s.io", "uids"),
        ("userextras/scopes.authentication.k8s.io", "authentication.k8s.io", "userextras/scopes"),
    ],
)
def test_what_is_impersonated_has_no_namespace(written: str, group: str, resource: str) -> None:
    chosen = policy(
        cap="    kube impersonate on users, groups, uids.authentication.k8s.io, "
        "userextras/scopes.authentication.k8s.io in cluster\n",
        lines=f'  allow kube impersonate on {written} in cluster because "R-1"\n',
    )
    envelope, _ = lowered(chosen, Observed((), frozenset(), 0))
    emission = RBAC.emit(envelope)
    assert emission.narrowed == ()
    documents = [a.document for a in emission.artifacts]
    account = ("demo", "bot")
    asked = Request("impersonate", group, resource, "", "anyone")
    assert allowed(documents, account, asked)
