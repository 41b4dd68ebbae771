"""The webhook on a real API server: admitted, completed, refused, explained, restored."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster, in_kind, kind, pod
from support.catalogue import case, of
from support.control_plane import ControlPlane
from support.kube_paths import collection, path_of
from support.pod_faults import FAULTS
from support.webhook import Webhook
from support.webhooks import entry
from support.widening import AGENT, SECRETS, binding, body, group, network_policy, role, user

from policyc.cli.main import Exit, main
from policyc.deploy.configurations import NAME, Target, validating
from policyc.deploy.drift import drift

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
        for one in (*cluster(), *map(runtime_class, ("gvisor", "runc")), *map(account, ACCOUNTS)):
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


KINDS = {
    "A1": "Pod",
    "A3": "Deployment",
    "A4": "ReplicaSet",
    "A5": "StatefulSet",
    "A6": "DaemonSet",
    "A7": "Job",
    "A8": "CronJob",
    "A9": "ReplicationController",
    "A11": "PodTemplate",
}


@pytest.mark.parametrize("name", [pytest.param(k, id=f"{i}-good") for i, k in KINDS.items()])
@pytest.mark.parametrize("agent", ["research", "summary"])
def test_compliant_workloads_are_admitted(
    guarded: tuple[ControlPlane, Webhook], name: str, agent: str
) -> None:
    answer = dry(guarded[0], workload(name, agent))
    assert answer.status == 201, answer.message


@pytest.mark.parametrize("name", [pytest.param(k, id=i) for i, k in KINDS.items()])
def test_a_fault_is_refused_in_every_kind(guarded: tuple[ControlPlane, Webhook], name: str) -> None:
    answer = dry(guarded[0], workload(name, "research", "host-network"))
    assert answer.status == 403, answer.message
    assert "HOST_NET" in answer.message


POD_FAULTS = {
    "C5": ("token-vault", "TOKEN_VOLUME"),
    "C7": ("init", "IMAGE"),
    "C8": ("sidecar", "IMAGE"),
    "C9": ("second", "IMAGE"),
    "C10": ("host-network", "HOST_NET"),
    "C11": ("host-pid", "HOST_PID"),
    "C12": ("host-ipc", "HOST_IPC"),
    "C14": ("host-path", "HOSTPATH"),
    "C15": ("host-path-root", "HOSTPATH"),
    "C17": ("privileged", "PRIVILEGED"),
    "C18": ("adds-raw", "CAPABILITY"),
    "C18-prefixed": ("adds-prefixed", "CAPABILITY"),
    "C18-ALL": ("adds-all", "CAPABILITY"),
    "C19": ("root-number", "ROOT"),
    "C20": ("runtime-other", "RUNTIME_CLASS"),
    "C25": ("image-suffix", "IMAGE"),
    "C26": ("image-port-only", "IMAGE"),
    "C27": ("image-hub", "IMAGE"),
    "D1": ("seccomp-unconfined", "SECCOMP_TYPE"),
    "D2": ("seccomp-default", "SECCOMP_TYPE"),
    "D3": ("seccomp-pod-other", "SECCOMP_PROFILE"),
    "D4": ("seccomp-slashes", "SECCOMP_PROFILE"),
}


@pytest.mark.parametrize(
    ("fault", "reason"), [pytest.param(*row, id=i) for i, row in POD_FAULTS.items()]
)
def test_what_a_pod_may_not_be(
    guarded: tuple[ControlPlane, Webhook], fault: str, reason: str
) -> None:
    answer = dry(guarded[0], workload("Pod", "research", fault))
    assert answer.status == 403, answer.message
    assert f"{reason}:" in answer.message


def others() -> dict[str, Json]:
    """Objects that would widen the agent from outside."""
    return {
        "F1": network_policy(egress=[{}], policyTypes=["Egress"]),
        "F7": body(
            "Service",
            "x",
            "agents",
            spec={"type": "ExternalName", "externalName": "evil.example.net"},
        ),
        "F9": body(
            "Service", "x", "agents", spec={"ports": [{"port": 1}], "externalIPs": ["203.0.113.9"]}
        ),
        "G1": binding(AGENT, role="ClusterRole/edit"),
        "G2": binding(group("system:serviceaccounts:agents"), role="ClusterRole/edit"),
        "G3": binding(group("system:serviceaccounts"), role="ClusterRole/edit", namespace=""),
        "G4": binding(user("system:serviceaccount:agents:research"), role="ClusterRole/edit"),
        "G5": binding(AGENT, role="ClusterRole/edit", namespace=""),
        "G1-elsewhere": binding(AGENT, role="ClusterRole/edit", namespace="mcp"),
    }


@pytest.mark.parametrize("made", [pytest.param(o, id=i) for i, o in others().items()])
def test_what_would_widen_an_agent(guarded: tuple[ControlPlane, Webhook], made: Json) -> None:
    answer = dry(guarded[0], made)
    assert answer.status == 403, (answer.status, answer.message)
    assert "admission webhook" in answer.message


@of("G6")
def test_a_bound_role_does_not_grow(guarded: tuple[ControlPlane, Webhook]) -> None:
    plane, _ = guarded
    (bound,) = [b for b in cluster() if b["kind"] == "Role"]
    wider = {**bound, "rules": [*bound["rules"], SECRETS]}
    answer = plane.admin.apply(path_of(bound), wider, force="true", dryRun="All")
    assert answer.status == 403, answer.message
    harmless = role(SECRETS, name="unbound")
    assert dry(plane, harmless).status == 201


@of("F4")
def test_a_generated_network_policy_stays(guarded: tuple[ControlPlane, Webhook]) -> None:
    plane, _ = guarded
    (policy,) = [b for b in cluster() if path_of(b).endswith("networkpolicies/policyc-research")]
    answer = plane.admin.delete(path_of(policy), dryRun="All")
    assert answer.status == 403, answer.message


@of("F5")
def test_labels_do_not_slip_off_by_a_pods_status(guarded: tuple[ControlPlane, Webhook]) -> None:
    plane, _ = guarded
    made = workload("Pod")
    assert plane.admin.create(collection(made), made).status == 201
    path = f"{collection(made)}/{made['metadata']['name']}"
    running = plane.admin.get(path).body
    running["status"]["message"] = "said by its node"
    assert plane.admin.request("PUT", f"{path}/status", running).status == 200
    bare = plane.admin.get(path).body
    bare["metadata"]["labels"] = {}
    answer = plane.admin.request("PUT", f"{path}/status", bare)
    assert answer.status == 403, answer.message
    assert "LABEL_ESCAPE:" in answer.message
    plane.admin.delete(path, gracePeriodSeconds=0)


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


@of("B13")
def test_nobody_gets_an_agents_token(guarded: tuple[ControlPlane, Webhook]) -> None:
    plane, _ = guarded
    asked = body("TokenRequest", "", "", "authentication.k8s.io/v1", spec={})
    path = "/api/v1/namespaces/agents/serviceaccounts/{}/token"
    assert plane.admin.create(path.format("research"), asked).status == 403
    assert plane.admin.create(path.format("admin"), asked).status == 201
    secret = body(
        "Secret",
        "token",
        "agents",
        type="kubernetes.io/service-account-token",
        metadata={"annotations": {"kubernetes.io/service-account.name": "research"}},
    )
    assert dry(plane, secret).status == 403
    assert dry(plane, body("Secret", "plain", "agents", data={})).status == 201


@of("H4")
def test_an_agent_that_is_not_registered_is_warned_about(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    env = [{"name": "OPENAI_API_KEY", "value": "x"}]
    container = {"name": "a", "image": "x", "env": env}
    shadow = body("Pod", "shadow", "default", spec={"containers": [container]})
    answer = dry(guarded[0], shadow)
    assert answer.status == 201
    assert any("SHADOW" in warning for warning in answer.warnings), answer.warnings


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


@of("A17")
def test_the_live_configuration_is_clean_until_it_is_not(
    guarded: tuple[ControlPlane, Webhook], capsys: pytest.CaptureFixture[str]
) -> None:
    plane, webhook = guarded
    arguments = ["verify-webhook", "--live", f"--kubeconfig={plane.kubeconfig}"]
    arguments += [f"--bundle={webhook.bundle}", "--operators=operator"]
    assert main(arguments) == Exit.CLEAN, capsys.readouterr().err
    assert main([*arguments, "--home=elsewhere"]) == Exit.FINDINGS
    assert "PC8102" in capsys.readouterr().err


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
def test_without_a_webhook_only_agents_namespaces_are_closed(
    guarded: tuple[ControlPlane, Webhook],
) -> None:
    plane, webhook = guarded
    webhook.daemon.stop()
    try:
        refused = dry(plane, workload("Pod"))
        assert refused.status == 500
        assert "failed calling webhook" in refused.message
        plain = {"containers": [{"name": "a", "image": "x"}]}
        for space in ("default", "kube-system", "policyc-system", "mcp"):
            assert dry(plane, body("Pod", "x", space, spec=plain)).status == 201, space
        free = (
            body("Node", "n1"),
            body("ClusterRole", "cni", "", "rbac.authorization.k8s.io/v1", rules=[]),
            binding(user("cni"), role="ClusterRole/cni", namespace=""),
            body("Namespace", "fresh"),
            body("ConfigMap", "x", "default", data={}),
        )
        for one in free:
            assert dry(plane, one).status == 201, one
        assert dry(plane, binding(AGENT, role="ClusterRole/edit", namespace="")).status == 500
    finally:
        webhook.start()
        webhook.wait_until(lambda: is_guarding(plane))


@of("K4")
def test_a_cluster_that_starts_without_a_webhook_gets_one(tmp_path: Path) -> None:
    """Configured, and no pod of it anywhere: the pods of its own Deployment are made."""
    with ControlPlane(tmp_path) as plane:
        configuration = validating(Target(("agents",), ca_bundle=""))
        assert plane.admin.apply(VALIDATING, configuration).status == 201
        plane.api_server.stop()
        plane.start_api_server()
        plane.make_namespace("policyc-system")
        for name in ("default", NAME):
            made = body("ServiceAccount", name, "policyc-system")
            assert plane.admin.apply(path_of(made), made, force="true").status in (200, 201)
        labels = {"app": NAME}
        spec = {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"serviceAccountName": NAME, "containers": [{"name": "w", "image": "x"}]},
            },
        }
        deployment = body("Deployment", NAME, "policyc-system", "apps/v1", spec=spec)
        assert plane.admin.create(collection(deployment), deployment).status == 201
        found = plane.admin.first("/api/v1/namespaces/policyc-system/pods", lambda _: True)
        assert found["metadata"]["labels"]["app"] == NAME
