"""Generated AdmissionReviews of every kind: the evaluator and the independent one agree on all."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from support.admission import SETTINGS, TODAY, bundle
from support.drawn_reviews import BASE, BREAK_GLASS, a_review
from support.oracle.reviews import denials
from support.oracle.world import World
from support.scale import MANY

from policyc.admission.evaluate import evaluate
from policyc.admission.review import API_VERSION, read_review
from policyc.admission.verdict import Verdict
from policyc.admission.view import View

Json = Any  # documents of every shape
OURS = replace(SETTINGS, break_glass=frozenset({BREAK_GLASS}))
AT = View.of(BASE)


def judged(request: Json, world: World) -> Verdict:
    """The product's verdict; the view grows out of the common one, as a watch cache does."""
    document = {"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": request}
    view = AT.followed_by(View.of(world.objects).objects)
    return evaluate(read_review(document), bundle(), view, OURS, TODAY)


@pytest.mark.parametrize("chunk", range(10))
def test_every_review(chunk: int) -> None:
    denied: Counter[tuple[str, bool]] = Counter()
    for seed in range(chunk * MANY, (chunk + 1) * MANY):
        request, world = a_review(random.Random(seed))
        expected = denials(request, world)
        verdict = judged(request, world)
        assert verdict.allowed == (not expected), (seed, request, expected, verdict.denials)
        denied[request["kind"]["kind"], bool(expected)] += 1
