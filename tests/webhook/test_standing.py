"""A decision that stands for the next replica is the one that would be made about it."""

from __future__ import annotations

import gc
import json
import random
import weakref
from collections.abc import Iterable
from typing import Any

import pytest
from support.admission import files, pod, request, view
from support.bent_bytes import bent
from support.drawn_replicas import replica, written
from support.scale import MANY
from support.webhook import review

from policyc.admission.bundle import Bundle, read_bundle
from policyc.admission.replicas import Ground
from policyc.admission.review import ReviewError, read_review
from policyc.admission.settings import Settings
from policyc.admission.view import View
from policyc.audit.record import asked
from policyc.core import strict_json
from webhook.judge import Decision, Judge
from webhook.logs import Talk
from webhook.replicas import Known

Json = Any


class World:
    """A judge, what it judges by, and the replicas that it has met."""

    def __init__(self) -> None:
        self.bundle: Bundle | None = read_bundle(files(), serial=1)
        self.view: View = view()
        self.today = "2026-09-01"
        self.known = Known()
        self.hits = 0
        self.judge = Judge(
            lambda: self.bundle, lambda: self.view, Settings(), None, lambda: self.today, Talk()
        )

    def decide(self, data: bytes) -> Decision | None:
        """As reviews are decided; None for what is no review."""
        found = self.known.find(data)
        known = found.decide(self.judge.stands) if found is not None else None
        if known is not None:
            self.hits += 1
            return known
        try:
            value = strict_json.loads(data)
            decision = self.judge.validate(read_review(value))
        except (ReviewError, ValueError):
            return None
        if found is not None:
            decision = self.judge.validate(found.request())
            found.learn(decision)
        else:
            self.known.keep(data, value)
        return decision

    def agree(self, data: bytes) -> bool:
        """Whether the decision was one that stands; it is the one that is made anew."""
        before, decision = self.hits, self.decide(data)
        if decision is None:
            return False
        plain = self.judge.validate(read_review(strict_json.loads(data)))
        assert decision.verdict == plain.verdict
        assert decision.bundle is plain.bundle
        assert plain.request is not None
        said = (
            decision.asked
            if decision.asked is not None
            else asked(decision.request or plain.request)
        )
        assert said == asked(plain.request)
        return self.hits > before


def changed(world: World, rng: random.Random) -> None:
    """Now and then another bundle, another cluster, another day."""
    match rng.randrange(40):
        case 0:
            world.bundle = read_bundle(files(), serial=1)
        case 1:
            world.view = view()
        case 2:
            world.today = rng.choice(("2026-09-01", "2026-09-02"))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_was_decided_before(seed: int) -> None:
    rng, world = random.Random(seed), World()
    for _ in range(MANY // 4):
        changed(world, rng)
        data = written(replica(rng), rng)
        world.agree(data)
        world.agree(bent(rng, data))
    assert world.hits > MANY // 200


def plain(ending: str, uid: str = "", **more: Json) -> bytes:
    body = pod()
    body["metadata"] |= {"name": f"research-{ending}", "generateName": "research-", **more}
    return written(review(request(body), uid or f"00000000-{ending}"))


def warmed() -> World:
    world = World()
    assert not any(world.agree(plain(ending)) for ending in ("aaaaa", "bbbbb", "ccccc", "ddddd"))
    assert world.agree(plain("eeeee"))
    return world


def test_another_bundle_decides_anew() -> None:
    world = warmed()
    world.bundle = None
    decision = world.decide(plain("fffff"))
    assert decision is not None
    assert [f.reason for f in decision.verdict.findings] == ["BUNDLE_UNAVAILABLE"]


def test_another_cluster_decides_anew() -> None:
    world = warmed()
    role = {"kind": "ClusterRole", "apiGroup": "rbac.authorization.k8s.io", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": "research", "namespace": "agents"}
    world.view = view({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "wide"}, "roleRef": role, "subjects": [subject],
    })  # fmt: skip
    assert not world.agree(plain("fffff"))


def test_another_day_decides_anew() -> None:
    world = warmed()
    world.today = "2026-09-02"
    assert not world.agree(plain("fffff"))


def test_a_name_that_means_something_decides_anew() -> None:
    world = warmed()
    assert world.bundle is not None
    world.bundle.by_workload[("", "Pod", "agents", "research-fffff")] = world.bundle.agents[
        "research"
    ]
    assert not world.agree(plain("fffff"))


def test_a_text_that_the_ground_is_made_of_lets_no_decision_stand() -> None:
    """A label with the pod's name, as StatefulSets write one: policies may select by it."""
    world = World()
    for i in range(12):
        name = f"research-{i:05}"
        assert not world.agree(
            plain(f"{i:05}", labels={**pod()["metadata"]["labels"], "pod-name": name})
        )


def test_a_bundle_that_is_gone_is_not_kept() -> None:
    world = warmed()
    assert world.bundle is not None
    gone = weakref.ref(world.bundle)
    world.bundle = read_bundle(files(), serial=1)
    gc.collect()
    assert gone() is None


def test_a_bundle_that_is_replaced_meanwhile_is_still_the_one_that_decided() -> None:
    world = warmed()
    assert world.bundle is not None
    digest, judge = world.bundle.digest, world.judge

    def replaced(ground: Ground, names: Iterable[str]) -> bool:
        holds = judge.stands(ground, names)
        world.bundle = read_bundle(files(), serial=2)  # as the thread does that reads bundles
        gc.collect()
        return holds

    found = world.known.find(plain("fffff"))
    assert found is not None
    decision = found.decide(replaced)
    assert decision is not None
    assert decision.bundle is not None
    assert (decision.bundle.serial, decision.verdict.bundle) == (1, digest)


def test_a_uid_that_is_the_name_too_teaches_nothing() -> None:
    """The record of the next replica would give the uid as its name."""
    world = World()
    for ending, uid in (
        ("aaaaa", "research-00000"), ("bbbbb", "research-11111"),
        ("ccccc", "research-ccccc"), ("ddddd", "research-ddddd"),
        ("eeeee", "research-22222"),
    ):  # fmt: skip
        assert not world.agree(plain(ending, uid=uid))


def test_a_denial_does_not_stand() -> None:
    world = World()
    for i in range(6):
        data = plain(f"{i:05}")
        body = json.loads(data)
        body["request"]["object"]["spec"]["hostNetwork"] = True
        assert not world.agree(written(body))
