"""Threats in the compiled envelope: what is written is what is read, and nothing else is."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.samples import ROOT

from policyc.core.canonical import canonical_json, digest
from policyc.core.strict_json import loads
from policyc.envelope.codec import decode, encode
from policyc.envelope.model import AgentThreat, Cover, ThreatState

Json = dict[str, object]
BASE = decode(loads((ROOT / "generated" / "claims-assistant" / "envelope.json").read_bytes()))
SCHEMA = Draft202012Validator(
    json.loads((ROOT / "policyc/schemas/agent-envelope.schema.json").read_text(encoding="utf-8"))
)

days = st.just("") | st.dates().filter(lambda d: d.year > 999).map(lambda d: d.isoformat())
covers = st.builds(Cover, st.sampled_from([ThreatState.CLOSED, ThreatState.ACCEPTED]), days, days)
threats = st.lists(
    st.builds(
        AgentThreat,
        st.from_regex(r"\A[A-Z][0-9]{1,3}\Z"),
        st.just("tool-poisoning"),
        st.frozensets(covers, max_size=3).map(lambda found: tuple(sorted(found))),
    ),
    max_size=3,
    unique_by=lambda threat: threat.id,
).map(lambda found: tuple(sorted(found, key=lambda t: t.id)))


@given(threats)
def test_what_is_written_is_read(found: tuple[AgentThreat, ...]) -> None:
    document = encode(replace(BASE, threats=found))
    assert decode(document).threats == found
    assert SCHEMA.is_valid(document)


@given(threats, st.dates().filter(lambda d: d.year > 999))
def test_m16_on_every_day_a_threat_is_in_one_state(found: tuple[AgentThreat, ...], day: object) -> None:  # fmt: skip
    written = str(day)
    envelope = replace(BASE, threats=found)
    for threat in found:
        state = threat.on(written)
        assert (threat in envelope.open_threats(written)) is (state is ThreatState.OPEN)
        holding = {
            c.state for c in threat.covers if c.since <= written <= (c.until or "9999-12-31")
        }
        assert (state is ThreatState.OPEN) is (not holding)
        assert (state is ThreatState.CLOSED) is (ThreatState.CLOSED in holding)


GOOD: Json = {"id": "T1", "name": "x", "covers": [{"state": "closed", "since": "", "until": ""}]}


@pytest.mark.parametrize(
    "threat",
    [
        {**GOOD, "more": 1},
        {"id": "T1", "covers": []},
        {**GOOD, "covers": [{"state": "open", "since": "", "until": ""}]},
        {**GOOD, "covers": [{"state": "closed", "since": "", "until": "2026-13-01"}]},
        {**GOOD, "covers": [{"state": "closed", "since": "soon", "until": ""}]},
        {**GOOD, "covers": [{"state": "closed", "since": ""}]},
        {**GOOD, "covers": "closed"},
        "T1",
    ],
)
def test_another_form_is_refused(threat: object) -> None:
    document = copy.deepcopy(encode(replace(BASE, threats=())))
    spec = document["spec"]
    assert isinstance(spec, dict)
    spec["threats"] = [threat]
    document["digest"] = digest(canonical_json(spec))
    with pytest.raises(ValueError, match=r"spec\.threats"):
        decode(document)
    assert not SCHEMA.is_valid(document)


def test_a_threat_that_stands_twice_is_refused() -> None:
    twice = (AgentThreat("T1", "x"), AgentThreat("T1", "x"))
    with pytest.raises(ValueError, match=r"spec\.threats"):
        decode(encode(replace(BASE, threats=twice)))
