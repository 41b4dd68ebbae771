"""A grant that is asked about: read as one grant, at its own places, with every name resolved."""

from __future__ import annotations

from functools import cache

import pytest
from support.samples import ROOT

from policyc.core.diagnostics import Diagnostic, Outcome
from policyc.pipeline.compile import checked
from policyc.semantics.model import Clause
from policyc.semantics.question import clauses_of

_root = cache(lambda: checked(ROOT / "policies"))


def asked(text: str) -> Outcome[tuple[Clause, ...]]:
    workspace, policy, _ = _root()
    agent = next(a for a in policy.agents if a.name == "triage-bot")
    return clauses_of(text, agent, policy, workspace)


def only_fault(text: str) -> Diagnostic:
    outcome = asked(text)
    assert outcome.value == ()
    (found,) = outcome.diagnostics
    return found


@pytest.mark.parametrize(
    ("grant", "name"),
    [
        ("tool zendesk: ticket.comment", "zendesk"),
        ("tool servers.zendsk: ticket.comment", "servers.zendsk"),
        ("model openai/gpt-9 via lllm", "lllm"),
        ("memory read on foo", "foo"),
    ],
)
def test_a_name_that_means_nothing_is_an_error_and_no_grant(grant: str, name: str) -> None:
    found = only_fault(grant)
    assert found.code == "PC2001"
    assert found.span is not None
    assert found.span.text == name


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("", "PC1001", ""),
        ("frob x", "PC1001", "frob"),
        ("allow kube get on pods", "PC1001", "allow"),
        ("never kube get on pods", "PC1001", "never"),
        ("kube get", "PC1003", "get"),
        ("egress tcp 443 host a.example.com", "PC1002", "host"),
        ("kube gett on pods", "PC2011", "gett"),
        ('exec "/a', "PC1005", '"/a'),
        ('kube get on pods because "x"', "PC1004", "because"),
    ],
)
def test_a_fault_is_shown_in_the_text_as_it_was_given(text: str, code: str, place: str) -> None:
    found = only_fault(text)
    assert found.code == code
    assert found.span is not None
    assert found.span.text == place
    assert found.span.source.text == text
    assert "expect deny" not in (found.help or "")


@pytest.mark.parametrize(
    "more",
    [
        "\nkube get on secrets",
        "\nnever kube get on secrets",
        "\n}\n}\nclass other {\ncap {\nkube get on secrets",
        "\n}\nnever kube get on pods\ncap {\nkube get on secrets",
        "\n}\n}\nagent other is asked {\nallow kube get on secrets",
    ],
)
def test_a_second_statement_is_no_part_of_a_grant(more: str) -> None:
    assert len(asked("kube get on pods").value) == 1
    assert asked(f"kube get on pods{more}").value == ()
    assert not asked(f"kube get on pods{more}").ok


def test_a_clause_stands_where_it_was_written() -> None:
    (clause,) = asked("tool servers.zendesk: ticket.comment,\n  ticket.read").value
    assert clause.span.label() == "GRANT:1:1"
    assert clause.span.text == "tool servers.zendesk: ticket.comment,\n  ticket.read"
