"""Envelopes that are opened by need are the envelopes that were written, or an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.any_envelope import envelopes

from policyc.core.canonical import canonical_json, digest, pretty_json
from policyc.envelope.codec import UnreadableError, decode, encode
from policyc.envelope.domains import DOMAINS
from policyc.envelope.index import entry_of, read_index, write_index
from policyc.envelope.model import Envelope, ManagedRef, Pin, Subject
from policyc.envelope.sealed import Packed, Sealed, Shelf, pack

CAPS = {"kube": ("a.agentpol:1:2", "b.agentpol:3:4")}


def sealed(envelope: Envelope, shelf: Shelf | None = None, **changes: Any) -> Sealed:
    document = encode(envelope)
    entry = entry_of(decode(document), str(document["digest"]), "a.agentpol:9:1", CAPS)
    packed = Packed.of(pretty_json(document), b"")
    return Sealed.of(replace(entry, **changes), packed, Shelf() if shelf is None else shelf)


@settings(max_examples=20)
@given(envelopes())
def test_what_is_opened_is_what_was_written(envelope: Envelope) -> None:
    found, wanted = sealed(envelope), decode(encode(envelope))
    for name in Envelope.__dataclass_fields__:
        assert getattr(found, name) == getattr(wanted, name)
    assert encode(found) == encode(envelope)
    assert encode(replace(found, delegates=())) == encode(replace(wanted, delegates=()))


@settings(max_examples=20)
@given(envelopes())
def test_the_subject_and_the_pins_open_nothing(envelope: Envelope) -> None:
    shelf = Shelf()
    found = sealed(envelope, shelf)
    assert (found.subject, found.pins) == (envelope.subject, decode(encode(envelope)).pins)
    assert found.ends == envelope.ends
    assert len(shelf) == 0
    assert found.delegates == envelope.delegates
    assert len(shelf) == 1


@settings(max_examples=20)
@given(envelopes(), envelopes())
def test_a_document_is_packed_beside_any_other(document: Envelope, other: Envelope) -> None:
    data, like = pretty_json(encode(document)), pretty_json(encode(other))
    assert Packed.of(data, like).document() == data


@given(st.lists(st.binary(max_size=400), max_size=40), st.binary(max_size=200))
def test_of_many_that_are_packed_each_is_had_back(documents: list[bytes], like: bytes) -> None:
    assert [packed.document() for packed in pack(documents, like)] == documents


def test_what_was_opened_first_is_closed_and_opens_again() -> None:
    shelf = Shelf(2 * len(pretty_json(encode(plain("agent-0")))))
    made = [sealed(plain(f"agent-{i}"), shelf) for i in range(3)]
    first = made[0].domains
    for envelope in made:
        assert envelope.domains["tools"] == first["tools"]
    assert len(shelf) == 2
    assert made[0].domains is not first
    assert made[0].domains is made[0].domains


def plain(agent: str = "a", **fields: Any) -> Envelope:
    domains = {name: domain.empty for name, domain in DOMAINS.items()}
    return Envelope(Subject(agent, "c", "enforce", service_account=f"n/{agent}", managed=ManagedRef("bedrock", "r")), domains, **fields)  # fmt: skip


def another_name(document: Any) -> None:
    document["metadata"]["name"] = document["spec"]["subject"]["agent"] = "b"


def more_tools(document: Any) -> None:
    document["spec"]["domains"]["tools"] = [{}]


def unknown_field(document: Any) -> None:
    document["spec"]["more"] = 1


def not_canonical(document: Any) -> None:
    document["spec"]["domains"]["kube"] = [{"verb": ["get"]}, {"verb": ["list"]}]


def no_region(document: Any) -> None:
    document["spec"]["domains"]["kube"] = [{"verb": 7}]


@pytest.mark.parametrize(
    "change", [another_name, more_tools, unknown_field, not_canonical, no_region]
)
@pytest.mark.parametrize("bears", ["the-old-digest", "its-own-digest"])
def test_a_document_that_is_not_the_index_s_is_no_envelope(
    change: Callable[[Any], None], bears: str
) -> None:
    document: Any = encode(plain())
    entry = entry_of(plain(), document["digest"], "", {})
    change(document)
    if bears == "its-own-digest":
        document["digest"] = digest(canonical_json(document["spec"]))
    found = Sealed.of(entry, Packed.of(pretty_json(document), b""), Shelf())
    for _ in range(2):
        with pytest.raises(UnreadableError):
            found.domains["kube"]


@pytest.mark.parametrize("change", [not_canonical, no_region])
def test_one_bad_domain_leaves_the_others(change: Callable[[Any], None]) -> None:
    document: Any = encode(plain())
    change(document)
    document["digest"] = digest(canonical_json(document["spec"]))
    entry = entry_of(plain(), document["digest"], "", {})
    found = Sealed.of(entry, Packed.of(pretty_json(document), b""), Shelf())
    assert not found.domains["tools"]
    with pytest.raises(UnreadableError, match="kube"):
        found.domains["kube"]
    with pytest.raises(ValueError, match="kube"):
        decode(document)


@pytest.mark.parametrize("data", [b"", b"\xff", b"{}", b"[1]"])
def test_bytes_that_are_no_document(data: bytes) -> None:
    entry = entry_of(plain(), "sha256:" + "0" * 64, "", {})
    for packed in (Packed.of(data, b""), Packed(data, 0, len(data), b"")):
        with pytest.raises(UnreadableError):
            Sealed.of(entry, packed, Shelf()).delegates  # noqa: B018  # reading is what is tested


@settings(max_examples=10)
@given(st.lists(envelopes(), max_size=4, unique_by=lambda e: e.subject.agent))
def test_an_index_is_read_as_it_was_written(found: list[Envelope]) -> None:
    entries = [
        entry_of(decode(encode(e)), str(encode(e)["digest"]), f"x:{i}:1", CAPS if i % 2 else {})
        for i, e in enumerate(found)
    ]
    wanted = sorted(entries, key=lambda entry: entry.subject.agent)
    assert read_index(write_index(entries)) == wanted
    assert write_index(reversed(entries)) == write_index(wanted)


def index() -> Any:
    pin = Pin("web", "search", "sha256:" + "a" * 64)
    envelope = plain(pins=(pin,))
    return json.loads(write_index([entry_of(envelope, "sha256:" + "0" * 64, "x:1:1", CAPS)]))


WRONG: dict[str, Callable[[Any], object]] = {
    "another kind": lambda d: d.update(kind="Manifest"),
    "a newer version": lambda d: d.update(apiVersion="policyc.dev/v2"),
    "an unknown member": lambda d: d.update(more=1),
    "no agents": lambda d: d.pop("agents"),
    "an unknown member of an agent": lambda d: d["agents"][0].update(more=1),
    "twice": lambda d: d["agents"].append(d["agents"][0]),
    "a digest of another form": lambda d: d["agents"][0].update(digest="md5:0"),
    "a subject of another form": lambda d: d["agents"][0]["subject"].pop("agent"),
    "caps that are not there": lambda d: d["agents"][0].update(caps=7),
    "caps before the first": lambda d: d["agents"][0].update(caps=-1),
    "caps of another form": lambda d: d["caps"].append({"kube": "x"}),
    "a pin that is not there": lambda d: d["agents"][0].update(pins=[1]),
    "a pin before the first": lambda d: d["agents"][0].update(pins=[-1]),
    "a pin of another form": lambda d: d["pins"].append(["web", "search"]),
    "ends of another form": lambda d: d["agents"][0].update(ends=[1]),
}


@pytest.mark.parametrize("change", WRONG)
def test_what_is_no_index_is_said(change: str) -> None:
    document = index()
    assert read_index(canonical_json(document))
    WRONG[change](document)
    with pytest.raises(ValueError, match=r"agents\.json: "):
        read_index(canonical_json(document))
