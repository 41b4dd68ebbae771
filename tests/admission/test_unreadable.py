"""An envelope that turns out not to be one is a denial with a reason, for those who need it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.admission import SETTINGS, TODAY, files, pod, reasons, request, view
from support.widening import body

from policyc.admission.bundle import Bundle, assemble
from policyc.admission.evaluate import evaluate
from policyc.core.canonical import canonical_json, digest
from policyc.core.strict_json import loads
from policyc.envelope.index import PATH, Entry, read_index
from policyc.envelope.sealed import Packed
from webhook.judge import Judge
from webhook.logs import Talk


def broken(agent: str, how: str) -> Bundle:
    """The bundle of the example policy in which one envelope is not what the index says."""
    entries = read_index(files()[PATH])
    documents: dict[str, Any] = {e.subject.agent: loads(files()[e.path]) for e in entries}
    packed = {name: Packed.of(canonical_json(d), b"") for name, d in documents.items()}
    if how == "bytes":
        packed[agent] = replace(packed[agent], data=packed[agent].data[:-9])
    elif how == "content":
        documents[agent]["spec"]["domains"]["tools"] = [{}]
        packed[agent] = Packed.of(canonical_json(documents[agent]), b"")
    else:  # signed as it is, by a builder that writes another form
        documents[agent]["spec"]["domains"]["exec"] = [{"path": ["/b"]}, {"path": ["/a"]}]
        documents[agent]["digest"] = digest(canonical_json(documents[agent]["spec"]))
        packed[agent] = Packed.of(canonical_json(documents[agent]), b"")
        entries = [_renewed(e, documents[agent]["digest"], agent) for e in entries]
    return assemble(entries, packed, "sha256:x", 1)


def _renewed(entry: Entry, code: str, agent: str) -> Entry:
    return replace(entry, digest=code) if entry.subject.agent == agent else entry


@pytest.mark.parametrize("how", ["bytes", "content", "form"])
@pytest.mark.parametrize("agent", ["research", "digest"])
def test_it_is_refused_whatever_the_stage_is(agent: str, how: str) -> None:
    made = pod(agent)
    made["spec"]["containers"][0]["command"] = ["/bin/sh"]
    bundle = broken(agent, how)
    for _ in range(2):
        verdict = evaluate(request(made), bundle, view(), SETTINGS, TODAY)
        assert reasons(verdict) == {"ENVELOPE_UNREADABLE"}
        assert agent in verdict.denials[0].message


@pytest.mark.parametrize("how", ["bytes", "content", "form"])
def test_others_are_judged_as_ever(how: str) -> None:
    bundle = broken("research", how)
    assert evaluate(request(pod("summary")), bundle, view(), SETTINGS, TODAY).allowed
    plain = body("ConfigMap", "x", "elsewhere")
    assert evaluate(request(plain), bundle, view(), SETTINGS, TODAY).findings == ()


@pytest.mark.parametrize("how", ["bytes", "content"])
def test_it_is_not_completed_either(how: str) -> None:
    bundle = broken("research", how)
    judge = Judge(lambda: bundle, view, SETTINGS, None, lambda: TODAY, Talk())
    assert reasons(judge.mutate(request(pod())).verdict) == {"ENVELOPE_UNREADABLE"}
