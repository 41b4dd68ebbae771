"""Group A on a real API server: wherever a kind keeps its pod, the pod is found."""

from __future__ import annotations

import io
import json

import pytest
from support.admission import in_kind, kind, pod, request
from support.cases.row import Row, each
from support.cases.workloads import FAULTY, GOOD, faulty
from support.catalogue import case, of
from support.guarded import Guarded, served
from support.webhook import review
from support.webhooks import entry
from support.widening import body

from policyc.cli.main import Exit, main

pytestmark = pytest.mark.e2e
__all__ = ["case"]

CONTROLLERS = "system:serviceaccount:kube-system:"


@each(GOOD)
def test_the_good_ones_are_admitted(guarded: Guarded, asked: Row) -> None:
    answer = guarded.ask(asked.made)
    assert answer.is_admitted and not answer.warned, answer


@each(FAULTY)
def test_a_fault_in_the_template_is_found(guarded: Guarded, asked: Row) -> None:
    answer = guarded.ask(asked.made)
    assert answer.denied == asked.denied, answer
    template = kind(asked.made["kind"]).template
    assert ".".join((*template, "spec.serviceAccountName")) in answer.message


@of("A10")
def test_no_template_is_no_pod(guarded: Guarded) -> None:
    """The API server refuses it on its own; the webhook would let it be."""
    made = in_kind(kind("ReplicationController"), pod())
    made["spec"] = {"replicas": 0, "selector": {"app": "x"}, "template": None}
    assert guarded.ask(made).is_invalid
    assert guarded.webhook.post(review(request(made))).response["allowed"] is True


@of("A14")
def test_the_pod_is_the_last_gate_of_kinds_that_nobody_knows(guarded: Guarded) -> None:
    template = {"metadata": faulty()["metadata"], "spec": faulty()["spec"]}
    rollout = body("Rollout", "research", "agents", "example.com/v1", spec={"template": template})
    assert guarded.ask(rollout).is_admitted
    made = faulty()
    owner = {"apiVersion": "example.com/v1", "kind": "Rollout", "name": "research", "uid": "0"}
    made["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
    operator = guarded.as_user("system:serviceaccount:x:operator")
    assert guarded.ask(made, client=operator).denied == {"SA_NOT_ALLOWED"}


@pytest.mark.parametrize(
    "user",
    [
        pytest.param(f"{CONTROLLERS}replicaset-controller", id="A15"),
        pytest.param("system:kube-controller-manager", id="A15-component"),
        pytest.param("system:admin", id="A15-admin"),
    ],
)
def test_no_user_of_the_system_is_exempt(guarded: Guarded, user: str) -> None:
    assert guarded.ask(faulty(), client=guarded.as_user(user)).denied == {"SA_NOT_ALLOWED"}
    impersonated = {"Impersonate-User": user, "Impersonate-Group": "system:masters"}
    assert guarded.ask(faulty(), headers=impersonated).denied == {"SA_NOT_ALLOWED"}


@of("A16")
def test_another_version_is_converted_and_judged(guarded: Guarded) -> None:
    """No kind that starts pods has two versions any more; scales and autoscalers aside."""
    (workloads,) = (
        entry(one, "workloads")
        for one in guarded.configurations
        if one["kind"].startswith("Validating")
    )
    assert workloads["matchPolicy"] == "Equivalent"
    old = {"group": "extensions", "version": "v1beta1", "kind": "Deployment"}
    served_as = {"group": "extensions", "version": "v1beta1", "resource": "deployments"}
    asked = review(
        request(in_kind(kind("Deployment"), faulty())), requestKind=old, requestResource=served_as
    )
    assert guarded.webhook.post(asked).reasons == {"SA_NOT_ALLOWED"}


VERIFY = ("verify-webhook", "--live")


def verify(guarded: Guarded) -> list[str]:
    """How `verify-webhook` is asked about this cluster."""
    where = [f"--kubeconfig={guarded.plane.kubeconfig}", f"--bundle={guarded.webhook.bundle}"]
    return [*VERIFY, *where, *(f"--operators={user}" for user in guarded.operators)]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        pytest.param("rules", [], "PC8102", id="A17"),
        pytest.param("objectSelector", {"matchLabels": {"policyc.dev/on": "1"}}, "PC8104", id="H8"),
    ],
)
def test_a_configuration_that_lets_something_past_is_named(
    guarded: Guarded, field: str, value: object, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(verify(guarded)) == Exit.CLEAN, capsys.readouterr().out
    validating = next(c for c in guarded.configurations if c["kind"].startswith("Validating"))
    weaker = json.loads(json.dumps(validating))
    entry(weaker, "workloads")[field] = value
    guarded.store([weaker])
    try:
        assert main(verify(guarded)) == Exit.FINDINGS
        assert code in capsys.readouterr().err
    finally:
        guarded.guard()


@of("F13")
def test_a_cluster_in_which_nothing_enforces_policies_is_named(
    guarded: Guarded, capsys: pytest.CaptureFixture[str]
) -> None:
    """The control plane of the tests has no nodes, so no plug-in either."""
    assert main(verify(guarded)) == Exit.CLEAN
    assert "PC8113" in capsys.readouterr().err
    labels = {"k8s-app": "calico-node"}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "calico-node", "image": "x"}]},
        },
    }
    plugin = body("DaemonSet", "calico-node", "kube-system", "apps/v1", spec=spec)
    with guarded.holding(plugin, judged=True):
        assert main(verify(guarded)) == Exit.CLEAN
        assert "PC8113" not in capsys.readouterr().err


ANCHORS = """
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: &named {name: research-1, namespace: agents}
  spec: &spec
    serviceAccountName: research
    containers: [{name: agent, image: x}]
- apiVersion: v1
  kind: Pod
  metadata: *named
  spec:
    <<: *spec
    hostPID: true
"""


@of("A18")
def test_the_command_line_judges_each_item_as_the_api_server_does(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same stream to both, as a kustomization or a chart would print it."""
    listed = {"apiVersion": "v1", "kind": "List", "items": [pod("summary"), served(FAULTY[0].made)]}
    text = f"{json.dumps(listed)}\n---\n{ANCHORS}"
    applied = guarded.plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=text)
    assert applied.returncode == 1
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    arguments = ["admit", "-", f"--bundle={guarded.webhook.bundle}", "--format=json"]
    held = guarded.webhook.folder / "held.json"
    held.write_text(guarded.plane.kubectl("get", "-A", "-o", "json", KINDS).stdout)
    assert main([*arguments, f"--cluster={held}"]) == Exit.FINDINGS
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert applied.stdout.splitlines() == ["pod/summary-1 created (server dry run)"]
    assert applied.stderr.count("denied the request") == 3
    for reason, count in {"SA_NOT_ALLOWED": 1, "IMAGE": 2, "HOST_PID": 1}.items():
        assert applied.stderr.count(f" {reason}: ") == count, applied.stderr
        assert sum(d["message"].startswith(f"{reason}: ") for d in found) == count, reason


KINDS = "namespaces,serviceaccounts,networkpolicies,roles,rolebindings,services,configmaps"
"""What decisions about these items rest on."""
