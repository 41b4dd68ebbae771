"""One decision in processor time, with few and many envelopes, in a cluster of 1,000 more bindings and policies."""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import quantiles

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.request import Request
from policyc.admission.verdict import Verdict
from policyc.admission.view import View, key_of, kind_of
from tests.support import admission, widening

SIZES = (10, 10_000)
MORE = 1_000
RUNS = 2_000
PER_NAMESPACE = 100
Json = admission.Json


def main() -> None:
    medians = [_size(agents) for agents in SIZES]
    print(f"pod, {SIZES[1]} against {SIZES[0]} envelopes: {medians[1] / medians[0]:.2f} x")


def _size(agents: int) -> float:
    bundle, view = _bundle(agents), View.of(_cluster(agents))
    requests = [_pod(i) for i in range(min(agents, RUNS))]

    def decide(request: Request, at: View = view) -> Verdict:
        return evaluate(request, bundle, at, admission.SETTINGS, admission.TODAY)

    first = _seconds(lambda: decide(requests[0]))
    assert decide(requests[0]).allowed, decide(requests[0]).denials
    for request in requests:
        decide(request)
    later = _later(view)
    again = _seconds(lambda: decide(requests[0], later))
    gc.collect()
    times = [_seconds(lambda r=r: decide(r)) for r in requests * (RUNS // len(requests))]  # type: ignore[misc]  # bound early
    cuts = quantiles(times, n=100)
    print(
        f"{agents} envelopes: pod p50 {cuts[49] * 1e6:.0f} us, p99 {cuts[98] * 1e6:.0f} us, "
        f"first of all {first * 1e3:.1f} ms, first after a change {again * 1e3:.1f} ms"
    )
    for name, body in _changes().items():
        request = admission.request(body)
        spent = min(_seconds(lambda r=request: decide(r)) for _ in range(5))  # type: ignore[misc]  # bound early
        print(f"  {name}: {spent * 1e3:.2f} ms")
    return cuts[49]


def _later(view: View) -> View:
    """The view after a binding and a policy have come."""
    for body in (
        widening.binding(widening.user("late"), role="ClusterRole/reader", name="late"),
        widening.network_policy("late", "space-0", podSelector={"matchLabels": {"app": "late"}}),
    ):
        kind = kind_of(body)
        known = view.objects
        objects = {**known, kind: {**known[kind], key_of(body): body}}
        view = view.followed_by(objects)
    return view


def _seconds(run: Callable[[], object]) -> float:
    start = time.thread_time()
    run()
    return time.thread_time() - start


def _changes() -> dict[str, Json]:
    agent = {"kind": "ServiceAccount", "namespace": "space-0", "name": "bot-0"}
    everybody = widening.group("system:authenticated")
    return {
        "binding of one agent": widening.binding(agent, namespace="space-0"),
        "binding of everybody": widening.binding(everybody, namespace=""),
        "bound role": widening.cluster_role(widening.READ, name="reader"),
        "policy in a namespace of agents": widening.network_policy(
            namespace="space-0", egress=[{}], policyTypes=["Egress"]
        ),
        "policy elsewhere": widening.network_policy(namespace="elsewhere"),
        "labels of a namespace": widening.body(
            "Namespace", "elsewhere", metadata={"labels": {"team": "a"}}
        ),
        "plain ConfigMap": widening.body("ConfigMap", "x", "elsewhere"),
    }


def _space(i: int) -> str:
    return f"space-{i // PER_NAMESPACE}"


def _bundle(agents: int) -> Bundle:
    return Bundle(_agent(i) for i in range(agents))


def _agent(i: int) -> Agent:
    known = admission.bundle().agents["research"]
    subject = known.envelope.subject
    assert subject.workload is not None
    made = replace(
        subject,
        agent=f"bot-{i}",
        service_account=f"{_space(i)}/bot-{i}",
        pod_labels=(("policyc.dev/agent", f"bot-{i}"),),
        workload=replace(subject.workload, namespace=_space(i), name=f"bot-{i}"),
    )
    kube = known.envelope.domains["kube"].domain
    own = kube.written(
        {"group": "", "resource": "configmaps", "verb": "get", "namespace": _space(i)}
    )
    domains = {**known.envelope.domains, "kube": own}
    return replace(known, envelope=replace(known.envelope, subject=made, domains=domains))


def _cluster(agents: int) -> Iterator[Json]:
    generated = [
        o
        for o in admission.cluster()
        if "research" in o["metadata"]["name"] and o["kind"] != "Role"
    ]
    for i in range(agents):
        yield from (_for_agent(body, i) for body in generated)
    yield widening.cluster_role(widening.READ, name="reader")
    yield from widening.default_roles()
    for i in range(max(agents // PER_NAMESPACE, 1)):
        yield widening.body("Namespace", f"space-{i}")
        yield widening.role(widening.READ, name="policyc-research.agents", namespace=f"space-{i}")
    for i in range(MORE):
        space = _space(i) if i % 2 and i < agents else "elsewhere"
        person = widening.user(f"person-{i}")
        yield widening.binding(person, role="ClusterRole/reader", name=f"b{i}", namespace=space)
        chosen = {"matchLabels": {"app": f"app-{i}"}}
        yield widening.network_policy(f"p{i}", space, podSelector=chosen, egress=[{}])


def _for_agent(body: Json, i: int) -> Json:
    made = copy.deepcopy(body)
    made["metadata"] |= {"namespace": _space(i)}
    if made["kind"] in ("NetworkPolicy", "RoleBinding"):
        made["metadata"]["name"] = f"policyc-bot-{i}"
    else:
        made["metadata"]["name"] = f"bot-{i}"
    if made["kind"] == "NetworkPolicy":
        made["spec"]["podSelector"] = {"matchLabels": {"policyc.dev/agent": f"bot-{i}"}}
    if made["kind"] == "RoleBinding":
        made["subjects"] = [{"kind": "ServiceAccount", "namespace": _space(i), "name": f"bot-{i}"}]
    return made


def _pod(i: int) -> Request:
    made = admission.pod()
    made["metadata"] = {
        "name": f"bot-{i}-1",
        "namespace": _space(i),
        "labels": {"policyc.dev/agent": f"bot-{i}", "pod-template-hash": "5d8f"},
    }
    made["spec"]["serviceAccountName"] = f"bot-{i}"
    made["spec"]["securityContext"]["seccompProfile"]["localhostProfile"] = f"policyc/bot-{i}.json"
    return admission.request(made)


if __name__ == "__main__":
    main()
