"""What every account may do by default is what a fresh API server binds to everybody."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from support.control_plane import ControlPlane

from policyc.catalog.default_roles import BOUND_TO_EVERYBODY, DEFAULT_RULES

pytestmark = pytest.mark.e2e

EVERYBODY = {"system:authenticated", "system:serviceaccounts"}
API = "/apis/rbac.authorization.k8s.io/v1"
BOOTSTRAP = {"labelSelector": "kubernetes.io/bootstrapping=rbac-defaults"}
Grant = tuple[str, ...]


def grants(rule: Any) -> Iterator[Grant]:
    """A rule as its single permissions."""
    assert "resourceNames" not in rule
    yield from product(rule["verbs"], rule.get("nonResourceURLs", ()))
    yield from product(rule["verbs"], rule.get("apiGroups", ()), rule.get("resources", ()))


def test_the_default_rules_are_those_of_the_api_server(plane: ControlPlane) -> None:
    bindings = plane.admin.get(f"{API}/clusterrolebindings", **BOOTSTRAP).body["items"]
    roles = {
        binding["roleRef"]["name"]
        for binding in bindings
        if EVERYBODY & {subject["name"] for subject in binding.get("subjects", ())}
    }
    assert {"system:discovery", "system:basic-user"} <= roles <= BOUND_TO_EVERYBODY
    bound = [plane.admin.get(f"{API}/clusterroles/{name}").body["rules"] for name in roles]
    served = {grant for rules in bound for rule in rules for grant in grants(rule)}
    known = {g for namespace, rule in DEFAULT_RULES if not namespace for g in grants(rule)}
    assert served <= known
    # Feature gates decide on some: what a server of today does not bind, another one may.
    assert known - served <= {(v, "certificates.k8s.io", "clustertrustbundles") for v in ("get", "list", "watch")}  # fmt: skip
