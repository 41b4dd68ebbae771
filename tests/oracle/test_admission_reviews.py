"""Generated AdmissionReviews of every kind: the evaluator and the independent one agree on all."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.admission import SETTINGS, TODAY, bundle
from support.drawn_reviews import BASE, BREAK_GLASS, a_review
from support.json_patch import apply
from support.oracle.pods import TEMPLATES
from support.oracle.reviews import BY_KIND, denials
from support.oracle.world import World
from support.scale import MANY, REVIEWS

from policyc.admission.case import case_of
from policyc.admission.evaluate import evaluate
from policyc.admission.mutate import mutate
from policyc.admission.request import Request
from policyc.admission.review import API_VERSION, read_review
from policyc.admission.verdict import Verdict
from policyc.admission.view import View

Json = Any  # documents of every shape
OURS = replace(SETTINGS, break_glass=frozenset({BREAK_GLASS}))
AT = View.of(BASE)
CHUNKS = 10
OF_A_CHUNK = REVIEWS // CHUNKS


def view_of(world: World) -> View:
    """The view grows out of the common one, as that of a watch cache does: most kinds are as they were."""
    made = View.of(world.objects).objects
    return AT.followed_by(
        {kind: AT.objects[kind] if AT.objects.get(kind) == o else o for kind, o in made.items()}
    )


def read(request: Json) -> Request:
    return read_review({"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": request})


def judged(request: Json, world: World) -> Verdict:
    return evaluate(read(request), bundle(), view_of(world), OURS, TODAY)


def agree(rng: random.Random) -> tuple[str, bool]:
    """Draw a review; whether it is refused, on which both evaluators agree."""
    request, world = a_review(rng)
    expected = denials(request, world)
    verdict = judged(request, world)
    assert verdict.uid == request["uid"]
    assert verdict.allowed == (not expected), (request, world, expected, verdict.denials)
    return request["kind"]["kind"], bool(expected)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_review(chunk: int) -> None:
    answers = Counter(
        agree(random.Random(seed)) for seed in range(chunk * OF_A_CHUNK, (chunk + 1) * OF_A_CHUNK)
    )
    for kind in BY_KIND:
        assert answers[kind, True] and answers[kind, False], f"{kind}: one answer is not tried"


@given(st.randoms(use_true_random=False))
def test_every_review_that_hypothesis_finds(rng: random.Random) -> None:
    """The same choices, made by who looks for the rare ones and shrinks what is found."""
    agree(rng)


@pytest.mark.parametrize("chunk", range(4))
def test_mutation_repairs_and_never_spoils(chunk: int) -> None:
    """What was admitted stays so after mutation; a second run adds nothing; both agree on the outcome."""
    repaired = 0
    for seed in range(chunk * MANY, (chunk + 1) * MANY):
        request, world = a_review(random.Random(seed))
        if request["kind"]["kind"] not in TEMPLATES or request["object"] is None:
            continue
        case = case_of(read(request), bundle(), view_of(world), OURS, TODAY)
        after = {**request, "object": apply(request["object"], mutate(case))}
        before, now = denials(request, world), denials(after, world)
        assert judged(after, world).allowed == (not now), (seed, now)
        assert now <= before, (seed, now - before)
        again = case_of(read(after), bundle(), view_of(world), OURS, TODAY)
        assert mutate(again) == [], seed
        repaired += bool(before and not now)
    assert repaired
