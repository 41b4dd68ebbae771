"""What the recorder's account may do, as the API server's own authorizer says; a kubelet asks it, too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from support.control_plane import ControlPlane

from policyc.kube.yaml import load_all

pytestmark = pytest.mark.e2e

Json: TypeAlias = Any  # documents, looked at by path
Right: TypeAlias = tuple[str, str, str, str]
"""Verb, API group, resource and subresource."""
LABEL = "app.kubernetes.io/name=policyc-recorder"
FOLDER = Path(__file__).parents[2] / "deploy" / "recorder"
USER = "system:serviceaccount:policyc-recorder:policyc-recorder"
GROUPS = [
    "system:serviceaccounts",
    "system:serviceaccounts:policyc-recorder",
    "system:authenticated",
]
PROFILES = ("policyc.dev", "agentprofiles")
BASE = {
    ("get", "", "pods", ""),
    ("get", "apps", "replicasets", ""),
    ("get", "batch", "jobs", ""),
    *((verb, *PROFILES, "") for verb in ("get", "create", "update")),
}
OF_PODS = {("get", "", "nodes", "pods")}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = [
    # What pkg/kubelet/server/auth.go asks about (Kubernetes 1.36), and the node itself.
    *(("", "nodes", s) for s in ("", "pods", "proxy", "healthz", "configz", "stats", "metrics", "log", "checkpoint", "statusz")),
    *(("", "pods", s) for s in ("", "exec", "attach", "portforward", "log", "proxy", "ephemeralcontainers", "status")),
    *(("", r, "") for r in ("secrets", "configmaps", "serviceaccounts", "namespaces", "services")),
    ("apps", "replicasets", ""), ("apps", "deployments", ""), ("batch", "jobs", ""), ("batch", "cronjobs", ""),
    (*PROFILES, ""), ("policyc.dev", "agentenvelopes", ""),
]  # fmt: skip


def rendered(plane: ControlPlane, folder: Path) -> list[Json]:
    done = plane.kubectl("kustomize", str(folder))
    assert done.returncode == 0, done.stderr
    return load_all(done.stdout)


def with_kubelet(tmp_path: Path) -> Path:
    """A kustomization of one's own, as docs/howto/record-in-a-cluster.md has it."""
    shutil.copytree(FOLDER, tmp_path / "recorder")
    (tmp_path / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "resources: [recorder]\ncomponents: [recorder/kubelet]\n"
    )
    return tmp_path


def granted(plane: ControlPlane, user: str = USER) -> set[Right]:
    return {
        (verb, group, resource, subresource)
        for group, resource, subresource in RESOURCES
        for verb in VERBS
        if may(plane, user, verb, group, resource, subresource)
    }


def may(
    plane: ControlPlane, user: str, verb: str, group: str, resource: str, subresource: str
) -> bool:
    """The answer of a SubjectAccessReview, in a form that a kubelet's webhook also asks in."""
    attributes = {
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": subresource,
        "name": "node-1",
    }
    answer = plane.admin.create(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": GROUPS, "resourceAttributes": attributes},
        },
    )
    assert answer.status == 201, answer.message
    return bool(answer.body["status"]["allowed"])


@contextmanager
def bound(plane: ControlPlane, documents: list[Json]) -> Iterator[None]:
    """Only these cluster roles and bindings of the recorder's."""
    rights = [d for d in documents if d["kind"] in {"ClusterRole", "ClusterRoleBinding"}]
    text = "\n---\n".join(map(json.dumps, rights))
    plane.kubectl("delete", "clusterroles,clusterrolebindings", "--selector", LABEL)
    done = plane.kubectl("apply", "--server-side", "--filename=-", stdin=text)
    assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        plane.kubectl("delete", "--filename=-", stdin=text)


def test_its_rights_are_these_and_no_others(plane: ControlPlane) -> None:
    with bound(plane, rendered(plane, FOLDER)):
        assert granted(plane) == BASE


def test_of_the_kubelet_it_may_ask_for_pods_alone(plane: ControlPlane, tmp_path: Path) -> None:
    with bound(plane, rendered(plane, with_kubelet(tmp_path))):
        assert granted(plane) == BASE | OF_PODS


def test_nobody_else_gets_them(plane: ControlPlane, tmp_path: Path) -> None:
    with bound(plane, rendered(plane, with_kubelet(tmp_path))):
        assert granted(plane, "system:serviceaccount:policyc-recorder:default") == set()


def test_the_component_asks_the_nodes_own_kubelet_and_nothing_keeps_it_from_there(
    plane: ControlPlane, tmp_path: Path
) -> None:
    documents = rendered(plane, with_kubelet(tmp_path))
    kinds = {(d["kind"], d["metadata"]["name"]): d for d in documents}
    daemonset = kinds["DaemonSet", "policyc-recorder"]
    (container,) = daemonset["spec"]["template"]["spec"]["containers"]
    assert "--kubelet=https://$(HOST_IP):10250" in container["args"]
    assert {"--kubernetes", "--objects"} <= set(container["args"])
    (variable,) = container["env"]
    assert variable == {
        "name": "HOST_IP",
        "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}},
    }
    (egress,) = kinds["NetworkPolicy", "policyc-recorder"]["spec"]["egress"]
    assert {port["port"] for port in egress["ports"]} == {443, 6443, 10250}
    text = "\n---\n".join(map(json.dumps, [d for d in documents if d["kind"] != "Namespace"]))
    plane.make_namespace("policyc-recorder")
    done = plane.kubectl("apply", "--dry-run=server", "--filename=-", stdin=text)
    assert done.returncode == 0, done.stderr
