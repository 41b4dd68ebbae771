"""Our own format: joins are joins, the decoder and the schema agree, bad input is named."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.samples import ROOT

from policyc.core.canonical import Json
from policyc.profiles.agent_profile import encode, to_bytes
from policyc.profiles.base import (
    DOMAIN_FIELDS,
    AgentProfile,
    Item,
    Run,
    Value,
    WorkloadKey,
    join_items,
    join_profiles,
)
from policyc.profiles.registry import read_profiles

SCHEMA = json.loads(
    (ROOT / "policyc" / "schemas" / "agent-profile.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLES = sorted((ROOT / "policies").rglob("profiles/*.json"))
WORKLOAD = WorkloadKey("apps/v1", "Deployment", "demo", "bot", "main")


def profile(rng: random.Random) -> AgentProfile:
    ids = [f"run-{i}" for i in rng.sample(range(9), rng.randint(1, 4))]
    runs = tuple(
        Run(
            i,
            start=rng.choice(("", "2026-08-01T00:00:00Z", "2026-08-02T00:00:00Z")),
            end=rng.choice(("", "2026-08-03T00:00:00Z")),
            coverage=rng.choice(("from-exec", "unknown")),
            hooks_missing=frozenset(rng.sample(("a", "b"), rng.randint(0, 2))),
            loss=tuple(sorted({"syscalls": rng.randrange(3)}.items())),
        )
        for i in sorted(ids)
    )
    items = join_items(
        Item(
            (("architecture", "amd64"), ("name", rng.choice("abcd"))),
            frozenset(rng.sample(ids, rng.randint(1, len(ids)))),
            rng.choice(("setup", "application")),
            rng.choice(("", "2026-08-01T00:00:00Z")),
            rng.choice(("", "2026-08-04T00:00:00Z")),
            rng.randint(1, 9),
        )
        for _ in range(rng.randint(0, 5))
    )
    peers = join_items(
        Item(peer(rng), frozenset(rng.sample(ids, rng.randint(1, len(ids)))), "application")
        for _ in range(rng.randint(0, 5))
    )
    found = {"syscalls": items, "egress": peers}
    return AgentProfile(WORKLOAD, "", "t", "1", runs, {d: i for d, i in found.items() if i})


def peer(rng: random.Random) -> tuple[tuple[str, Value], ...]:
    """With or without a name, answered or tried in vain, or known by its name alone."""
    values: tuple[tuple[str, Value], ...] = (("protocol", "tcp"), ("port", 443))
    if rng.random() < 0.8:
        values += (("address", rng.choice(("192.0.2.1", "192.0.2.2"))),)
    for field in ("resolved", "hosts"):
        if rng.random() < 0.5:
            values += ((field, (rng.choice(("a.example", "b.example")),)),)
    return values + rng.choice(((), (("unanswered", False),), (("unanswered", True),)))


def merged(profiles: list[AgentProfile]) -> bytes:
    (joined,) = join_profiles(profiles)
    return to_bytes(joined)


def test_joining_is_free_of_order_grouping_and_repetition() -> None:
    for seed in range(400):
        rng = random.Random(seed)
        a, b, c = profile(rng), profile(rng), profile(rng)
        whole = merged([a, b, c])
        assert merged([c, a, b]) == whole
        assert merged([a, a, b, c, b]) == whole
        (ab,) = join_profiles([a, b])
        (bc,) = join_profiles([b, c])
        assert merged([ab, c]) == merged([a, bc]) == whole


def test_no_try_is_left_of_a_peer_that_answered_and_every_other_is() -> None:
    kept = 0
    for seed in range(400):
        rng = random.Random(seed)
        ones = [profile(rng), profile(rng)]
        (joined,) = join_profiles(ones)
        given = [item for one in ones for item in one.items.get("egress", ())]
        left = joined.items.get("egress", ())
        answered = {_end(item) for item in given if not item.is_vain}
        assert {_end(item) for item in left if not item.is_vain} == answered
        tried = {_end(item) for item in given if item.is_vain} - answered
        assert {_end(item) for item in left if item.is_vain} == tried
        kept += len(tried)
    assert kept > 100


def _end(item: Item) -> object:
    values = dict(item.values)
    return values.get("address") or (values.get("resolved"), values.get("hosts"))


def test_fifty_replicas_give_one_profile() -> None:
    pods = [profile(random.Random(seed)) for seed in range(50)]
    assert len(join_profiles(pods)) == 1
    assert merged(pods) == merged(random.Random(1).sample(pods, 50))


def test_what_is_written_is_read_back() -> None:
    for seed in range(200):
        one = profile(random.Random(seed))
        outcome = read_profiles("p.json", to_bytes(one))
        assert outcome.ok
        assert to_bytes(outcome.value[0]) == to_bytes(one)
        VALIDATOR.validate(encode(one))


def mutated(rng: random.Random, document: Any) -> Any:  # Any: JSON taken apart at random
    """One change at a random place: a field renamed, removed, added or given another value."""
    result = copy.deepcopy(document)
    here: Any = result
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            break
        key = rng.choice(keys)
        if isinstance(here[key], (dict, list)) and here[key] and rng.random() < 0.8:
            here = here[key]
            continue
        match rng.randrange(4):
            case 0:
                here[key] = rng.choice(
                    (None, 1, -1, "x", [], {}, True, "2026-08-01T00:00:00Z", 70000)
                )
            case 1 if isinstance(here, dict):
                here["unknownField"] = 1
            case 2 if isinstance(here, dict):
                del here[key]
            case _ if isinstance(here, list):
                here.append(here[key])
        break
    return result


def test_decoder_and_schema_agree_on_mutated_documents() -> None:
    documents = [json.loads(path.read_bytes()) for path in EXAMPLES]
    for document in documents:
        for domain in DOMAIN_FIELDS:
            document["spec"][domain] = document["spec"].get(domain, [])[:2]
    rng = random.Random(3)
    refused = 0
    for _ in range(2000):
        document = mutated(rng, rng.choice(documents))
        if document.get("apiVersion") != "policyc.dev/v1" or document.get("kind") != "AgentProfile":
            continue
        ours = read_profiles("p.json", json.dumps(document).encode()).ok
        theirs = VALIDATOR.is_valid(document)
        if ours != theirs:
            # Only what a schema cannot say: run ids that must exist, and be different.
            found = read_profiles("p.json", json.dumps(document).encode()).diagnostics
            assert theirs
            assert any("run" in d.message for d in found), (found, document)
        refused += not ours
    assert refused > 500


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_examples_fit_the_schema(path: Path) -> None:
    VALIDATOR.validate(json.loads(path.read_bytes()))
    assert read_profiles(path.name, path.read_bytes()).ok


def with_spec(**changes: Json) -> bytes:
    spec: dict[str, Json] = {
        "workload": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": "a",
            "name": "b",
            "container": "c",
        },
        "source": {"tool": "t"},
        "runs": [{"id": "1"}],
    }
    spec.update(changes)
    document = {
        "apiVersion": "policyc.dev/v1",
        "kind": "AgentProfile",
        "metadata": {"name": "x"},
        "spec": spec,
    }
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"\xff\xfe", "PC5001", "cannot be read"),
        (b'{"apiVersion": "policyc.dev/v1", "apiVersion": "x"}', "PC5001", "stands twice"),
        (b'{"a": NaN}', "PC5001", "`NaN` is not JSON"),
        (b"[" * 100_000, "PC5001", "nested too deeply"),
        (b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n".encode() for i in range(8)
        ), "PC5001", "aliases"),
        (b"kind: Other\napiVersion: v1\n", "PC5001", "format is not known"),
        (b'{"apiVersion": "policyc.dev/v2", "kind": "AgentProfile"}', "PC5002", "policyc.dev/v2"),
        (with_spec(syscals=[]), "PC5003", "`syscals` is not known"),
        (with_spec(syscalls=[{"name": "read", "runs": ["1"]}]), "PC5003", "`architecture` is missing"),
        (with_spec(syscalls=[{"architecture": "amd64", "name": "read", "runs": ["9"]}]), "PC5003", "no run `9`"),
        (with_spec(egress=[{"protocol": "tcp", "port": 70000, "runs": ["1"]}]), "PC5003", "at most 65535"),
        (with_spec(runs=[{"id": "1", "start": "yesterday"}]), "PC5003", "a time as"),
        (with_spec(runs=[{"id": "1", "end": "2026-02-30T00:00:00Z"}]), "PC5003", "no time of the calendar"),
        (with_spec(runs=[{"id": "1", "end": "\u0662026-02-03T00:00:00Z"}]), "PC5003", "a time as"),
    ],
)  # fmt: skip
def test_bad_input_is_named(data: bytes, code: str, words: str) -> None:
    outcome = read_profiles("p.json", data)
    assert outcome.value == ()
    (found,) = outcome.diagnostics
    assert found.code == code
    assert words in found.message


def test_a_list_as_an_api_server_or_kubectl_writes_it() -> None:
    """With what the API server keeps of each; items are named by their place in the list."""
    bodies = [json.loads(to_bytes(profile(random.Random(seed)))) for seed in (1, 2)]
    whole = merged([p for b in bodies for p in read_profiles("x", json.dumps(b).encode()).value])
    for body in bodies:
        body["metadata"] |= {"namespace": "demo", "uid": "0", "managedFields": [{}], "labels": {}}
        VALIDATOR.validate(body)
    for head in (("v1", "List"), ("policyc.dev/v1", "AgentProfileList")):
        listed = {"apiVersion": head[0], "kind": head[1], "metadata": {}, "items": bodies}
        outcome = read_profiles("list.json", json.dumps(listed).encode())
        assert outcome.diagnostics == []
        assert merged(list(outcome.value)) == whole
        pointers = {i.pointer for p in outcome.value for items in p.items.values() for i in items}
        assert pointers
        for pointer in pointers:
            found: Any = listed
            for step in pointer.strip("/").split("/"):
                found = found[int(step) if isinstance(found, list) else step]
            assert "runs" in found


def test_a_list_with_something_else_in_it_is_refused_where_it_stands() -> None:
    body = json.loads(to_bytes(profile(random.Random(1))))
    listed = {"apiVersion": "v1", "kind": "List", "items": [body, {**body, "metadata": {}}]}
    (found,) = read_profiles("list.json", json.dumps(listed).encode()).diagnostics
    assert (found.code, "`/items/1/metadata`" in found.message) == ("PC5003", True)
    other = {"apiVersion": "v1", "kind": "List", "items": [body, {"kind": "Pod", "apiVersion": "v1"}]}  # fmt: skip
    (found,) = read_profiles("list.json", json.dumps(other).encode()).diagnostics
    assert found.code == "PC5002"
