"""The data: lists with their sources, a library that fits the language, signals that can fire."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from support.threats import root

from policyc.catalog.signals import FIELDS, KINDS, SIGNALS, Signal
from policyc.catalog.taxonomies import Taxonomy, meanings, references, taxonomies, title
from policyc.catalog.vocabulary import BLAST, COMPONENTS, EVENTS, FACTS, LAYERS, MITIGATIONS, RIGHTS
from policyc.core.diagnostics import has_errors
from policyc.pipeline.compile import checked
from policyc.semantics.catalogue import Catalogue
from policyc.threats import applies

LIBRARY = 'import "policyc:threats" as std'


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    _, policy, found = checked(root(tmp_path_factory.mktemp("std"), "", head=LIBRARY))
    assert not has_errors(found), [d.message for d in found]
    return policy.catalogue


# -- taxonomies ----------------------------------------------------------------------------


@pytest.mark.parametrize("list_", taxonomies(), ids=lambda t: f"{t.name} {t.version}")
def test_every_list_says_where_and_when_it_is_from(list_: Taxonomy) -> None:
    assert re.fullmatch(r"https://\S+", list_.source)
    assert re.fullmatch(r"20\d\d(-\d\d-\d\d)?", list_.date)
    assert date.fromisoformat(list_.read) <= date(2026, 11, 21)
    assert list_.titles and all(list_.titles.values())
    assert len(list_.date) > 4 or list_.note, "a vague date is explained"


def test_no_id_is_in_two_lists() -> None:
    assert len(references()) == sum(len(list_.titles) for list_ in taxonomies())


@pytest.mark.parametrize(
    ("name", "version", "number"),
    [
        ("OWASP Top 10 for LLM Applications", "2025", 10),
        ("OWASP Top 10 for LLM Applications", "2026", 10),
        ("OWASP Top 10 for Agentic Applications", "2026", 10),
        ("OWASP MCP Top 10", "2025", 10),
        ("NIST AI RMF", "1.0", 91),  # 19 categories and 72 subcategories
    ],
)
def test_a_list_is_whole(name: str, version: str, number: int) -> None:
    (list_,) = [t for t in taxonomies() if (t.name, t.version) == (name, version)]
    assert len(list_.titles) == number


def test_a_reference_without_its_year_has_the_meanings_of_both_lists() -> None:
    assert {id_: title(id_) for id_ in meanings("LLM06")} == {
        "LLM06:2025": "Excessive Agency",
        "LLM06:2026": "Unbounded Consumption",
    }
    moved = [f"LLM{n:02}" for n in range(1, 11) if len({title(i) for i in meanings(f"LLM{n:02}")}) > 1]  # fmt: skip
    assert len(moved) == 8, "only the first two kept their numbers"


# -- signals -------------------------------------------------------------------------------


def attack(signal: Signal) -> dict[str, str]:
    """The fields of a record that sets a signal off."""
    return {c.field: c.values[0] if c.is_equal else "something else" for c in signal.conditions}


@pytest.mark.parametrize("signal", SIGNALS.values(), ids=lambda s: s.name)
def test_m17_a_signal_fires_on_its_record_and_on_nothing_less(signal: Signal) -> None:
    fields = attack(signal)
    assert fields.keys() <= set(FIELDS[signal.kind])
    assert signal.fires(signal.kind, fields)
    for name in fields:
        assert not signal.fires(signal.kind, {k: v for k, v in fields.items() if k != name})
    for kind in set(KINDS) - {signal.kind}:
        assert not signal.fires(kind, fields)


@pytest.mark.parametrize("signal", SIGNALS.values(), ids=lambda s: s.name)
def test_m17_a_signal_is_silent_where_one_condition_does_not_hold(signal: Signal) -> None:
    for condition in signal.conditions:
        other = "none of them" if condition.is_equal else condition.values[0]
        assert not signal.fires(signal.kind, {**attack(signal), condition.field: other})


def test_m17_there_are_signals_of_every_kind() -> None:
    assert {signal.kind for signal in SIGNALS.values()} == set(KINDS)


def test_a_signal_without_conditions_never_fires() -> None:
    assert not Signal("x", "mcp", "", ()).fires("mcp", {"method": "tools/call"})


# -- the standard library --------------------------------------------------------------------


def test_m15_the_library_has_the_threats_it_must_have(library: Catalogue) -> None:
    assert len([t for t in library.threats.values() if not t.is_artifact]) >= 24
    assert {t.name: t.kind for t in library.threats.values()}.items() >= {
        "container-escape": "compromise",
        "service-account-token-theft": "compromise",
        "kubelet-api": "compromise",
        "base-image-supply-chain": "compromise",
        "prompt-injected-sql": "coercion",
        "rag-poisoning": "coercion",
        "mcp-chain-over-the-boundary": "coercion",
        "delegation-hijack": "coercion",
    }.items()


def test_m11_m13_every_entry_says_all_that_there_is_to_say(library: Catalogue) -> None:
    for spec in library.threats.values():
        assert spec.kind in ("coercion", "compromise")
        assert spec.says and spec.refs and spec.blast in BLAST and spec.components
        if spec.is_artifact:
            continue
        assert spec.rights in RIGHTS and spec.layer in LAYERS and spec.mitigation in MITIGATIONS
        assert spec.example and spec.facts and set(spec.facts) <= set(FACTS)
        assert spec.shown and set(spec.shown) <= set(SIGNALS)


def test_m12_no_entry_of_coercion_is_shown_by_syscalls_alone(library: Catalogue) -> None:
    for spec in library.threats.values():
        if spec.kind == "coercion":
            assert {SIGNALS[name].kind for name in spec.shown} - {"syscall"}, spec.id


def test_m4_entries_about_the_model_itself_are_marked(library: Catalogue) -> None:
    marked = {spec.id for spec in library.threats.values() if spec.is_artifact}
    about = {
        spec.id
        for spec in library.threats.values()
        if any(ref in references()[ref].artifacts for ref in spec.refs)
    }
    assert about == marked != set()


def test_m14_the_confused_deputy_is_there_and_uses_granted_rights(library: Catalogue) -> None:
    (deputy,) = [t for t in library.threats.values() if t.name == "confused-deputy"]
    assert deputy.rights == "granted"


def test_the_library_covers_every_category_and_both_classes(library: Catalogue) -> None:
    found = Counter(word for t in library.threats.values() for word in t.components)
    assert found.keys() == set(COMPONENTS)
    assert min(found.values()) >= 3


def test_every_fact_of_the_vocabulary_is_decided() -> None:
    assert applies.FACTS.keys() == set(FACTS)


def test_m21_five_events_reopen_unasked_and_cover_what_they_say() -> None:
    unasked = {name for name, categories in EVENTS.items() if categories}
    assert len(unasked) == 5
    assert EVENTS["mcp.connection.added"] == EVENTS["tool.surface.changed"] == ("tools",)
    assert EVENTS["model.version.changed"] == ("inference",)


def test_the_library_is_in_force_only_where_it_is_imported(tmp_path: Path) -> None:
    _, policy, _ = checked(root(tmp_path, ""))
    assert not policy.catalogue.threats


def test_a_library_that_there_is_not_is_suggested(tmp_path: Path) -> None:
    _, _, found = checked(root(tmp_path, "", head='import "policyc:threat" as std'))
    assert [(d.code, d.help) for d in found] == [("PC2003", "did you mean `policyc:threats`?")]
