"""Generated pods of agents: the evaluator and an independent one agree on every verdict."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from support.admission import IMAGE, bundle, files, judge, pod, request, view
from support.drawn_pods import changed, some_pod
from support.oracle.pods import TEMPLATES, faults, whose
from support.scale import MANY

from policyc.core.strict_json import loads

Json = Any  # objects that are built and broken
ENVELOPES: dict[str, Json] = {
    path.partition("/")[0]: loads(data)
    for path, data in files().items()
    if path.endswith("/envelope.json")
}
AT = view()


@pytest.mark.parametrize("chunk", range(10))
def test_creation(chunk: int) -> None:
    denied = 0
    for seed in range(chunk * MANY, (chunk + 1) * MANY):
        body = some_pod(random.Random(seed))
        expected = faults(body, "agents", ENVELOPES)
        verdict = judge(request(body), AT)
        assert verdict.allowed == (not expected), (seed, expected, verdict.denials)
        denied += bool(expected)
    assert MANY // 10 < denied < MANY  # both answers are tried


@pytest.mark.parametrize("chunk", range(10))
def test_update(chunk: int) -> None:
    """What was wrong before and is as it was does not count; what is new does.

    Containers are known by their names, so these differ (as the API server wants it).
    """
    for seed in range(chunk * MANY, (chunk + 1) * MANY):
        rng = random.Random(seed)
        old = some_pod(rng, ("extra",))
        new = copy.deepcopy(old)
        template = new
        for key in TEMPLATES[new["kind"]]:
            template = template[key]
        for _ in range(rng.randrange(3)):
            changed(rng, template["spec"])
        before, after = (of_agent(body) for body in (old, new))
        verdict = judge(request(new, "UPDATE", old), AT)
        assert verdict.allowed == (after <= before), (seed, after - before, verdict.denials)


def of_agent(body: Json) -> set[tuple[str, ...]]:
    """The faults with whose they are: what was another agent's before is new."""
    agent, _ = whose(body, "agents", ENVELOPES)
    name = agent["metadata"]["name"] if agent else ""
    return {(name, *fault) for fault in faults(body, "agents", ENVELOPES)}


def test_the_samples_are_what_they_seem() -> None:
    assert set(ENVELOPES) == set(bundle().agents)
    assert faults(pod(), "agents", ENVELOPES) == set()
    assert IMAGE.startswith("registry.example.com/agents/")
