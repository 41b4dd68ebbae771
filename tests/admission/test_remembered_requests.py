"""A new pod is passed for the sake of one before it only where nothing else could be found."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from support.admission import SETTINGS, TODAY, bundle, pod
from support.drawn_objects import a_binding, a_config_map, a_policy, a_role, a_service, an_account
from support.drawn_reviews import ASKS, BASE, USERS
from support.scale import MANY

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.case import case_of
from policyc.admission.evaluate import evaluate
from policyc.admission.replicas import RESTS_ON, frame
from policyc.admission.request import Request
from policyc.admission.review import API_VERSION, read_review
from policyc.admission.settings import Settings
from policyc.admission.verdict import Verdict
from policyc.admission.view import WATCHED, View, key_of, kind_of
from policyc.envelope.model import AgentThreat, Cover, ThreatState, WorkloadRef

Json = Any  # requests that are built and broken
AT = View.of(BASE)
HOMES = (SETTINGS, replace(SETTINGS, home="agents"))


def agents() -> tuple[Agent, ...]:
    """One with a threat that is accepted until a day, and one whose workload is a pod with a name."""
    known = bundle().agents
    research, digest = known["research"].envelope, known["digest"].envelope
    cover = Cover(ThreatState.ACCEPTED, until="2030-12-31")
    workload = WorkloadRef("Pod", "", "agents", "bot-fghij", "agent")
    return (
        known["summary"],
        replace(
            known["research"],
            envelope=replace(research, threats=(AgentThreat("T1", "a threat", (cover,)),)),
        ),
        replace(
            known["digest"],
            envelope=replace(digest, subject=replace(digest.subject, workload=workload)),
        ),
    )


WARM = Bundle(agents())
"""It has judged all that was drawn before."""
VALUES: tuple[Json, ...] = (None, "", "x", "agents", "research", "summary", "CREATE", "UPDATE", "bot-fghij", "oncall", "system:serviceaccount:policyc-system:policyc", 0, 1, True, False, [], {}, ["x"], {"x": "y"}, {"policyc.dev/agent": "summary"})  # fmt: skip
OTHERS = (a_role, a_binding, a_policy, a_service, an_account, a_config_map)


def created(rng: random.Random) -> Json:
    """The request for a new pod of an agent, compliant, as a ReplicaSet makes it."""
    body = pod(rng.choice(("research", "summary")))
    ending = rng.choice(("abcde", "fghij"))
    token = {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}]}
    name = f"kube-api-access-{ending}"
    body["metadata"] |= {
        "name": f"bot-{ending}",
        "generateName": "bot-",
        "annotations": {"policyc.dev/agent": body["metadata"]["labels"]["policyc.dev/agent"]},
        "managedFields": [{"manager": "kube-controller-manager", "time": f"2026-{ending}"}],
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "bot", "uid": "1"}],
    }  # fmt: skip
    if body["spec"].get("automountServiceAccountToken"):
        body["spec"]["volumes"] = [{"name": name, "projected": token}]
        body["spec"]["containers"][0]["volumeMounts"] = [{"name": name, "mountPath": "/token"}]
    if rng.random() < 0.3:
        body["spec"]["containers"][0]["env"] = [copy.deepcopy(rng.choice(ASKS))]
    body["status"] = {"phase": "Pending"}
    if rng.random() < 0.2:
        body["spec"]["nodeName"] = "worker-1"
        body["status"] = {"conditions": [{"type": "PodScheduled", "status": "True"}]}
    return {
        "uid": f"3f0c9d3e-0000-4000-8000-{rng.randrange(16**6):012x}",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "subResource": "",
        "name": body["metadata"]["name"],
        "namespace": "agents",
        "operation": "CREATE",
        "userInfo": {"username": rng.choice(USERS), "groups": ["system:authenticated"]},
        "object": body,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions"},
    }


def places(value: Json, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The ways to all parts of a value."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    for key, part in parts:
        yield (*way, key)
        yield from places(part, (*way, key))


def edited(rng: random.Random, request: Json) -> Json:
    """The request with one part gone, new or another one; the pod's frame as often as its spec."""
    made = copy.deepcopy(request)
    ways = [way for way in places(made) if way[:2] != ("object", "spec") or rng.random() < 0.2]
    *way, last = rng.choice(ways)
    owner = made
    for key in way:
        owner = owner[key]
    if rng.random() < 0.3:
        owner.pop(last)
    elif isinstance(owner, dict) and rng.random() < 0.3:
        owner[rng.choice(("host", "deletionTimestamp", "nodeName", "x", "kubernetes.io/config.mirror"))] = rng.choice(VALUES)  # fmt: skip
    else:
        owner[last] = rng.choice(VALUES)
    return made


def read(request: Json) -> Request:
    return read_review({"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": request})


def later(rng: random.Random, view: View) -> View:
    """The view after something in the cluster changed, came or went, or is not known any more."""
    kind = rng.choice(sorted(WATCHED))
    if rng.random() < 0.2:
        return view.followed_by(view.objects, view.unknown ^ {kind})
    held = view.objects.get(kind, {})
    if held and rng.random() < 0.3:
        gone = rng.choice(sorted(held))
        return view.followed_by(
            {**view.objects, kind: {k: b for k, b in held.items() if k != gone}}
        )
    body = rng.choice(OTHERS)(rng)
    kind = kind_of(body)
    return view.followed_by({**view.objects, kind: {**view.objects.get(kind, {}), key_of(body): body}})  # fmt: skip


def anew(asked: Request, view: View, settings: Settings, today: str) -> Verdict:
    """By a bundle and a view that have judged nothing."""
    return evaluate(asked, Bundle(agents()), View(view.objects, view.unknown), settings, today)


@pytest.mark.parametrize("chunk", range(4))
def test_what_was_judged_before_changes_no_verdict(chunk: int) -> None:
    is_passed = is_found = 0
    for seed in range(chunk * MANY // 4, (chunk + 1) * MANY // 4):
        rng = random.Random(seed)
        request, view, settings, today = created(rng), AT, rng.choice(HOMES), TODAY
        for _ in range(2):
            evaluate(read(request), WARM, view, settings, today)
        for _ in range(3):
            other, at, by, on = request, view, settings, today
            which = rng.random()
            if which < 0.5:
                other = edited(rng, request)
            elif which < 0.6:
                old = edited(rng, request).get("object")
                other = {**request, "operation": "UPDATE", "oldObject": old}
            elif which < 0.9:
                at = later(rng, view)
            elif which < 0.95:
                by = rng.choice((*HOMES, replace(settings, home="elsewhere")))
            else:
                on = rng.choice(("2020-01-01", "2040-01-01"))
            try:
                asked = read(other)
            except ValueError:
                continue
            verdict = evaluate(asked, WARM, at, by, on)
            assert verdict == anew(asked, at, by, on), (request, other)
            is_passed += verdict.allowed
            is_found += bool(verdict.findings)
    assert is_passed and is_found


class Noted(dict[Any, Any]):
    """Objects by kind, and which kinds were asked for."""

    def __init__(self, objects: Mapping[Any, Any]) -> None:
        super().__init__(objects)
        self.asked: set[Any] = set()

    def get(self, key: Any, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: Any) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)


def test_nothing_else_of_the_cluster_is_looked_at_for_a_new_pod() -> None:
    asked: set[Any] = set()
    for seed in range(200):
        rng = random.Random(seed)
        request = read(created(rng))
        objects = Noted(later(rng, AT).objects)
        fresh, view = Bundle(agents()), View(objects)
        case = case_of(request, fresh, view, SETTINGS, TODAY)
        assert case.pod is not None
        objects.asked.clear()
        evaluate(request, fresh, view, SETTINGS, TODAY)
        if frame(case, case.pod):
            asked |= objects.asked
    assert asked
    assert asked <= RESTS_ON


def test_a_replica_has_the_frame_of_the_others() -> None:
    frames = set()
    for ending in ("abcde", "fghij"):
        request = created(random.Random(0))
        request["uid"] = request["name"] = request["object"]["metadata"]["name"] = ending
        request["object"]["metadata"]["managedFields"] = []
        case = case_of(read(request), WARM, AT, SETTINGS, TODAY)
        assert case.pod is not None
        frames.add(frame(case, case.pod))
    assert len(frames) == 1
    assert b"" not in frames
