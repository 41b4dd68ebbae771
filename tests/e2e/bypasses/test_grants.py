"""Group G on a real API server: who widens an agent's ServiceAccount."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.admission import Json, pod
from support.cases.grants import ACCOUNTS, CHANGED, CREATED, EDIT, HARMLESS, SECRETS, bound
from support.cases.row import Row, each
from support.catalogue import case, of
from support.guarded import OPERATOR, Guarded
from support.kube_paths import collection
from support.widening import role

pytestmark = pytest.mark.e2e
__all__ = ["case"]


@pytest.fixture(scope="module")
def prepared(guarded: Guarded) -> Iterator[Guarded]:
    """With the roles and bindings that the rows rest on: none of them widens an agent alone."""
    rows = [*CREATED, *HARMLESS, *CHANGED]
    there = [body for one in rows for body in one.there if body != EDIT]
    there += [one.old for one in CHANGED]
    with guarded.holding(*there, judged=True):
        yield guarded


@each(CREATED)
def test_what_widens_is_refused(prepared: Guarded, asked: Row) -> None:
    prepared.denied(lambda: prepared.ask(asked.made), *asked.denied)


@each(CHANGED)
def test_a_change_that_widens_is_refused(prepared: Guarded, asked: Row) -> None:
    prepared.denied(lambda: prepared.update(asked.made), *asked.denied)


@each(HARMLESS)
def test_what_does_not_widen_is_admitted(prepared: Guarded, asked: Row) -> None:
    prepared.eventually(lambda: prepared.ask(asked.made), lambda answer: answer.is_admitted)


@each(ACCOUNTS)
def test_an_agents_account_is_changed_by_operators_only(guarded: Guarded, asked: Row) -> None:
    assert guarded.update(asked.made).denied == asked.denied
    assert guarded.update(asked.made, client=guarded.as_user(OPERATOR)).is_admitted


@of("G13")
def test_an_account_that_was_too_wide_before_starts_no_pod(guarded: Guarded) -> None:
    with guarded.holding(bound("ClusterRole/edit")):
        guarded.denied(lambda: guarded.ask(pod()), "SA_EXCEEDS")
        claim = {"policyc.dev/exception": "E-1", "policyc.dev/until": "2099-01-01"}
        assert guarded.ask(annotated(pod(), claim)).denied == {"SA_EXCEEDS"}
        assert guarded.ask(pod("summary")).is_admitted
    guarded.eventually(lambda: guarded.ask(pod()), lambda answer: answer.is_admitted)


def annotated(made: Json, annotations: Json) -> Json:
    return {**made, "metadata": {**made["metadata"], "annotations": annotations}}


@of("G14")
def test_of_two_that_are_too_wide_together_one_is_refused_or_the_pod_is(guarded: Guarded) -> None:
    """Both are on their way at once: the webhook may know of neither when it judges the other."""
    pair = [role(SECRETS, name="race"), bound("Role/race")]
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda one: guarded.plane.admin.create(collection(one), one), pair))
    stored = [one for one, answer in zip(pair, answers, strict=True) if answer.status == 201]
    try:
        if len(stored) == len(pair):
            guarded.denied(lambda: guarded.ask(pod()), "SA_EXCEEDS")
        else:
            assert all("RBAC_WIDENS" in a.message for a in answers if a.status != 201), answers
    finally:
        with guarded.unguarded():
            guarded.remove(stored)
    guarded.eventually(lambda: guarded.ask(pod()), lambda answer: answer.is_admitted)
