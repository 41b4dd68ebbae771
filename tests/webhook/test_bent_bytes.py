"""Reviews whose bytes were bent: every answer is a denial or what the bytes mean, never a failed call."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.admission import SETTINGS, TODAY, bundle
from support.asgi import InProcess, some_cut
from support.bent_bytes import bent
from support.drawn_reviews import BREAK_GLASS, a_review
from support.oracle.review_reader import request_in
from support.oracle.reviews import denials
from support.oracle.world import World
from support.scale import MANY

from policyc.admission.evaluate import evaluate
from policyc.admission.request import Operation, Request
from policyc.admission.review import API_VERSION
from policyc.admission.view import View

Json = Any
OURS = replace(SETTINGS, break_glass=frozenset({BREAK_GLASS}))


def written(request: Json, rng: random.Random) -> bytes:
    """As the API server writes it: members in order, characters outside ASCII as they are."""
    document = {"kind": "AdmissionReview", "apiVersion": API_VERSION, "request": request}
    spaces = rng.choice((None, None, (",", ":")))
    return json.dumps(document, ensure_ascii=rng.random() < 0.5, separators=spaces).encode()


def meant(request: Json) -> Request:
    """The request in the product's terms, put together from the other reader's."""
    kind, resource, user = request["kind"], request["resource"], request.get("userInfo") or {}
    return Request(
        uid=request["uid"],
        operation=Operation(request["operation"]),
        group=kind["group"],
        version=kind["version"],
        kind=kind["kind"],
        resource=resource["resource"],
        resource_group=resource["group"],
        subresource=request.get("subResource") or "",
        namespace=request.get("namespace") or "",
        name=request.get("name") or "",
        user=user.get("username") or "",
        groups=tuple(user.get("groups") or ()),
        object=request.get("object"),
        old=request.get("oldObject"),
        options=request.get("options"),
        dry_run=bool(request.get("dryRun")),
        user_uid=user.get("uid") or "",
        extra=user.get("extra") or {},
    )


def answered(rng: random.Random, app: InProcess) -> str:
    """Bend a review, post it, and judge the answer; what came of it."""
    request, world = a_review(rng)
    app.view = View.of(world.objects)
    data = written(request, rng)
    made = bent(rng, data)
    status, body = app.post(made, "/validate", some_cut(rng))
    assert app.whole(made) == (status, body), made
    end_of_uid = data.index(request["uid"].encode()) + len(request["uid"]) + 1
    if made[:end_of_uid] == data[:end_of_uid]:
        assert status == 200, (status, body, made)
    if status != 200:
        assert 400 <= status < 500, (status, made)
        assert request_in(made) is None, made
        return "no review"
    found = request_in(made)
    response = body["response"]
    assert b'"uid"' in made and json.dumps(response["uid"], ensure_ascii=False).encode() in made
    assert "INTERNAL" not in response["auditAnnotations"].get("reasons", ""), made
    if found is None:
        assert response["allowed"] is False, made
        return "malformed"
    assert response["uid"] == found["uid"]
    return _judged(found, request, world, response, made)


def _judged(found: Json, request: Json, world: World, response: Json, made: bytes) -> str:
    verdict = evaluate(meant(found), bundle(), View.of(world.objects), OURS, TODAY)
    assert response["allowed"] == verdict.allowed, made
    if json.dumps(found) == json.dumps(request):  # 1.0 and true are equal to Python
        assert response["allowed"] == (not denials(request, world)), made
        return "the same"
    return "another"


@pytest.fixture(scope="module")
def app() -> Any:
    with InProcess(View.of(()), OURS) as started:
        yield started


@pytest.mark.parametrize("chunk", range(4))
def test_bent_reviews(chunk: int, app: InProcess) -> None:
    came = Counter(
        answered(random.Random(seed), app) for seed in range(chunk * MANY, (chunk + 1) * MANY)
    )
    assert (
        min(came[what] for what in ("no review", "malformed", "the same", "another")) > MANY // 100
    )


@given(st.randoms(use_true_random=False))
def test_bent_reviews_that_hypothesis_finds(rng: random.Random) -> None:
    with InProcess(View.of(()), OURS) as app:
        answered(rng, app)
