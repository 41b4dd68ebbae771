"""Group H without shadow agents: who an object is, whatever it says; and what ends."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from support.admission import (
    SETTINGS,
    TODAY,
    Json,
    bundle,
    in_kind,
    judge,
    kind,
    pod,
    reasons,
    request,
    view,
)
from support.cases.identities import CLAIMS, FALSE, NAMESPACES
from support.cases.row import Row, each
from support.widening import (
    AGENT,
    SECRETS,
    binding,
    body,
    cluster_role,
    labelled,
    labels_removed,
    unknown,
)

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.verdict import Verdict
from policyc.envelope.model import Expiry
from policyc.envelope.region import Region
from policyc.kube.workloads import WORKLOAD_KINDS

KEY = "policyc.dev/agent"


def annotated(made: Json, **annotations: str) -> Json:
    metadata = {**made["metadata"], "annotations": annotations}
    return {**made, "metadata": metadata}


def faulty() -> Json:
    """A pod of the workload's name with another account: refused however it is dressed."""
    made = pod()
    made["spec"]["serviceAccount"] = "admin"
    return made


@pytest.mark.parametrize("case", ["H1"])
def test_the_account_says_who_it_is(case: str) -> None:
    verdict = judge(request(labels_removed(pod(), KEY)))
    assert verdict.agent == "research"
    assert reasons(verdict) == {"NO_DEFAULT_DENY"}
    for row in WORKLOAD_KINDS:
        assert judge(request(in_kind(row, labels_removed(pod(), KEY)))).agent == "research"


@each(CLAIMS)
def test_claims(asked: Row) -> None:
    assert reasons(judge(request(asked.made))) == asked.denied


def selected_by(agent: Agent, **labels: str) -> Agent:
    subject = replace(agent.envelope.subject, pod_labels=tuple(labels.items()))
    return replace(agent, envelope=replace(agent.envelope, subject=subject))


@pytest.mark.parametrize("account", ["digest", "web"])
@pytest.mark.parametrize("case", ["H2-dressed"])
def test_a_pod_is_held_to_every_agent_whose_labels_it_bears(account: str, case: str) -> None:
    """An agent that is only warned about gets nothing that an enforced one has."""
    agents = bundle().agents
    known = Bundle(
        [
            selected_by(agents["digest"], app="digest"),
            selected_by(agents["research"], role="research", tier="a"),
            selected_by(agents["summary"], role="summary"),
        ]
    )
    for more, expected in (
        ({"role": "research"}, set()),
        ({"role": "research", "tier": "a"}, {"SA_NOT_ALLOWED"}),
    ):
        made = pod("digest")
        made["metadata"]["labels"] = {"app": "digest", **more}
        made["spec"]["serviceAccountName"] = account
        verdict = evaluate(request(made), known, view(), SETTINGS, TODAY)
        assert verdict.agent == "digest"
        assert reasons(verdict) == expected
        assert {f.agent for f in verdict.denials} <= {"research"}
        old = {**made, "metadata": {**made["metadata"], "labels": {"app": "digest"}}}
        update = evaluate(request(made, "UPDATE", old), known, view(), SETTINGS, TODAY)
        assert reasons(update) == expected


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize(("key", "value"), [pytest.param(*c, id=i) for i, c in FALSE.items()])
def test_a_false_claim(field: str, key: str, value: str) -> None:
    for row in WORKLOAD_KINDS[1:]:
        outer = in_kind(row, pod())
        outer["metadata"][field] = {key: value}
        assert reasons(judge(request(outer))) == {"CLASS_MISMATCH"}
    other = pod()
    other["spec"]["serviceAccountName"] = "web"
    other["metadata"] = {"name": "web-1", "namespace": "agents", field: {key: value}}
    # With the very labels that select an agent's pods, it is judged as that agent.
    assert reasons(judge(request(other))) & {"CLASS_MISMATCH", "SA_NOT_ALLOWED"}


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("policyc.dev/class", id="H3"),
        pytest.param("policyc.dev/agent", id="H3-agent"),
    ],
)
def test_a_disguise(key: str) -> None:
    known = labelled(pod(), **{"policyc.dev/class": "research-agents"})
    for row in WORKLOAD_KINDS:
        old, new = in_kind(row, known), in_kind(row, labels_removed(known, key))
        assert "DISGUISE" in reasons(judge(request(new, "UPDATE", old)))
        assert judge(request(old, "UPDATE", new)).allowed
    false = labelled(pod(), **{"policyc.dev/class": "other"})
    assert judge(request(labels_removed(false, "policyc.dev/class"), "UPDATE", false)).allowed


@each(NAMESPACES)
def test_nobody_opts_out(asked: Row) -> None:
    made, operation, old = asked.made, asked.operation, asked.old
    assert reasons(judge(request(made, operation, old))) == asked.denied
    (operator,) = SETTINGS.operators
    assert judge(request(made, operation, old, user=operator)).findings == ()


def moved(agent: Agent, namespace: str) -> Agent:
    subject = agent.envelope.subject
    assert subject.workload is not None
    there = replace(subject.workload, namespace=namespace)
    account = f"{namespace}/{subject.service_account.partition('/')[2]}"
    known = replace(subject, workload=there, service_account=account)
    return replace(agent, envelope=replace(agent.envelope, subject=known))


@pytest.mark.parametrize("case", ["H9"])
def test_no_namespace_is_out_of_reach(case: str) -> None:
    made = pod()
    made["metadata"]["namespace"] = "kube-system"
    assert reasons(judge(request(made))) == {"CLASS_MISMATCH"}
    there = Bundle([moved(bundle().agents["research"], "kube-system")])
    verdict = evaluate(request(made), there, view(), SETTINGS, TODAY)
    assert verdict.agent == "research"
    assert reasons(verdict) == {"NO_DEFAULT_DENY"}


@pytest.mark.parametrize("user", ["system:serviceaccount:kube-system:replicaset-controller", "a"])
@pytest.mark.parametrize("case", ["H10"])
def test_an_owner_vouches_for_nothing(user: str, case: str) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "research-5", "uid": "0", "controller": True}  # fmt: skip
    for made, expected in ((pod(), set()), (faulty(), {"AMBIGUOUS_SA"})):
        made["metadata"]["ownerReferences"] = [owner]
        assert reasons(judge(request(made, user=user))) == expected


@pytest.mark.parametrize("case", ["H11"])
def test_an_orphan_is_judged_when_it_is_made(case: str) -> None:
    orphan = labelled(faulty(), **{"pod-template-hash": "5"})
    assert reasons(judge(request(orphan))) == {"AMBIGUOUS_SA"}
    adopted = copy.deepcopy(orphan)
    adopted["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "research-5"}]
    assert {f.reason for f in judge(request(adopted, "UPDATE", orphan)).warnings} == {
        "AMBIGUOUS_SA"
    }


def mirror_pod() -> Json:
    made = body("Pod", "etcd-node-1", "kube-system", spec={"containers": [], "hostNetwork": True})
    return annotated(made, **{"kubernetes.io/config.mirror": "0f"})


@pytest.mark.parametrize("case", ["H12"])
def test_a_kubelet_reports_a_static_pod(case: str) -> None:
    verdict = judge(request(mirror_pod(), user="system:node:node-1", groups=("system:nodes",)))
    assert verdict.allowed
    assert "STATIC_POD" in {f.reason for f in verdict.findings}


@pytest.mark.parametrize("case", ["H13"])
def test_nobody_else_reports_a_static_pod(case: str) -> None:
    assert "MIRROR_POD" in reasons(judge(request(mirror_pod())))
    named = request(mirror_pod(), user="system:node:node-1")  # not in the group of the nodes
    assert "MIRROR_POD" in reasons(judge(named))
    template = in_kind(kind("Deployment"), pod())
    template["spec"]["template"]["metadata"]["annotations"] = {"kubernetes.io/config.mirror": ""}
    assert reasons(judge(request(template))) == {"MIRROR_POD"}


@pytest.mark.parametrize("case", ["H14"])
def test_a_generated_name(case: str) -> None:
    for made, expected in ((pod(), set()), (faulty(), {"AMBIGUOUS_SA"})):
        del made["metadata"]["name"]
        made["metadata"]["generateName"] = "research-"
        verdict = judge(request(made))
        assert verdict.agent == "research"
        assert reasons(verdict) == expected


@pytest.mark.parametrize("case", ["H15"])
def test_the_requests_namespace_decides(case: str) -> None:
    made = pod()
    made["metadata"]["namespace"] = "default"
    asked = replace(request(made), namespace="agents")
    assert reasons(judge(asked)) == {"NS_MISMATCH"}


def lasting(*dated: tuple[str, Region]) -> Bundle:
    """The agents, where ``research`` has more until the day that each is given with."""
    agents = dict(bundle().agents)
    envelope = agents["research"].envelope
    kube = envelope.domains["kube"]
    for _, region in dated:
        kube |= region
    expiries = tuple(
        Expiry(until, "kube", region - _later(until, dated)) for until, region in dated
    )
    wider = replace(envelope, domains={**envelope.domains, "kube": kube}, expiries=expiries)
    agents["research"] = replace(agents["research"], envelope=wider)
    return Bundle(agents.values())


def _later(until: str, dated: tuple[tuple[str, Region], ...]) -> Region:
    kube = bundle().agents["research"].envelope.domains["kube"]
    for other, region in dated:
        if other > until:
            kube |= region
    return kube


def secrets(name: str) -> Region:
    domain = bundle().agents["research"].envelope.domains["kube"].domain
    patterns = {"group": "", "resource": "secrets", "verb": "get", "namespace": "agents"}
    return domain.written({**patterns, "name": name})


def on(day: str, known: Bundle, made: Json, *there: Json) -> Verdict:
    return evaluate(request(made), known, view(*there), SETTINGS, day)


GIVEN = (cluster_role(SECRETS), binding(AGENT))


@pytest.mark.parametrize("case", ["H16"])
def test_an_exception_counts_while_it_lasts(case: str) -> None:
    known = lasting(("2026-09-30", secrets("*")))
    verdict = on("2026-09-30", known, pod(), *GIVEN)
    assert verdict.allowed
    (said,) = verdict.findings
    assert said.reason == "EXCEPTION"
    assert "2026-09-30" in said.message
    assert on("2026-09-30", known, GIVEN[1], GIVEN[0]).allowed


@pytest.mark.parametrize("case", ["H17"])
def test_an_exception_ends_with_its_day(case: str) -> None:
    known = lasting(("2026-09-30", secrets("*")))
    for _ in range(2):  # whatever was worked out on another day
        assert reasons(on("2026-10-01", known, pod(), *GIVEN)) == {"SA_EXCEEDS"}
        assert reasons(on("2026-10-01", known, GIVEN[1], GIVEN[0])) == {"RBAC_WIDENS"}
        assert on("2026-09-30", known, pod(), *GIVEN).allowed


@pytest.mark.parametrize("case", ["H18"])
def test_nobody_excepts_themselves(case: str) -> None:
    claim = {"policyc.dev/exception": "E-1", "policyc.dev/until": "2099-01-01"}
    assert reasons(judge(request(annotated(pod(), **claim)), view(*GIVEN))) == {"SA_EXCEEDS"}
    made = body("ConfigMap", "policyc-exceptions", "agents", data={"research": "secrets"})
    assert reasons(judge(request(pod()), view(*GIVEN, made))) == {"SA_EXCEEDS"}


@pytest.mark.parametrize("case", ["H19"])
def test_a_narrow_exception_does_not_make_a_wide_one_last(case: str) -> None:
    known = lasting(("2026-09-30", secrets("*")), ("2026-12-31", secrets("one")))
    one = cluster_role({**SECRETS, "resourceNames": ["one"]})
    assert on("2026-09-30", known, pod(), *GIVEN).allowed
    assert reasons(on("2026-10-01", known, pod(), *GIVEN)) == {"SA_EXCEEDS"}
    assert on("2026-10-01", known, pod(), one, GIVEN[1]).allowed
    assert reasons(on("2027-01-01", known, pod(), one, GIVEN[1])) == {"SA_EXCEEDS"}


@pytest.mark.parametrize("case", ["H21"])
def test_whoever_is_impersonated_is_who_asks(case: str) -> None:
    """The API server writes the impersonated user into the request: no group makes an operator."""
    (operator,) = SETTINGS.operators
    old = view().get("", "ServiceAccount", "agents", "research")
    asked = request(None, "DELETE", old, user="eve", groups=(operator, "system:masters"))
    assert reasons(judge(asked)) == {"GENERATED_OBJECT"}


@pytest.mark.parametrize("case", ["H22"])
def test_what_is_not_known_is_no(case: str) -> None:
    stale = unknown(("", "ServiceAccount"))
    assert reasons(judge(request(pod()), stale)) == {"STATE_UNKNOWN"}
    account = body("ServiceAccount", "research", "agents")
    assert "STATE_UNKNOWN" in reasons(judge(request(account), stale))
    other = body("ServiceAccount", "web", "agents")
    assert judge(request(other), stale).allowed
