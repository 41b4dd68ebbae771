"""The control plane itself: a real API server, its controllers, its faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.control_plane import ControlPlane
from support.control_plane.programs import version

pytestmark = pytest.mark.e2e


def test_it_reports_the_version_it_was_built_from(plane: ControlPlane) -> None:
    shown = plane.admin.get("/version").body
    assert shown["gitVersion"] == version()
    assert version().startswith(f"v{shown['major']}.{shown['minor']}.")
    client = json.loads(plane.kubectl("version", "--output=json").stdout)
    assert client["clientVersion"]["gitVersion"] == version()
    assert client["serverVersion"] == shown


def test_a_user_without_a_binding_is_refused(plane: ControlPlane) -> None:
    assert plane.admin.get("/api/v1/secrets").status == 200
    assert plane.client("nobody").get("/api/v1/secrets").status == 403


def test_requests_reach_the_audit_log(plane: ControlPlane) -> None:
    plane.client("seen-by-audit").get("/api/v1/pods")

    def is_recorded() -> bool:
        written = plane.audit_log.read_text().rpartition("\n")[0]  # without a line half written
        events = [json.loads(line) for line in written.splitlines()]
        return any(
            e["user"]["username"] == "seen-by-audit" and e["responseStatus"]["code"] == 403
            for e in events
            if e["stage"] == "ResponseComplete"
        )

    plane.api_server.wait_until(is_recorded, seconds=30)


def test_the_controller_manager_makes_the_pod_of_a_deployment(plane: ControlPlane) -> None:
    plane.make_namespace("rollout")
    assert create_deployment(plane, "rollout", {}).status == 201
    pod = plane.admin.first("/api/v1/namespaces/rollout/pods", lambda _: True)
    assert [owner["kind"] for owner in pod["metadata"]["ownerReferences"]] == ["ReplicaSet"]
    assert pod["status"]["phase"] == "Pending"


def test_a_denied_pod_of_an_admitted_deployment_is_seen_as_an_event(plane: ControlPlane) -> None:
    plane.make_namespace("guarded", {"pod-security.kubernetes.io/enforce": "restricted"})
    assert create_deployment(plane, "guarded", {"hostNetwork": True}).status == 201
    failure = plane.admin.first(
        "/api/v1/namespaces/guarded/events", lambda e: e["reason"] == "FailedCreate"
    )
    assert failure["involvedObject"]["kind"] == "ReplicaSet"
    assert "hostNetwork=true" in failure["message"]
    assert plane.admin.get("/api/v1/namespaces/guarded/pods").body["items"] == []


def create_deployment(plane: ControlPlane, namespace: str, pod: dict[str, Any]) -> Any:
    labels = {"app": "sample"}
    container = {"name": "main", "image": "registry.example/sample:1"}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], **pod}},
    }
    return plane.admin.create(
        f"/apis/apps/v1/namespaces/{namespace}/deployments",
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "sample"},
            "spec": spec,
        },
    )


def test_the_api_server_can_be_killed_and_started_again_and_all_ends(tmp_path: Path) -> None:
    with ControlPlane(tmp_path, controllers=False) as plane:
        plane.make_namespace("kept")
        plane.api_server.kill()
        with pytest.raises(OSError):
            plane.admin.get("/version")
        plane.start_api_server()
        assert plane.admin.get("/api/v1/namespaces/kept").status == 200
    assert not plane.api_server.is_running and not plane.etcd.is_running
    assert not (tmp_path / "etcd").exists()


def test_policies_from_files_are_enforced(tmp_path: Path) -> None:
    """The API server takes flags of the test; here those that read admission policies from a folder.

    KEP-5793; the names are those of apiserver's pkg/admission/plugin/policy/config (1.36).
    """
    write_static_policy(tmp_path / "policies")
    admission = tmp_path / "admission.json"
    admission.write_text(json.dumps(static_policies_from(tmp_path / "policies")))
    flags = (
        "--feature-gates=ManifestBasedAdmissionControlConfig=true",
        f"--admission-control-config-file={admission}",
    )
    path = "/api/v1/namespaces/default/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap"}
    with ControlPlane(tmp_path, controllers=False, api_server_flags=flags) as plane:
        refused = plane.admin.create(path, body | {"metadata": {"name": "refused"}})
        assert refused.status == 422, refused
        assert "by a policy in a file" in refused.message
        assert plane.admin.create(path, body | {"metadata": {"name": "welcome"}}).status == 201
        policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
        assert plane.admin.get(policies).body["items"] == []


def static_policies_from(folder: Path) -> dict[str, Any]:
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [
            {
                "name": "ValidatingAdmissionPolicy",
                "configuration": {
                    "apiVersion": "apiserver.config.k8s.io/v1",
                    "kind": "ValidatingAdmissionPolicyConfiguration",
                    "staticManifestsDir": str(folder),
                },
            }
        ],
    }


def write_static_policy(folder: Path) -> None:
    """No ConfigMap may be called ``refused``."""
    folder.mkdir()
    name = "refused.static.k8s.io"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    header = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule | {"operations": ["CREATE"]}]},
        "validations": [
            {
                "expression": "object.metadata.name != 'refused'",
                "message": "refused by a policy in a file",
            }
        ],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    for kind, spec in (
        ("ValidatingAdmissionPolicy", policy),
        ("ValidatingAdmissionPolicyBinding", binding),
    ):
        (folder / f"{kind}.json").write_text(json.dumps(header | {"kind": kind, "spec": spec}))
