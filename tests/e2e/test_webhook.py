"""The webhook on a real API server: admitted, completed, refused, explained, restored."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.admission import cluster, in_kind, kind, pod
from support.catalogue import case, of
from support.control_plane import ControlPlane
from support.custom_kinds import definitions
from support.kube_paths import collection, path_of
from support.pod_faults import FAULTS
from support.webhook import Webhook
from support.webhooks import entry
from support.widening import (
    AGENT,
    READ,
    SECRETS,
    binding,
    body,
    cluster_role,
    group,
    network_policy,
    role,
    user,
)

from policyc.deploy.configurations import NAME
from policyc.deploy.drift import drift
from policyc.deploy.reach import Reach, written

pytestmark = pytest.mark.e2e
__all__ = ["case"]

Json = Any  # documents of the API
CONFIGURATIONS = [
    f"/apis/admissionregistration.k8s.io/v1/{plural}/{NAME}"
    for plural in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
]
VALIDATING = CONFIGURATIONS[0]
ACCOUNTS = ("admin", "default")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ControlPlane, Webhook]]:
    """A cluster of its own in which the agents run as they should, and the webhook with its guard."""
    with ControlPlane(tmp_path_factory.mktemp("plane"), audit_level="Metadata") as plane:
        there = (body("Namespace", "elsewhere"), *definitions(), *cluster())
        for one in (*there, *map(runtime_class, ("gvisor", "runc")), *map(account, ACCOUNTS)):
            answer = plane.admin.apply(path_of(one), one, force="true")
            assert answer.status in (200, 201), answer.message
        webhook = Webhook(
            tmp_path_factory.mktemp("webhook"),
            cluster=True,
            kubeconfig=plane.kubeconfig,
            guard=True,
            operators=["operator"],
        )
        with webhook:
            webhook.wait_until(lambda: is_guarding(plane))
            yield plane, webhook


def is_guarding(plane: ControlPlane) -> bool:
    """Whether the API server asks the webhook: a canary is refused."""
    bad = pod("research")
    bad["spec"]["hostPID"] = True
    return dry(plane, bad).status == 403


def runtime_class(name: str) -> Json:
    return body("RuntimeClass", name, "", "node.k8s.io/v1", handler=name)


def account(name: str) -> Json:
    return body("ServiceAccount", name, "agents")


def dry(plane: ControlPlane, made: Json) -> Any:
    return plane.admin.create(collection(made), made, dryRun="All")


def workload(kind_name: str, agent: str = "research", *faults: str) -> Json:
    """An object of the kind for the agent, as the API server takes it."""
    inner = pod(agent)
    for fault in faults:
        FAULTS[fault](inner["spec"])
    made = in_kind(kind(kind_name), inner)
    if kind_name == "Pod":
        return made
    template = made
    for key in kind(kind_name).template:
        template = template[key]
    labels = template["metadata"]["labels"]
    if kind_name in ("Job", "CronJob"):
        template["spec"]["restartPolicy"] = "Never"
    match kind_name:
        case "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet":
            made["spec"]["selector"] = {"matchLabels": labels}
        case "ReplicationController":
            made["spec"]["selector"] = labels
        case "CronJob":
            made["spec"]["schedule"] = "0 0 1 1 *"
    return made


@of("H7")
def test_a_namespace_does_not_opt_out_by_a_part_of_it(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    plane, _ = guarded
    path = "/api/v1/namespaces/agents"
    for part in ("", "/status", "/finalize"):
        space = plane.admin.get(path).body
        space["metadata"]["labels"]["policyc.dev/ignore"] = "true"
        answer = plane.admin.request("PUT", path + part, space)
        assert answer.status == 403, (part, answer.message)
        assert "OPTOUT_LABEL:" in answer.message


def test_mutation_completes_what_narrows(guarded: tuple[ControlPlane, Webhook]) -> None:
    made = workload("Pod", "summary")
    made["spec"].pop("automountServiceAccountToken")
    made["spec"]["securityContext"].pop("seccompProfile")
    answer = dry(guarded[0], made)
    assert answer.status == 201, answer.message
    spec = answer.body["spec"]
    assert spec["automountServiceAccountToken"] is False
    profiles = [spec["securityContext"].get("seccompProfile")]
    profiles += [c["securityContext"].get("seccompProfile") for c in spec["containers"]]
    assert {"type": "Localhost", "localhostProfile": "policyc/summary.json"} in profiles


def test_an_audited_agent_is_warned_about(guarded: tuple[ControlPlane, Webhook]) -> None:
    answer = dry(guarded[0], workload("CronJob", "digest", "host-pid"))
    assert answer.status == 201, answer.message
    assert any("HOST_PID" in warning for warning in answer.warnings)


def test_decisions_are_in_the_servers_own_audit_log(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    plane, webhook = guarded
    dry(plane, workload("Pod", "research", "host-ipc"))

    def is_written() -> bool:
        events = [
            json.loads(x) for x in plane.audit_log.read_text().splitlines() if x.endswith("}")
        ]
        notes = [e.get("annotations", {}) for e in events]
        return any(
            "HOST_IPC:deny" in n.get("workloads.policyc.dev/reasons", "")
            and n.get("workloads.policyc.dev/agent") == "research"
            for n in notes
        )

    webhook.wait_until(is_written)


@of("A14")
def test_a_refused_pod_of_an_admitted_replica_set_is_an_event(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    """An orphan controller without an agent's name; its pods would be the agent."""
    plane, webhook = guarded
    made = workload("ReplicationController", "research", "account-other")
    made["metadata"]["name"] = "other"
    made["spec"]["replicas"] = 1
    made["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    made["spec"]["selector"] = {"app": "other"}
    made["spec"]["template"]["spec"]["serviceAccountName"] = "late"
    assert plane.admin.create(collection(made), made).status == 201
    event = plane.admin.first(
        "/api/v1/namespaces/agents/events", lambda e: e["reason"] == "FailedCreate"
    )
    assert event["involvedObject"]["kind"] == "ReplicationController"
    assert webhook.is_ready()


# -- its own configuration ------------------------------------------------------------


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=["validating", "mutating"])
@of("J1")
def test_a_deleted_configuration_returns(guarded: tuple[ControlPlane, Webhook], path: str) -> None:
    plane, webhook = guarded
    before = webhook.metric("policyc_configuration_restored_total")
    uid = plane.admin.get(path).body["metadata"]["uid"]
    assert plane.admin.delete(path).status == 200
    webhook.daemon.wait_until(lambda: plane.admin.get(path).status == 200, 5)
    assert plane.admin.get(path).body["metadata"]["uid"] != uid
    assert webhook.metric("policyc_configuration_restored_total") > before
    webhook.wait_until(lambda: is_guarding(plane))


def _set(field: str, value: Json) -> Callable[[Json], None]:
    def change(configuration: Json) -> None:
        entry(configuration, "workloads")[field] = value

    return change


def _without_authority(configuration: Json) -> None:
    entry(configuration, "workloads")["clientConfig"].pop("caBundle")


CHANGES: dict[str, Callable[[Json], None]] = {
    "failurePolicy": _set("failurePolicy", "Ignore"),
    "rules": lambda c: entry(c, "workloads")["rules"].pop(),
    "caBundle": _without_authority,
    "namespaceSelector": _set("namespaceSelector", {"matchLabels": {"never": "there"}}),
    "objectSelector": _set("objectSelector", {"matchLabels": {"never": "there"}}),
    "matchConditions": _set("matchConditions", [{"name": "off", "expression": "false"}]),
    "timeoutSeconds": _set("timeoutSeconds", 1),
    "matchPolicy": _set("matchPolicy", "Exact"),
    "sideEffects": _set("sideEffects", "NoneOnDryRun"),
    "entry": lambda c: c["webhooks"].pop(0),
}


@pytest.mark.parametrize("change", [pytest.param(c, id=f"J2-{n}") for n, c in CHANGES.items()])
def test_a_changed_configuration_is_put_right(
    guarded: tuple[ControlPlane, Webhook], change: Callable[[Json], None]
) -> None:
    plane, webhook = guarded
    right = plane.admin.get(VALIDATING).body
    broken = copy.deepcopy(right)
    change(broken)
    before = webhook.metric("policyc_configuration_restored_total")
    assert plane.admin.request("PUT", VALIDATING, broken).status == 200

    def is_right() -> bool:
        return drift(plane.admin.get(VALIDATING).body, right) == ()

    webhook.daemon.wait_until(is_right, 5)
    assert webhook.metric("policyc_configuration_restored_total") > before
    assert any(line["message"] == "webhook configuration restored" for line in webhook.log())
    webhook.wait_until(lambda: is_guarding(plane))


# -- without a webhook ----------------------------------------------------------------


@of("K3")
def test_without_a_webhook_only_what_reaches_agents_is_closed(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    plane, webhook = guarded
    for one in HEARD_OF:
        answer = plane.admin.apply(path_of(one), one)
        assert answer.status in (200, 201), answer.message
    heard_of = Reach.of({"shared-reader", ODD}, {"team"})
    webhook.wait_until(lambda: heard_of <= written(plane.admin.get(VALIDATING).body))
    webhook.daemon.stop()
    try:
        refused = dry(plane, workload("Pod"))
        assert refused.status == 500
        assert "failed calling webhook" in refused.message
        plain = {"containers": [{"name": "a", "image": "x"}]}
        for space in ("default", "kube-system", "mcp"):
            assert dry(plane, body("Pod", "x", space, spec=plain)).status == 201, space
        for free in (*WITHOUT_AGENTS, body("Node", "n1"), body("Namespace", "fresh")):
            assert dry(plane, free).status == 201, free
        for one in (*shared("elsewhere"), *REACHING):
            assert dry(plane, one).status == 500, one
    finally:
        webhook.start()
        webhook.wait_until(lambda: is_guarding(plane))


OWN = {"kind": "ServiceAccount", "name": "research"}
"""An account of the binding's own namespace: a subject needs to name none."""
BINDINGS = (
    binding(AGENT, role="ClusterRole/edit", namespace=""),
    binding(group("system:authenticated"), role="ClusterRole/edit", namespace=""),
    binding(group("system:serviceaccounts:agents"), role="ClusterRole/edit", namespace=""),
    binding(user("system:serviceaccount:agents:research"), role="ClusterRole/edit", namespace=""),
    binding(OWN, role="ClusterRole/edit"),
    binding({**OWN, "namespace": ""}, role="ClusterRole/edit"),
)
"""One of each form that a subject has by which it reaches an agent."""


@pytest.mark.parametrize("one", BINDINGS, ids=lambda one: one["subjects"][0]["name"])
@of("G1")
def test_a_binding_that_widens_an_agent_is_refused(
    guarded: tuple[ControlPlane, Webhook], one: Json
) -> None:
    refused = dry(guarded[0], one)
    assert refused.status == 403
    assert "RBAC_WIDENS" in refused.message


def test_what_is_closed_without_a_webhook_is_decided_once_with_it(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    """What two entries tell apart goes to one of them."""
    plane, webhook = guarded

    def decided() -> float:
        lines = webhook.probe("/metrics")[1].splitlines()
        counts = (line for line in lines if line.startswith("policyc_admission_seconds_count{"))
        return sum(float(line.split()[-1]) for line in counts if 'path="validate"' in line)

    for one in (*REACHING, *WITHOUT_AGENTS):
        before = decided()
        dry(plane, one)
        free = ("ClusterRoleBinding", "RoleBinding", "ConfigMap")
        is_asked = one["kind"] not in free or one in REACHING
        assert decided() - before == is_asked, one


def service(name: str, **spec: Json) -> Json:
    ports = [{"port": 80}]
    return body("Service", name, "elsewhere", spec={"selector": {"a": "b"}, "ports": ports, **spec})


ODD = "it's [a] \\u role"
HEARD_OF = (
    cluster_role(READ, name=ODD),
    binding(AGENT, role=f"ClusterRole/{ODD}", name="odd"),
    cluster_role(READ, name="shared-reader"),
    binding(AGENT, role="ClusterRole/shared-reader", name="shared-reader"),
    network_policy(
        "to-teams",
        podSelector={"matchLabels": {"app": "other"}},
        egress=[{"to": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}],
    ),
)
"""What the guard learns from the cluster: a role that an agent has, a label by which peers are chosen."""
REACHING = (
    *BINDINGS,
    cluster_role(SECRETS, name="shared-reader"),
    cluster_role(SECRETS, name=ODD),
    cluster_role(SECRETS, name="policyc-research.agents"),
    role(SECRETS, name="policyc-research.agents", namespace="elsewhere"),
    role(SECRETS, name="kubeadm:bootstrap-signer-clusterinfo", namespace="kube-public"),
    body("Namespace", "late", metadata={"labels": {"team": "a"}}),
    service("taken", externalIPs=["203.0.113.9"]),
    body("GlobalNetworkPolicy", "open", "", "crd.projectcalico.org/v1", spec={"egress": [{"action": "Allow"}]}),
    body("CiliumClusterwideNetworkPolicy", "open", "", "cilium.io/v2", spec={"egress": [{}]}),
)  # fmt: skip
"""What reaches agents out of other namespaces, or out of none."""
WITHOUT_AGENTS = (
    binding(user("cni"), role="ClusterRole/cni", namespace=""),
    binding(group("system:serviceaccounts:others"), role="ClusterRole/cni", namespace=""),
    binding(OWN, role="ClusterRole/cni", namespace="elsewhere"),
    cluster_role(SECRETS, name="cni"),
    cluster_role(SECRETS, name="policyc-research.other"),
    role(SECRETS, name="research.agents", namespace="elsewhere"),
    body("Namespace", "late", metadata={"labels": {"squad": "a"}}),
    service("plain"),
    body("ConfigMap", "x", "elsewhere", data={}),
)


def shared(space: str) -> list[Json]:
    """What gives tools to agents of other namespaces: a grant, and a server that shows all it has."""
    tools = {"targetRefs": [{"name": "web"}], "rules": [{"source": {"serviceAccount": AGENT}}]}
    api = "agentic.networking.x-k8s.io/v1alpha1"
    return [
        body("XAccessPolicy", "more", space, api, spec=tools),
        body("MCPServer", "web", space, "toolhive.stacklok.dev/v1beta1", spec={}),
    ]


def test_tools_are_granted_from_another_namespace_as_from_the_agents_own(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    plane, _ = guarded
    for space in ("agents", "elsewhere"):
        for one in shared(space):
            answer = dry(plane, one)
            assert answer.status == 403, (one, answer.message)
            assert "ALL_TOOLS: " in answer.message
