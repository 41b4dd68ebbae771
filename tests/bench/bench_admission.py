"""One decision in processor time, with few and many envelopes, in a cluster of 1,000 more bindings and policies.

The strict parse of the same review is measured beside each figure: on a machine that others
use too, the ratio to it says more than the figure.
"""

from __future__ import annotations

import copy
import gc
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median, quantiles

from support import admission, widening
from support.json_patch import apply
from support.webhook import review

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.case import case_of
from policyc.admission.evaluate import evaluate
from policyc.admission.mutate import mutate
from policyc.admission.request import Request
from policyc.admission.review import read_review
from policyc.admission.verdict import Verdict
from policyc.admission.view import View, key_of, kind_of
from policyc.core.strict_json import loads
from tests.bench import reviews

SIZES = (10, 10_000)
MORE = 1_000
RUNS = 2_000
ROUNDS = 5
PER_NAMESPACE = 100
Json = admission.Json


class World:
    """A bundle of so many agents, the cluster that fits it, and ordinary requests about them."""

    def __init__(self, agents: int) -> None:
        self.bundle, self.view = _bundle(agents), View.of(_cluster(agents))
        # As many requests in each world, none of them the same object: else few envelopes had theirs in the cache.
        some = [i * max(agents // RUNS, 1) % agents for i in range(RUNS)]
        self.pods = [admission.request(reviews.pod(f"bot-{i}", _space(i))) for i in some]
        bodies = [reviews.deployment(f"bot-{i}", _space(i)) for i in some]
        self.deployments = [admission.request(body) for body in bodies]
        self.narrowed = [
            admission.request(apply(body, self.narrow(asked)))
            for body, asked in zip(bodies, self.deployments, strict=True)
        ]
        self.name = f"{agents} envelopes"

    def decide(self, request: Request, view: View | None = None) -> Verdict:
        return evaluate(
            request, self.bundle, view or self.view, admission.SETTINGS, admission.TODAY
        )

    def narrow(self, request: Request) -> list[Json]:
        settings, today = admission.SETTINGS, admission.TODAY
        return mutate(case_of(request, self.bundle, self.view, settings, today))

    def samples(self) -> dict[str, tuple[Callable[[Request], object], list[Request]]]:
        return {
            "pod": (self.decide, self.pods),
            "pod, its mutation": (self.narrow, self.pods),
            "Deployment, its mutation": (self.narrow, self.deployments),
            "Deployment, after it": (self.decide, self.narrowed),
        }


def main() -> None:
    worlds = [World(agents) for agents in SIZES]
    for world in worlds:
        _check(world)
    gc.collect()
    gc.freeze()  # as the webhook does
    for what in worlds[0].samples():
        _compare(what, worlds)
    gc.unfreeze()
    for world in worlds:
        _others(world)
    _large(worlds[0])


def _check(world: World) -> None:
    """What is measured is admitted, and something is added to Deployments."""
    for request in (world.pods[0], world.narrowed[0]):
        verdict = world.decide(request)
        assert not verdict.findings, verdict.findings
    assert world.narrow(world.deployments[0])


def _compare(what: str, worlds: list[World]) -> None:
    """The worlds in turn, so that a busy machine is busy for each, and a floor beside them."""
    asked = worlds[0].samples()[what][1][0]
    text = json.dumps(review(asked)).encode()
    times: list[list[float]] = [[] for _ in worlds]
    floor: list[float] = []
    for _ in range(ROUNDS):
        for world, found in zip(worlds, times, strict=True):
            run, requests = world.samples()[what]
            for request in requests:
                run(request)
            for request in requests:
                found.append(_seconds(lambda r=request: run(r)))  # type: ignore[misc]  # noqa: B023  # run at once
        floor += [_seconds(lambda: loads(text)) for _ in range(RUNS)]
    parse, unrest = median(floor), quantiles(floor, n=100)[98]
    print(
        f"{what} ({len(text)} bytes; its strict parse: p50 {parse * 1e6:.0f} us, p99 {unrest * 1e6:.0f} us)"
    )
    for world, found in zip(worlds, times, strict=True):
        cuts = quantiles(found, n=100)
        print(
            f"  {world.name}: least {min(found) * 1e6:.0f} us, p50 {cuts[49] * 1e6:.0f} us, "
            f"p99 {cuts[98] * 1e6:.0f} us; {cuts[49] / parse:.2f} x the parse, at p99 {cuts[98] / unrest:.2f} x"
        )
    print(f"  {SIZES[1]} against {SIZES[0]}: {median(times[1]) / median(times[0]):.2f} x")


def _others(world: World) -> None:
    """The first decision, which reads the view, and objects that concern many agents."""
    request = world.pods[0]
    fresh = View(world.view.objects)
    first = _seconds(lambda: world.decide(request, fresh))
    again = _seconds(lambda: world.decide(request, _later(fresh)))
    print(
        f"{world.name}: first of all {first * 1e3:.1f} ms, first after a change {again * 1e3:.1f} ms"
    )
    for name, body in _changes().items():
        asked = admission.request(body)
        spent = min(_seconds(lambda r=asked: world.decide(r)) for _ in range(5))  # type: ignore[misc]  # bound early
        print(f"  {name}: {spent * 1e3:.2f} ms")


def _large(world: World) -> None:
    """Huge objects, from the bytes of the review to the verdict."""
    for name, body in reviews.large("bot-0", _space(0)).items():
        text = json.dumps(review(admission.request(body))).encode()

        def run(text: bytes = text) -> None:
            world.decide(read_review(loads(text)))

        spent = [_seconds(run) for _ in range(9)]
        parse = median(_seconds(lambda t=text: loads(t)) for _ in range(9))  # type: ignore[misc]  # bound early
        print(
            f"{name} ({len(text) / 1e6:.2f} MB): median {median(spent) * 1e3:.1f} ms, longest "
            f"{max(spent) * 1e3:.1f} ms; the strict parse alone {parse * 1e3:.1f} ms"
        )


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


if __name__ == "__main__":
    main()
