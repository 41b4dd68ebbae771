"""A cluster whose controllers are all one user: what it deletes for others is judged."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.admission import cluster, pod
from support.catalogue import case, of
from support.control_plane import ControlPlane
from support.custom_kinds import definitions
from support.kube_paths import collection, path_of
from support.webhook import Webhook

from policyc.cli.main import Exit, main

pytestmark = pytest.mark.e2e
__all__ = ["case"]

Json = Any  # documents of the API
SHARED = "system:kube-controller-manager"
POLICY = next(
    o
    for o in cluster()
    if (o["kind"], o["metadata"]["name"]) == ("NetworkPolicy", "policyc-research")
)
GONE = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "0b2d5f3e-0000-4000-8000-000000000000"}  # fmt: skip


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ControlPlane, Webhook]]:
    folder = tmp_path_factory.mktemp("shared")
    with ControlPlane(folder, shared_user=True, audit_level="Metadata") as plane:
        for one in (*definitions(), *cluster()):
            answer = plane.admin.apply(path_of(one), one, force="true")
            assert answer.status in (200, 201), answer.message
        flags = {"kubeconfig": plane.kubeconfig, "guard": True, "operators": ["operator"]}
        with Webhook(folder / "webhook", cluster=True, **flags) as webhook:
            webhook.wait_until(lambda: is_guarding(plane))
            yield plane, webhook


def is_guarding(plane: ControlPlane) -> bool:
    """Whether the API server asks the webhook, also about policies: canaries are refused."""
    bad = pod("research")
    bad["spec"]["hostPID"] = True
    if plane.admin.create(collection(bad), bad, dryRun="All").status != 403:
        return False
    gone = plane.admin.request("DELETE", path_of(POLICY), query={"dryRun": "All"})
    return gone.status == 403


def deletions(plane: ControlPlane, resource: str) -> list[int]:
    """What the shared user was answered when it deleted such objects in agents' namespace."""
    lines = plane.audit_log.read_text().splitlines()
    events = [json.loads(line) for line in lines if line.endswith("}")]
    return [
        event["responseStatus"]["code"]
        for event in events
        if event["user"]["username"] == SHARED
        and event["verb"] in ("delete", "deletecollection")
        and event["objectRef"].get("resource") == resource
        and event["objectRef"].get("namespace") == "agents"
    ]


@of("F4")
def test_the_garbage_collector_deletes_no_policy_of_an_agent(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    """Its owner is gone, by the reference that somebody wrote into it; with a webhook and without."""
    plane, webhook = guarded
    owned = copy.deepcopy(POLICY)
    owned["metadata"]["ownerReferences"] = [GONE]
    assert plane.admin.apply(path_of(owned), owned, force="true").status == 200
    webhook.wait_until(lambda: 403 in deletions(plane, "networkpolicies"))
    webhook.daemon.stop()
    plane.api_server.wait_until(lambda: 500 in deletions(plane, "networkpolicies"))
    webhook.start()
    webhook.wait_until(lambda: is_guarding(plane))
    assert plane.admin.get(path_of(owned)).status == 200
    assert 200 not in deletions(plane, "networkpolicies")


def test_controllers_do_their_own_work_without_a_webhook(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    plane, webhook = guarded
    webhook.daemon.stop()
    try:
        maps = "/api/v1/namespaces/agents/configmaps"
        assert plane.admin.delete(f"{maps}/kube-root-ca.crt").status == 500, "not by people"
        plane.make_namespace("fresh")
        for part in ("configmaps/kube-root-ca.crt", "serviceaccounts/default"):
            made = f"/api/v1/namespaces/fresh/{part}"
            plane.api_server.wait_until(lambda path=made: plane.admin.get(path).status == 200)  # type: ignore[misc]  # bound at once
        assert plane.admin.delete("/api/v1/namespaces/fresh").status == 200
        plane.api_server.wait_until(
            lambda: plane.admin.get("/api/v1/namespaces/fresh").status == 404
        )
    finally:
        webhook.start()
        webhook.wait_until(lambda: is_guarding(plane))


def test_verify_webhook_says_that_they_share_one_user(
    guarded: tuple[ControlPlane, Webhook], capsys: pytest.CaptureFixture[str]
) -> None:
    plane, webhook = guarded
    flags = ["--live", f"--kubeconfig={plane.kubeconfig}", f"--bundle={webhook.bundle}"]
    url = f"--url=https://127.0.0.1:{webhook.port}"
    code = main(["verify-webhook", *flags, url, "--operators=operator"])
    shown = capsys.readouterr()
    assert code == Exit.CLEAN, shown.out
    assert "PC8115" in shown.out + shown.err


@of("F12")
def test_a_namespace_of_agents_can_be_deleted(guarded: tuple[ControlPlane, Webhook]) -> None:
    plane, _ = guarded
    policies = collection(POLICY)
    assert plane.admin.get(policies).body["items"]
    assert plane.admin.delete("/api/v1/namespaces/agents").status in (200, 202)
    plane.api_server.wait_until(lambda: not plane.admin.get(policies).body["items"], 60)
    assert 200 in deletions(plane, "networkpolicies")
