"""The envelope's document: what is written is read back, and the decoder and the schema agree."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from support.any_envelope import envelopes
from support.envelopes import envelope
from support.samples import ROOT

from policyc.core.canonical import canonical_json, digest, pretty_json
from policyc.core.strict_json import loads
from policyc.envelope.codec import decode, encode
from policyc.envelope.model import Approval, Envelope

SCHEMA = json.loads(
    (ROOT / "policyc" / "schemas" / "agent-envelope.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
COMMITTED = sorted((ROOT / "generated").rglob("envelope.json"))


def without_reasons(one: Envelope) -> Envelope:
    """What travels: everything but why, resolutions in order."""
    kept = [replace(r, derivations=()) for r in one.resolutions]
    kept.sort(key=lambda r: (r.host, r.protocol, r.port, r.addresses))
    return replace(one, grants={}, resolutions=tuple(kept))


@settings(max_examples=settings.default.max_examples // 2)
@given(envelopes())
def test_what_is_written_is_read_back(one: Envelope) -> None:
    assert decode(encode(one)) == without_reasons(one)
    assert decode(loads(pretty_json(encode(one)))) == without_reasons(one)
    assert encode(decode(encode(one))) == encode(one)


@settings(max_examples=settings.default.max_examples // 2)
@given(envelopes())
def test_every_document_fits_the_schema(one: Envelope) -> None:
    VALIDATOR.validate(encode(one))


@settings(max_examples=settings.default.max_examples // 2)
@given(envelopes(), envelopes())
def test_digests_are_equal_exactly_for_equal_envelopes(one: Envelope, other: Envelope) -> None:
    assert encode(one)["digest"] == encode(without_reasons(one))["digest"]
    same = without_reasons(one) == without_reasons(other)
    assert (encode(one)["digest"] == encode(other)["digest"]) == same


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_the_committed_envelopes_are_documents_of_ours(path: Any) -> None:
    document = loads(path.read_bytes())
    VALIDATOR.validate(document)
    assert encode(decode(document)) == document


# -- corruption --------------------------------------------------------------------

OTHERS: tuple[Any, ...] = (None, 1, -1, True, "x", [], {}, [1], {"x": 1}, 70000, [{}], [None])
FIELDS = ("unknown", "pod", "namespace", "pod:app", "x:y", "port", "managed", "workload", "")


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with every key or index in it."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


def corrupted(rng: random.Random, document: Any) -> Any:
    """One field removed, renamed, added, repeated or given another value; the digest redone."""
    result = copy.deepcopy(document)
    here, key = rng.choice(list(places(result)))
    match rng.randrange(5):
        case 0:
            here[key] = copy.deepcopy(rng.choice(OTHERS))
        case 1 if isinstance(here, dict):
            here[rng.choice(FIELDS)] = here.pop(key)
        case 2 if isinstance(here, dict):
            here[rng.choice(FIELDS)] = copy.deepcopy(rng.choice((here[key], *OTHERS)))
        case 3:
            del here[key]
        case _ if isinstance(here, list):
            here.insert(rng.randrange(len(here) + 1), here[key])
    if isinstance(result.get("spec"), dict) and result.get("digest") == document["digest"]:
        result["digest"] = digest(canonical_json(result["spec"]))
    return result


def answer(document: Any) -> str:
    """Why the decoder refuses; the empty string when it does not."""
    try:
        decode(document)
    except ValueError as fault:
        return str(fault) or "refused"
    return ""


# What a schema cannot say: which texts are patterns of an axis, what the axes of an
# approval's domain are, that a name stands twice, and that a set has one form.
BEYOND = (
    "is not a",
    "is none of",
    "does not appear to be",
    "is written `=value`",
    "begins with `/`",
    "no axis",
    "does not match the spec",
    "is not the agent's",
    "canonical",
)


def documents(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Random envelopes, with gates."""
    rng = random.Random(seed)
    for _ in range(count):
        one = envelope(rng)
        gates = tuple(
            Approval(name, region, "lead@corp.example") for name, region in one.domains.items()
        )
        yield encode(replace(one, approvals=gates, delegates=("a", "b")))


@pytest.mark.parametrize("seed", range(4))
def test_decoder_and_schema_agree_on_corrupted_documents(seed: int) -> None:
    rng = random.Random(seed)
    refused = accepted = 0
    for document in documents(seed, 8):
        for _ in range(16):
            wrong = corrupted(rng, document)
            refusal = answer(wrong)
            if VALIDATOR.is_valid(wrong):
                assert not refusal or any(words in refusal for words in BEYOND), refusal
            else:
                assert refusal, wrong
            assert refusal or encode(decode(wrong)) == wrong
            refused += bool(refusal)
            accepted += not refusal
    assert refused > 60
    assert accepted > 3
