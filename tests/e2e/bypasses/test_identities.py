"""Group H on a real API server: who an object is, whoever sends it and whatever it says."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.admission import Json, cluster, files, in_kind, kind, pod
from support.cases.identities import (
    CLAIMS,
    CLASS,
    NAMESPACES,
    SHADOWS,
    UNLABELLED,
    web,
)
from support.cases.row import Row, each
from support.catalogue import case, of
from support.guarded import OPERATOR, Guarded, served
from support.kube_paths import path_of
from support.webhook import write_bundle
from support.widening import AGENT, SECRETS, binding, body, labelled, role

from policyc.admission.bundle import read_bundle
from policyc.cli.main import Exit, main
from policyc.pipeline.compile import compile_root

pytestmark = pytest.mark.e2e
__all__ = ["case"]

CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"


@of("H1")
def test_the_account_says_who_it_is(guarded: Guarded) -> None:
    """The label that its NetworkPolicies want is added; nothing else said who it is."""
    answer = guarded.ask(UNLABELLED.made)
    assert answer.is_admitted, answer
    assert answer.body["metadata"]["labels"] == pod()["metadata"]["labels"]
    bad = copy.deepcopy(UNLABELLED.made)
    bad["spec"]["hostPID"] = True
    assert guarded.ask(bad).denied == {"HOST_PID"}


@each(CLAIMS)
def test_claims(guarded: Guarded, asked: Row) -> None:
    answer = guarded.ask(asked.made)
    assert answer.denied == asked.denied and answer.is_admitted == (not asked.denied), answer


def deployment(**labels: str) -> Json:
    made = in_kind(kind("Deployment"), labelled(pod(), **labels))
    made["metadata"] |= {"name": "research-h", "labels": labels}
    made["spec"] |= {"replicas": 0, "selector": {"matchLabels": pod()["metadata"]["labels"]}}
    return made


@of("H3")
def test_a_disguise(guarded: Guarded) -> None:
    with guarded.holding(served(deployment(**CLASS)), judged=True):
        assert guarded.update(served(deployment())).denied == {"DISGUISE"}
        assert guarded.update(served(deployment(**CLASS, team="a"))).is_admitted


@each(SHADOWS)
def test_an_agent_that_is_not_registered_is_warned_about(guarded: Guarded, asked: Row) -> None:
    elsewhere = {**asked.made, "metadata": {"name": "web-1", "namespace": "default"}}
    elsewhere["spec"] = {**asked.made["spec"], "serviceAccountName": "default"}
    for made in (asked.made, elsewhere):
        answer = guarded.ask(made)
        assert answer.is_admitted and answer.warned == {"SHADOW_AGENT"}, answer


@pytest.fixture(scope="module")
def named(guarded: Guarded) -> Iterator[Guarded]:
    yield guarded
    with guarded.unguarded():
        guarded.store([one for one in cluster() if one["kind"] == "Namespace"])


@each(NAMESPACES)
def test_nobody_opts_out(named: Guarded, asked: Row) -> None:
    if asked.old is None:
        answers = [named.ask(asked.made), named.ask(asked.made, client=named.as_user(OPERATOR))]
    else:
        with named.unguarded():
            named.store([asked.old])
        answers = [named.update(asked.made), named.update(asked.made, client=named.as_user(OPERATOR))]  # fmt: skip
    assert answers[0].denied == asked.denied, answers
    assert answers[0].is_admitted == (not asked.denied), answers
    assert answers[1].is_admitted, answers


@of("H9")
def test_no_namespace_is_out_of_reach(guarded: Guarded) -> None:
    account = body("ServiceAccount", "research", "kube-system")
    with guarded.holding(account, judged=True):
        made = pod()
        made["metadata"]["namespace"] = "kube-system"
        made["spec"]["automountServiceAccountToken"] = False
        assert guarded.ask(made).denied == {"CLASS_MISMATCH"}


@of("H10")
def test_an_owner_vouches_for_nothing(guarded: Guarded) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "research-5", "uid": "0", "controller": True}  # fmt: skip
    for user in ("somebody", CONTROLLER):
        made = pod()
        made["metadata"]["ownerReferences"] = [owner]
        assert guarded.ask(made, client=guarded.as_user(user)).is_admitted
        made["spec"]["hostPID"] = True
        assert guarded.ask(made, client=guarded.as_user(user)).denied == {"HOST_PID"}


@of("H11")
def test_an_orphan_is_judged_when_it_is_made(guarded: Guarded) -> None:
    orphan = labelled(pod(), **{"pod-template-hash": "5"})
    orphan["spec"]["hostPID"] = True
    assert guarded.ask(orphan).denied == {"HOST_PID"}


def mirror(space: str) -> Json:
    spec = {"containers": [{"name": "c", "image": "x"}], "nodeName": "node-1", "hostNetwork": True}
    note = {"kubernetes.io/config.mirror": "0f", "kubernetes.io/config.hash": "0f"}
    owner = {"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "0", "controller": True}
    metadata = {"annotations": note, "ownerReferences": [owner]}
    return body("Pod", "etcd-node-1", space, metadata=metadata, spec=spec)


@of("H12")
def test_a_kubelet_reports_a_static_pod(guarded: Guarded) -> None:
    kubelet = guarded.as_user("system:node:node-1", "system:nodes")
    for space in ("kube-system", "agents"):
        answer = guarded.ask(mirror(space), client=kubelet)
        assert answer.is_admitted, answer
    guarded.wait(lambda: notes(guarded, "STATIC_POD:note") >= {"workloads", "elsewhere"})


def notes(guarded: Guarded, word: str) -> set[str]:
    """Which entries wrote the word among the reasons in the API server's audit log."""
    lines = guarded.plane.audit_log.read_text().splitlines()
    events = [json.loads(line) for line in lines if word in line and line.endswith("}")]
    found = (item for event in events for item in event.get("annotations", {}).items())
    return {key.partition(".")[0] for key, value in found if "/reasons" in key and word in value}


@of("H13")
def test_nobody_else_reports_a_static_pod(guarded: Guarded) -> None:
    for space in ("kube-system", "agents"):
        assert "MIRROR_POD" in guarded.ask(mirror(space)).denied
    named_so = guarded.as_user("system:node:node-1")  # not in the group of the nodes
    assert "MIRROR_POD" in guarded.ask(mirror("kube-system"), client=named_so).denied


@of("H14")
def test_a_generated_name(guarded: Guarded) -> None:
    made = pod()
    made["metadata"]["generateName"] = f"{made['metadata'].pop('name')}-"
    assert guarded.ask(made).is_admitted
    made["spec"]["hostPID"] = True
    assert guarded.ask(made).denied == {"HOST_PID"}
    names = {str(r.get("name")) for r in records(guarded) if "HOST_PID:deny" in r.get("codes", ())}
    assert any(n.startswith("research-1-") for n in names), names  # the server made one up


def records(guarded: Guarded) -> list[Json]:
    """The decisions of the log so far."""
    paths = sorted(guarded.log.rglob("records.jsonl"))
    lines = [line for path in paths for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines if line.endswith("}")]


@of("H15")
def test_the_requests_namespace_decides(guarded: Guarded) -> None:
    """The API server itself refuses an object of another namespace than its path's."""
    made = pod()
    made["metadata"]["namespace"] = "default"
    answer = guarded.ask(made, path="/api/v1/namespaces/agents/pods")
    assert answer.is_invalid, answer


SOURCE = Path(__file__).parents[2] / "cases" / "admission" / "research"


TODAY = datetime.now(UTC).date()
CAP = "    kube get, list, watch on configmaps in namespace agents\n"
ALLOWED = '  allow kube get on configmaps in namespace agents because "R-2"\n'


def lasting(folder: Path, **until: date) -> dict[str, bytes]:
    """The agents' output, where ``research`` may get Secrets until a day: ``all``, or of a name.

    It is compiled before the days, or the compiler would leave out what ended.
    """
    for path in filter(Path.is_file, SOURCE.rglob("*")):
        target = folder / path.relative_to(SOURCE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    policy = folder / "agents.agentpol"
    text = policy.read_text()
    secrets = "kube get on secrets in namespace agents"
    for names, day in until.items():
        named = f' named "{names}"' if names != "all" else ""
        text = text.replace(CAP, f"{CAP}    {secrets}{named}\n")
        text = text.replace(
            ALLOWED, f'{ALLOWED}  allow {secrets}{named} until {day} because "R-9"\n'
        )
    policy.write_text(text)
    compiled = compile_root(folder, as_of=min(until.values()) - timedelta(days=7))
    assert compiled.ok, compiled.diagnostics
    return dict(compiled.files)


def enforce(guarded: Guarded, made: dict[str, bytes]) -> None:
    """Put a bundle into force."""
    write_bundle(guarded.webhook.bundle, made)
    digest = read_bundle(made).digest
    guarded.wait(lambda: any(line.get("digest") == digest for line in guarded.webhook.log()))


@pytest.fixture
def wide(guarded: Guarded) -> Iterator[Guarded]:
    """The agent's account may get Secrets; afterwards neither that nor another bundle is left."""
    with guarded.holding(role(SECRETS, name="later"), binding(AGENT, role="Role/later")):
        yield guarded
        write_bundle(guarded.webhook.bundle, files())
    guarded.eventually(lambda: guarded.ask(pod()), lambda answer: answer.is_admitted)


@of("H16")
def test_an_exception_counts_while_it_lasts(wide: Guarded, tmp_path: Path) -> None:
    wide.denied(lambda: wide.ask(pod()), "SA_EXCEEDS")
    enforce(wide, lasting(tmp_path, all=TODAY + timedelta(days=2)))
    wide.eventually(lambda: wide.ask(pod()), lambda answer: answer.is_admitted)
    wide.wait(lambda: "workloads" in notes(wide, "EXCEPTION:note"))


@of("H17")
def test_an_exception_ends_with_its_day(wide: Guarded, tmp_path: Path) -> None:
    enforce(wide, lasting(tmp_path, all=TODAY - timedelta(days=1)))
    wide.denied(lambda: wide.ask(pod()), "SA_EXCEEDS")


@of("H18")
def test_nobody_excepts_themselves(wide: Guarded) -> None:
    made = pod()
    claim = {"policyc.dev/exception": "E-1", "policyc.dev/until": "2099-01-01"}
    made["metadata"]["annotations"] = claim
    wide.denied(lambda: wide.ask(made), "SA_EXCEEDS")
    note = body("ConfigMap", "policyc-exceptions", "agents", data={"research": "secrets"})
    with wide.holding(note, judged=True):
        assert wide.ask(made).denied == {"SA_EXCEEDS"}


@of("H19")
def test_a_narrow_exception_does_not_make_a_wide_one_last(wide: Guarded, tmp_path: Path) -> None:
    ended, lasts = TODAY - timedelta(days=1), TODAY + timedelta(days=30)
    enforce(wide, lasting(tmp_path, all=ended, one=lasts))
    wide.denied(lambda: wide.ask(pod()), "SA_EXCEEDS")
    with wide.unguarded():
        wide.store([role({**SECRETS, "resourceNames": ["one"]}, name="later")])
    wide.eventually(lambda: wide.ask(pod()), lambda answer: answer.is_admitted)


@of("H21")
def test_whoever_is_impersonated_is_who_asks(guarded: Guarded) -> None:
    """No group makes an operator; the API server's own log names both users."""
    account = path_of(body("ServiceAccount", "research", "agents"))
    eve = guarded.plane.kubectl(
        "delete", "-n", "agents", "serviceaccount/research", "--dry-run=server",
        "--as=eve", "--as-group=system:masters", f"--as-group={OPERATOR}",
    )  # fmt: skip
    assert eve.returncode == 1 and "GENERATED_OBJECT" in eve.stderr
    assert guarded.plane.admin.get(account).status == 200

    def is_recorded() -> bool:
        return any(r.get("user") == "eve" for r in records(guarded))

    guarded.wait(is_recorded)


@of("H5")
def test_an_agent_that_no_webhook_saw_is_found_by_the_scan(
    guarded: Guarded, capsys: pytest.CaptureFixture[str]
) -> None:
    """From before the webhook, in a namespace that holds no registered agent."""
    shadow = web(env=[{"name": "OPENAI_API_KEY", "value": "x"}])
    shadow["metadata"] = {"name": "unseen", "namespace": "default"}
    shadow["spec"]["serviceAccountName"] = "default"
    arguments = ["scan", "--live", f"--kubeconfig={guarded.plane.kubeconfig}"]
    arguments += [f"--bundle={guarded.webhook.bundle}", "--format=json"]
    with guarded.holding(shadow):
        assert main(arguments) in (Exit.CLEAN, Exit.FINDINGS)
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [d for d in found if d["message"].startswith("SHADOW_AGENT: ")]
