"""The webhook's own namespace on a real API server: who does what in it, with and without a webhook."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.catalogue import case, of
from support.control_plane import Client, ControlPlane
from support.custom_kinds import KINDS, definitions
from support.kube_paths import collection, path_of
from support.webhook import Webhook
from support.widening import READ, body, role

from policyc.admission.manifests import plural
from policyc.deploy.configurations import NAME, Target
from policyc.deploy.manifests import manifests
from policyc.deploy.objects import Rollout
from policyc.kube.yaml import load

pytestmark = pytest.mark.e2e
__all__ = ["case"]

Json = Any  # documents of the API
HOME = "policyc-system"
OPERATOR = "operator"
MASTERS = ("system:masters",)
RENEWER = "system:serviceaccount:cert-manager:cert-manager"
ADDRESS = "cni.projectcalico.org/podIP"
BUNDLE = "image@sha256:" + "0" * 64
API = "agentic.networking.x-k8s.io/v1alpha1"
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
ROOTLESS = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
"""What the namespace's own level asks of every pod."""
KEYED = {
    "name": "a",
    "image": "x",
    "env": [{"name": "OPENAI_API_KEY", "value": "x"}],
    "securityContext": RESTRICTED,
}
CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"
PLUG_IN = "system:serviceaccount:calico-system:calico-cni-plugin"
PLANES = pytest.mark.parametrize("shared", [False, True], ids=["accounts", "one user"])


def own_objects() -> list[Json]:
    """What `policyc webhook manifests` writes, for the agents of the examples and an operator."""
    target = Target(
        ("agents",),
        operators=frozenset({OPERATOR}),
        renewers=frozenset({RENEWER}),
        pod_annotations=frozenset({ADDRESS}),
    )
    files = manifests(target, Rollout(BUNDLE, BUNDLE))
    return [o for data in files.values() if (o := load(data))["kind"] != "Kustomization"]  # type: ignore[index,call-overload]  # an object


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ControlPlane, Webhook]]:
    """Installed as the manifests say, with a pod that runs, and a webhook that answers."""
    folder = tmp_path_factory.mktemp("home")
    with ControlPlane(folder) as plane:
        for one in definitions():
            assert plane.admin.apply(path_of(one), one).status in (200, 201)
        paths = [f"/apis/{group}/{version}/{plural(kind)}" for group, version, kind, _ in KINDS]
        plane.api_server.wait_until(lambda: all(plane.admin.get(p).status == 200 for p in paths))
        plane.make_namespace("agents")
        for one in own_objects():
            answer = plane.admin.apply(path_of(one), one)
            assert answer.status in (200, 201), (path_of(one), answer.message)
        flags = {
            "kubeconfig": plane.kubeconfig,
            "guard": True,
            "operators": [OPERATOR],
            "renewers": [RENEWER],
            "pod_annotations": [ADDRESS],
        }
        with Webhook(folder / "webhook", cluster=True, **flags) as webhook:
            webhook.wait_until(lambda: dry(plane, STRANGE["XAccessPolicy"]).status == 403)
            yield plane, webhook


def dry(plane: ControlPlane, made: Json, client: Client | None = None) -> Any:
    return (client or plane.admin).create(collection(made), made, dryRun="All")


def shadow(kind: str = "Pod") -> Json:
    spec: Json = {"containers": [KEYED], "securityContext": ROOTLESS}
    if kind == "Pod":
        return body("Pod", "helper", HOME, spec=spec)
    template = {"metadata": {"labels": {"app": "x"}}, "spec": spec}
    if kind == "Job":
        template["spec"]["restartPolicy"] = "Never"
        return body("Job", "helper", HOME, "batch/v1", spec={"template": template})
    whole = {"selector": {"matchLabels": {"app": "x"}}, "template": template}
    return body(kind, "helper", HOME, "apps/v1", spec=whole)


TOKEN_SECRET = body("Secret", "more", HOME, type="kubernetes.io/service-account-token")
TOKEN_SECRET["metadata"]["annotations"] = {"kubernetes.io/service-account.name": NAME}
TOKEN = f"/api/v1/namespaces/{HOME}/serviceaccounts/{NAME}/token"
TOKEN_REQUEST = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
STRANGE: dict[str, Json] = {
    "XAccessPolicy": body("XAccessPolicy", "more", HOME, API, spec={"targetRefs": [{"name": "web"}], "rules": [{"source": {"serviceAccount": {"name": "research", "namespace": "agents"}}}]}),
    "MCPServer": body("MCPServer", "web", HOME, "toolhive.stacklok.dev/v1beta1", spec={}),
    "Service": body("Service", "other", HOME, spec={"selector": {"a": "b"}, "ports": [{"port": 80}]}),
    "address": body("Service", "taken", HOME, spec={"selector": {"a": "b"}, "ports": [{"port": 80}], "externalIPs": ["203.0.113.9"]}),
    "Role": role(READ, name="more", namespace=HOME),
    "key": TOKEN_SECRET,
    **{kind: shadow(kind) for kind in ("Pod", "Deployment", "DaemonSet", "Job")},
}  # fmt: skip
"""What nobody but an operator makes in the webhook's namespace."""


def labelled(space: Json) -> Json:
    made = copy.deepcopy(space)
    made["metadata"]["labels"]["policyc.dev/ignore"] = "true"
    return made


def own_pod(plane: ControlPlane) -> Json:
    """A pod of the webhook's Deployment, made by the controllers."""
    pods = f"/api/v1/namespaces/{HOME}/pods"
    plane.api_server.wait_until(lambda: bool(plane.admin.get(pods).body["items"]))
    found = plane.admin.get(pods).body["items"][0]
    return {**found, "apiVersion": "v1", "kind": "Pod"}


OWNER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "name": "gone",
    "uid": "0b2d5f3e-0000-4000-8000-000000000000",
}
HELD: dict[str, Json] = {"ownerReferences": [OWNER], "finalizers": ["example.com/never"]}
"""What lets the garbage collector delete an object, and what keeps it for ever."""


def tried(plane: ControlPlane, method: str, path: str, sent: Json = None) -> Any:
    return plane.admin.request(method, path, sent, query={"dryRun": "All"})


def taken_away(plane: ControlPlane, running: Json) -> dict[str, tuple[str, str, Json]]:
    """Method, path and body of what takes the webhook's pods out of its Service, or changes them."""
    at, container = path_of(running), copy.deepcopy(running["spec"]["containers"][0])
    container["resources"]["requests"]["cpu"] = "1m"
    (owner,) = running["metadata"]["ownerReferences"]
    replicas = f"/apis/apps/v1/namespaces/{HOME}/replicasets/{owner['name']}"
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{HOME}/endpointslices"
    plane.api_server.wait_until(lambda: bool(plane.admin.get(slices).body["items"]))
    known = plane.admin.get(slices).body["items"][0]["metadata"]["name"]
    labels = {"metadata": {"labels": {"app.kubernetes.io/name": "other"}}}
    held = {"metadata": {"finalizers": HELD["finalizers"]}}  # the status takes no owners
    return {
        "labels by status": ("PATCH", f"{at}/status", labels),
        "held by status": ("PATCH", f"{at}/status", held),
        "resized": ("PATCH", f"{at}/resize", {"spec": {"containers": [container]}}),
        "scaled": ("PATCH", f"{replicas}/scale", {"spec": {"replicas": 0}}),
        "ReplicaSet": ("DELETE", replicas, None),
        "EndpointSlice": ("DELETE", f"{slices}/{known}", None),
        "Endpoints": ("DELETE", f"/api/v1/namespaces/{HOME}/endpoints/{NAME}", None),
    }


def refusals(plane: ControlPlane) -> dict[str, Any]:
    """What the API server says of each strange request by somebody who is no operator."""
    found = {name: dry(plane, made) for name, made in STRANGE.items()}
    space = f"/api/v1/namespaces/{HOME}"
    now = plane.admin.get(space).body
    for part in ("", "/status", "/finalize"):
        found[f"namespace{part}"] = plane.admin.request("PUT", space + part, labelled(now))
    found["namespace deleted"] = plane.admin.delete(space, dryRun="All")
    found["token"] = tried(plane, "POST", TOKEN, TOKEN_REQUEST)
    running = own_pod(plane)
    at = path_of(running)
    for path in (space, f"{space}/status", at):
        for name, value in HELD.items():
            change = {"metadata": {name: value}}
            found[f"{name} by {path}"] = tried(plane, "PATCH", path, change)
    for name, (method, path, change) in taken_away(plane, running).items():
        found[name] = tried(plane, method, path, change)
    for way in ("exec", "attach"):
        found[way] = plane.admin.request("POST", f"{at}/{way}?command=sh&container=webhook")
    other = copy.deepcopy(running)
    other["spec"]["containers"][0]["image"] = "other"
    found["image"] = plane.admin.request("PUT", at, other, query={"dryRun": "All"})
    debug = {"spec": {"ephemeralContainers": [{**KEYED, "name": "d"}]}}
    found["ephemeral"] = plane.admin.request(
        "PATCH", f"{at}/ephemeralcontainers", debug, query={"dryRun": "All"},
        headers={"Content-Type": "application/strategic-merge-patch+json"},
    )  # fmt: skip
    return found


@of("J3")
def test_nobody_but_an_operator_does_anything_in_the_webhooks_namespace(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    plane, _ = guarded
    for name, answer in refusals(plane).items():
        assert answer.status == 403, (name, answer)
        reason = "ALL_TOOLS" if name in ("XAccessPolicy", "MCPServer") else "HOME_PROTECTED"
        assert f" {reason}: " in answer.message, (name, answer.message)
    through_node = f"/api/v1/nodes/node-1/proxy/exec/{HOME}/policyc-1/webhook"
    answer = plane.admin.request("POST", through_node)
    assert answer.status == 403 and " HOME_PROTECTED: " in answer.message, answer.message
    operator = plane.client(OPERATOR, MASTERS)
    assert operator.request("POST", through_node).status == 404, "there is no such node"
    for name in ("Service", "Pod", "Deployment", "key"):
        assert dry(plane, STRANGE[name], operator).status == 201, name
    starts_as_it_should(plane, own_pod(plane))


@of("J3-down")
def test_without_a_webhook_its_namespace_is_closed_but_for_what_makes_it_again(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    plane, webhook = guarded
    running = own_pod(plane)
    webhook.daemon.stop()
    try:
        for name, answer in refusals(plane).items():
            assert answer.status == 500, (name, answer)
        for one in (o for o in own_objects() if "WebhookConfiguration" not in o["kind"]):
            answer = plane.admin.apply(path_of(one), one)
            is_ours = one["metadata"].get("namespace") == HOME
            assert answer.status == (500 if is_ours else 200), (path_of(one), answer.message)
            assert plane.client(OPERATOR, MASTERS).apply(path_of(one), one).status == 200
        starts_as_it_should(plane, running)
    finally:
        webhook.start()
        webhook.wait_until(lambda: dry(plane, STRANGE["XAccessPolicy"]).status == 403)


def starts_as_it_should(plane: ControlPlane, running: Json) -> None:
    """Scheduler, network plug-in and kubelet bring a pod up, and controllers another one."""
    at = path_of(running)
    notes = {"metadata": {"annotations": {"cni.projectcalico.org/podIP": "10.0.0.9/32"}}}
    space = {"metadata": {"annotations": {"openshift.io/sa.scc.uid-range": "1000/10000"}}}
    kubelet = plane.client("system:node:n1", ("system:nodes", *MASTERS))
    plug_in = plane.client(PLUG_IN, ("system:serviceaccounts:calico-system", *MASTERS))
    of_system = ("system:serviceaccounts:kube-system", *MASTERS)
    # It is in no group of kube-system's, and says of each pod why it has no node yet.
    scheduler = plane.client("system:kube-scheduler", MASTERS)
    waits = {"status": {"conditions": [{"type": "PodScheduled", "status": "False"}]}}
    phase = {"status": {"phase": "Running", "podIP": "10.0.0.9"}}
    for client, path, change in (
        (plug_in, at, notes),
        (plug_in, f"{at}/status", notes),
        (kubelet, f"{at}/status", phase),
        (scheduler, f"{at}/status", waits),
        (plug_in, f"/api/v1/namespaces/{HOME}", space),
    ):
        answer = client.request("PATCH", path, change, query={"dryRun": "All"})
        assert answer.status == 200, (path, answer.message)
    asked = kubelet.create(TOKEN, TOKEN_REQUEST)
    assert asked.status == 201, asked.message
    opaque = body("Secret", "plain", HOME)
    assert dry(plane, opaque).status == 201, "what is no token may be made anew"
    controllers = plane.client(CONTROLLER, of_system)
    for name, (method, path, change) in taken_away(plane, running).items():
        answer = controllers.request(method, path, change, query={"dryRun": "All"})
        assert answer.status == 200, (name, answer.message)
    assert dry(plane, shadow(), controllers).status == 201
    of_pods = plane.client("system:serviceaccount:kube-system:coredns", of_system)
    for name, (method, path, change) in taken_away(plane, running).items():
        answer = of_pods.request(method, path, change, query={"dryRun": "All"})
        assert answer.status in (403, 500), (name, answer.message)
    assert dry(plane, shadow(), of_pods).status in (403, 500)


def test_no_account_has_the_name_of_a_controller_that_has_none(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    """The tokens controller writes as the manager's own user; anybody could make the account."""
    plane, webhook = guarded
    account = body("ServiceAccount", "default", "agents")
    path, change = path_of(account), {"metadata": {"labels": {"a": "b"}}}
    plane.api_server.wait_until(lambda: plane.admin.get(path).status == 200)
    webhook.daemon.stop()
    try:
        for user, status in (
            ("system:serviceaccount:kube-system:tokens-controller", 500),
            ("system:kube-controller-manager", 200),
        ):
            client = plane.client(user, MASTERS)
            answer = client.request("PATCH", path, change, query={"dryRun": "All"})
            assert answer.status == status, (user, answer.message)
    finally:
        webhook.start()
        webhook.wait_until(lambda: dry(plane, STRANGE["XAccessPolicy"]).status == 403)


SECRETS = {"policyc-tls": 200, "policyc-tls-x7k": 200, "policyc-log-key": 500}
"""Which ones who renews the certificate may change while no webhook answers."""
NOTES = (
    ({ADDRESS: "10.0.0.9/32"}, 200),
    ({ADDRESS: None}, 200),
    ({}, 200),
    ({"cni.projectcalico.org/other": "x"}, 500),
    ({ADDRESS: "10.0.0.9/32", "policyc.dev/tools": "all"}, 500),
    ({"policyc.dev/agent": None}, 500),
)
"""Annotations of an agent's pod, and whether they are written while no webhook answers."""


def test_the_certificate_is_renewed_and_pods_get_addresses_without_a_webhook(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    """By whom and where the manifests were told so, and nothing else by them."""
    plane, webhook = guarded
    webhook.daemon.stop()
    try:
        for name, status in SECRETS.items():
            secret = body("Secret", name, HOME)
            assert plane.admin.create(collection(secret), secret).status == 201
            renewer = plane.client(RENEWER, MASTERS)
            renewed = {**secret, "stringData": {"tls.crt": "new"}}
            answer = renewer.request("PUT", path_of(secret), renewed)
            assert answer.status == status, (name, answer.message)
            assert plane.admin.request("PUT", path_of(secret), renewed).status == 500
            gone = renewer.delete(path_of(secret)).status
            assert gone == (200 if name == "policyc-tls-x7k" else 500), name
        account = body("ServiceAccount", "policyc", HOME)
        assert plane.client(RENEWER, MASTERS).apply(path_of(account), account).status == 500
        with_notes(plane)
    finally:
        webhook.start()
        webhook.wait_until(lambda: dry(plane, STRANGE["XAccessPolicy"]).status == 403)


def with_notes(plane: ControlPlane) -> None:
    """A pod of a time before the webhook, and what a plug-in writes on it."""
    hooks = [o for o in own_objects() if "WebhookConfiguration" in o["kind"]]
    live = [plane.admin.get(path_of(hook)).body for hook in hooks]
    for hook in hooks:
        assert plane.admin.delete(path_of(hook)).status == 200
    pod = {**shadow(), "metadata": {"name": "old", "namespace": "agents", "annotations": {"policyc.dev/agent": "x"}}}  # fmt: skip
    plane.api_server.wait_until(lambda: plane.admin.create(collection(pod), pod).status == 201)
    for one in live:
        del one["metadata"]["resourceVersion"]
        assert plane.admin.create(collection(one), one).status == 201
    probe = body("Pod", "probe", "agents", spec=pod["spec"])
    plane.api_server.wait_until(lambda: dry(plane, probe).status == 500)
    plug_in = plane.client(PLUG_IN, MASTERS)
    for notes, status in NOTES:
        change = {"metadata": {"annotations": notes}}
        for part in ("", "/status"):
            answer = plug_in.request("PATCH", path_of(pod) + part, change, query={"dryRun": "All"})
            assert answer.status == status, (notes, part, answer.message)


@PLANES
@of("K4")
def test_a_cluster_that_starts_without_a_webhook_gets_one(tmp_path: Path, shared: bool) -> None:
    """Configured, and no pod of it anywhere: all of it is made, by no operator, and its pods too."""
    with ControlPlane(tmp_path, shared_user=shared) as plane:
        made = own_objects()
        hooks = [o for o in made if o["kind"].endswith("WebhookConfiguration")]
        for hook in hooks:
            assert plane.admin.apply(path_of(hook), hook).status == 201
        plane.api_server.stop()
        plane.start_api_server()
        for one in (o for o in made if o not in hooks):
            answer = plane.admin.create(collection(one), one)
            assert answer.status == 201, (path_of(one), answer.message)
        # Controllers that lost their API server come back by steps of up to half a minute each.
        pods = f"/api/v1/namespaces/{HOME}/pods"
        found = plane.admin.first(pods, lambda _: True, seconds=240)
        assert found["metadata"]["labels"]["app.kubernetes.io/name"] == NAME
