"""Objects that widen agents without being theirs: found by a live scan as the webhook refuses them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster, files, request
from support.control_plane import ControlPlane
from support.kube_paths import collection, path_of
from support.webhook import Webhook, review, write_bundle
from support.widening import AGENT, SECRETS, binding, body, cluster_role, network_policy, role

from policyc.cli.main import main

pytestmark = pytest.mark.e2e

Json = Any  # documents of the API

WIDENING: dict[str, tuple[Json, str]] = {
    "binding": (binding(AGENT, role="ClusterRole/edit"), "RBAC_WIDENS"),
    "cluster-binding": (binding(AGENT, role="ClusterRole/view", namespace=""), "RBAC_WIDENS"),
    "policy": (network_policy(policyTypes=["Egress"], egress=[{}]), "NP_WIDENS"),
    "external-name": (body("Service", "out", "agents", spec={"type": "ExternalName", "externalName": "evil.example.net"}), "EXTERNALNAME"),
    "slice": (body("EndpointSlice", "out", "agents", "discovery.k8s.io/v1", addressType="IPv4", endpoints=[{"addresses": ["203.0.113.9"]}], ports=[]), "ENDPOINTS"),
}  # fmt: skip
HARMLESS: dict[str, Json] = {
    "role": role(SECRETS),
    "cluster-role": cluster_role(SECRETS),
    "config-map": body("ConfigMap", "plain", "agents", data={"a": "b"}),
    "service": body("Service", "in", "agents", spec={"selector": {"a": "b"}, "ports": [{"port": 80}]}),
}  # fmt: skip


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ControlPlane, Webhook, Path]]:
    """A webhook that follows the cluster and that the API server does not ask."""
    folder = tmp_path_factory.mktemp("asked")
    bundle = write_bundle(folder / "bundle", files())
    with ControlPlane(folder / "plane", controllers=False) as plane:
        for one in cluster():
            assert plane.admin.apply(path_of(one), one, force="true").status in (200, 201)
        flags = {"cluster": True, "kubeconfig": plane.kubeconfig, "bundle": bundle}
        with Webhook(folder / "webhook", **flags) as webhook:
            yield plane, webhook, bundle


@pytest.mark.parametrize("case", [*WIDENING, *HARMLESS])
def test_the_scan_finds_what_the_webhook_refuses(
    asked: tuple[ControlPlane, Webhook, Path], case: str
) -> None:
    plane, webhook, bundle = asked
    made, reason = WIDENING.get(case) or (HARMLESS[case], "")
    expected = {reason} - {""}

    def refused() -> set[str]:
        reply = webhook.post(review(request(made, resource=collection(made).rpartition("/")[2])))
        words = reply.response["auditAnnotations"].get("reasons", "").split()
        return {word.removesuffix(":deny") for word in words if word.endswith(":deny")}

    webhook.wait_until(lambda: refused() == expected)  # once it no longer sees the case before
    assert plane.admin.create(collection(made), made).status == 201
    try:
        assert found(plane, bundle, path_of(made)) == expected
    finally:
        assert plane.admin.delete(path_of(made)).status == 200


def found(plane: ControlPlane, bundle: Path, path: str) -> set[str]:
    out = io.StringIO()
    arguments = ["--kubeconfig", str(plane.kubeconfig), "--bundle", str(bundle)]
    with contextlib.redirect_stdout(out):
        main(["scan", "--live", *arguments, "--as-of", "2026-09-01", "--format", "json"])
    return {
        one["message"].partition(":")[0]
        for one in json.loads(out.getvalue())["diagnostics"]
        if one["place"]["path"] == path and one["severity"] == "error"
    }
