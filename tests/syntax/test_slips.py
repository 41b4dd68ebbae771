"""Frequent slips: each is told what to write instead, and that then parses."""

from __future__ import annotations

import pytest

from policyc.core.source import Source
from policyc.syntax.parser import parse

GRANTS = {
    "egress tcp 443 to host https://api.example.com": (
        "expected a host name",
        "leave out `https://`",
        "egress tcp 443 to host api.example.com",
    ),
    "egress tcp 443 to host api.*.com": (
        "expected a host name",
        "`*.` stands only in front",
        "egress tcp 443 to host *.api.com",
    ),
    "egress tcp 443 to cidr 172.18.0.2": (
        "expected a network",
        "write `172.18.0.2/32`",
        "egress tcp 443 to cidr 172.18.0.2/32",
    ),
    "egress tcp 443 to cidr 2001:db8::1": (
        "expected a network",
        "write `2001:db8::1/128`",
        "egress tcp 443 to cidr 2001:db8::1/128",
    ),
    "egress tcp 443 to cidr 10.0.0.0/8, 192.0.2.0/24": (
        "expected",
        "write `cidr 192.0.2.0/24`",
        "egress tcp 443 to cidr 10.0.0.0/8, cidr 192.0.2.0/24",
    ),
    "ingress tcp 80 from pods labeled app:gateway": (
        "expected a label",
        "write `app=gateway`",
        "ingress tcp 80 from pods labeled app=gateway",
    ),
    "ingress tcp 80 from pods labeled a=b and app:gateway": (
        "expected a label",
        "write `app=gateway`",
        "ingress tcp 80 from pods labeled a=b and app=gateway",
    ),
}


def said(grant: str) -> list[tuple[str, str]]:
    text = f"edition 2026\nclass base {{\n  cap {{\n    {grant}\n  }}\n}}\n"
    return [(d.message, d.help or "") for d in parse(Source("p", text)).diagnostics]


@pytest.mark.parametrize("grant", GRANTS)
def test_a_slip_is_told_what_to_write(grant: str) -> None:
    expected, hint, right = GRANTS[grant]
    ((message, help_),) = said(grant)
    assert message.startswith(expected)
    assert hint in help_
    assert said(right) == []


DURATIONS = {
    "at least 7 days": "write `7d`",
    "at least 1 day and 5 sessions": "write `1d`",
    "at least 2 weeks": "write `14d`",
    "quiet for 72 hours": "write `72h`",
    "quiet for 30 m": "write `30m`",
}


@pytest.mark.parametrize("line", DURATIONS)
def test_a_duration_is_one_word(line: str) -> None:
    text = f"edition 2026\nwindow w {{\n  {line}\n}}\n"
    (found,) = parse(Source("p", text)).diagnostics
    assert found.message.startswith("expected a duration such as `14d` or `72h` after ")
    assert found.help == DURATIONS[line]


LISTS = {
    "tool zendesk: ticket.read ticket.comment": "ticket.read, ticket.comment",
    "kube get list on pods": "get, list",
    "syscalls bpf mount": "bpf, mount",
}


@pytest.mark.parametrize("grant", LISTS)
def test_a_missing_comma_is_named_whatever_holds_the_grant(grant: str) -> None:
    for before in ("", "never "):
        ((_, help_),) = said(before + grant)
        assert help_ == f"a list needs a comma between its items: write `{LISTS[grant]}`"
    text = f'edition 2026\nagent a is b {{\n  allow {grant} because "x"\n}}\n'
    (found,) = parse(Source("p", text)).diagnostics
    assert found.help == f"a list needs a comma between its items: write `{LISTS[grant]}`"


def test_the_form_is_that_of_the_grant_that_is_held() -> None:
    ((_, help_),) = said("never tool zendesk ticket.read")
    assert help_ == "the form is: never tool zendesk: ticket.read, ticket.comment"


def test_a_colon_that_is_too_much() -> None:
    text = "edition 2026\nagent a is b {\n  stage: observe\n}\n"
    (found,) = parse(Source("p", text)).diagnostics
    assert (found.message, found.help) == ("expected a word after `stage`, found `:`", "remove `:`")


def test_what_is_no_slip_is_shown_the_form() -> None:
    ((_, help_),) = said("egress tcp 443 to nothing")
    assert help_.startswith("the form is: egress")


@pytest.mark.parametrize("line", ["at least 500", "at least 14d and 500 runs", "at least 5 and 1d"])
def test_a_window_is_shown_its_own_form(line: str) -> None:
    """`at` alone begins another statement."""
    form = "at least 14d and 500 sessions"
    for written, hints in ((line, [f"the form is: {form}"]), (form, [])):
        text = f"edition 2026\nwindow w {{\n  {written}\n}}\n"
        assert [d.help for d in parse(Source("p", text)).diagnostics] == hints
