"""What an agent has from its class, its delegates and its approvals."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyc.core.source import Source
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Envelope
from policyc.envelope.observation import Observed
from policyc.lower import lower
from policyc.semantics.check import check
from policyc.semantics.load import Workspace
from policyc.semantics.model import CheckedAgent, CheckedPolicy, MustSeeRule, WindowSpec
from policyc.syntax.parser import parse

DAY = date(2026, 9, 1)

FRAME = """edition 2026
tiers low < middle < high
mcp tracker {
  at host tracker.example:443
  tools read, write, purge
  reviewed by "appsec@corp.example" on 2026-08-01 because "R-1"
}
window long {
  at least 14d and 500 sessions
  expect fewer than 0.5 new syscalls, 0.1 new egress per run
  must see one llm call, 3 tool error
  quiet for 72h
}
window short {
  at least 36h
}
"""


def checked(text: str) -> CheckedPolicy:
    """The policy of the frame and the text; AssertionError when it has errors."""
    parsed = parse(Source("p.agentpol", FRAME + text))
    outcome = check(Workspace(Path(), {"p.agentpol": parsed.value}, {"p.agentpol": {}}))
    found = [*parsed.diagnostics, *outcome.diagnostics]
    assert not found, [d.message for d in found]
    return outcome.value


def agent(name: str, members: str, of: str = "base") -> str:
    return (
        f"agent {name} is {of} {{\n  workload Deployment demo/{name} container main\n"
        f"  identity demo/{name}\n{members}\n}}\n"
    )


def envelope_of(one: CheckedAgent, whole: CheckedPolicy) -> Envelope:
    return lower(one, Observed(()), whole, as_of=DAY).value


# -- delegation ------------------------------------------------------------------

BASE = """class base {
  tier low
  cap {
    egress tcp 1-1000 to cidr 192.0.2.0/24
    tool tracker: *
  }
}
"""


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_an_edge_gives_neither_side_anything(rng: random.Random) -> None:
    """A delegate keeps to its own envelope, and the reach of its caller is no grant."""
    names = ("ask", "find", "tell")
    grants = {
        name: f'  allow egress tcp {rng.randint(1, 1000)} to cidr 192.0.2.0/24 because "R-2"'
        for name in names
    }
    edges = {name: [n for n in names if n != name and rng.random() < 0.5] for name in names}

    def built(*, connected: bool) -> CheckedPolicy:
        parts = [BASE]
        for name in names:
            to = f"\n  delegates to {', '.join(edges[name])}" if connected and edges[name] else ""
            parts.append(agent(name, grants[name] + to))
        return checked("".join(parts))

    apart, joined = built(connected=False), built(connected=True)
    for alone, one in zip(apart.agents, joined.agents, strict=True):
        assert one.delegates == tuple(sorted(edges[one.name]))
        assert envelope_of(one, joined).delegates == one.delegates
        assert envelope_of(one, joined).domains == envelope_of(alone, apart).domains


def test_delegates_are_a_set_whatever_the_lines() -> None:
    one = agent("a", "  delegates to c, b\n  delegates to b")
    found = checked(BASE + one + agent("b", "") + agent("c", ""))
    assert found.agents[0].delegates == ("b", "c")


# -- windows ---------------------------------------------------------------------

CHAIN = """class root {
  tier high
  owner "root@corp.example"
  window long
  cap {
    egress tcp 443 to cidr 192.0.2.0/24
  }
  pod {
    read-only-root true
    run-as-user 1000
  }
}
class middle extends root {
}
class leaf extends middle {
  tier low
  window short
  owner "leaf@corp.example"
  pod {
    run-as-user 2000
  }
}
"""


def test_a_window_says_what_is_written() -> None:
    windows = checked("").windows
    assert windows["short"] == WindowSpec("short", least_seconds=36 * 3600)
    assert windows["long"] == WindowSpec(
        "long",
        14 * 86400,
        500,
        (("syscalls", "0.5"), ("egress", "0.1")),
        (MustSeeRule(1, "llm call"), MustSeeRule(3, "tool error")),
        72 * 3600,
    )


@pytest.mark.parametrize(
    ("of", "window", "tier", "owner", "user"),
    [
        ("root", "long", "high", "root@corp.example", 1000),
        ("middle", "long", "high", "root@corp.example", 1000),
        ("leaf", "short", "low", "leaf@corp.example", 2000),
    ],
)
def test_a_class_has_what_its_ancestors_say_until_it_says_so_itself(
    of: str, window: str, tier: str, owner: str, user: int
) -> None:
    line = '  pre-enforced from staging "profiles/*.json"'
    (one,) = checked(CHAIN + agent("bot", line, of)).agents
    assert one.learning is not None
    assert (one.learning.window, one.learning.environment) == (window, "staging")
    assert (one.tier, one.owner, one.pod.run_as_user) == (tier, owner, user)
    assert one.pod.read_only_root
    assert one.ancestry[-1] == of
    assert one.ancestry[0] == "root"


def test_an_agent_names_its_own_window_and_owner() -> None:
    lines = (
        '  learn under long since 2026-08-01 from "a/*.json", "b.json"\n  tier low\n  owner "me@x"'
    )
    (one,) = checked(CHAIN + agent("bot", lines, "leaf")).agents
    assert one.learning is not None
    assert one.learning.window == "long"
    assert one.learning.since == "2026-08-01"
    assert one.learning.files == ("a/*.json", "b.json")
    assert (one.tier, one.owner) == ("low", "me@x")


# -- caps ------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), min_size=1, max_size=4))
def test_the_cap_is_the_meet_of_the_levels(ranges: list[tuple[int, int]]) -> None:
    """Each level narrows: clipped to what the levels above leave, it is what the agent gets."""
    lines, low, high, parent = [], 1, 65535, ""
    for i, (skip, width) in enumerate(ranges):
        low = min(low + skip, high)
        high = min(low + width, high)
        lines.append(
            f"class c{i}{parent} {{\n  tier low\n  cap {{\n"
            f"    egress tcp {low}-{high} to cidr 192.0.2.0/24\n  }}\n}}\n"
        )
        parent = f" extends c{i}"
    (one,) = checked("".join(lines) + agent("bot", "", f"c{len(ranges) - 1}")).agents
    ports = DOMAINS["egress_ip"].written(
        {"protocol": "tcp", "port": f"{low}-{high}", "address": "192.0.2.0/24"}
    )
    assert one.cap("egress_ip") == ports
    assert one.cap("exec") is None
    assert [level.class_name for level in one.caps] == [f"c{i}" for i in range(len(ranges))]


# -- approvals -------------------------------------------------------------------

GATED = BASE[:-2] + '  approve tool tracker: write, purge by "lead@corp.example"\n}\n'


def gates(whole: CheckedPolicy) -> list[tuple[str, set[str], str]]:
    envelope = envelope_of(whole.agents[0], whole)
    return [
        (
            approval.by,
            {
                tool
                for tool in ("read", "write", "purge")
                if {"server": "tracker", "tool": tool} in approval.region
            },
            approval.domain,
        )
        for approval in envelope.approvals
    ]


def test_a_gate_stands_before_what_is_granted_and_nothing_else() -> None:
    whole = checked(GATED + agent("bot", '  allow tool tracker: read, write because "R-2"'))
    assert gates(whole) == [("lead@corp.example", {"write"}, "tools")]


def test_a_gate_before_nothing_is_left_out() -> None:
    whole = checked(GATED + agent("bot", '  allow tool tracker: read because "R-2"'))
    assert gates(whole) == []


def test_gates_of_class_and_agent_add_up() -> None:
    lines = (
        '  allow tool tracker: read, write because "R-2"\n'
        '  approve tool tracker: read by "owner@corp.example"'
    )
    assert gates(checked(GATED + agent("bot", lines))) == [
        ("lead@corp.example", {"write"}, "tools"),
        ("owner@corp.example", {"read"}, "tools"),
    ]


def test_a_gate_grants_nothing() -> None:
    bot = agent("bot", '  allow tool tracker: read because "R-2"')
    gated, free = checked(GATED + bot), checked(BASE + bot)
    assert envelope_of(gated.agents[0], gated).domains == envelope_of(free.agents[0], free).domains


def test_an_approval_of_everything_covers_what_must_be_named() -> None:
    """What no pattern includes is what a human should see first."""
    gated = """class base {
  cap {
    files read "/**", "/etc/shadow"
  }
  approve files read "/**" by "lead@corp.example"
}
"""
    allow = '  allow files read "/etc/shadow" because "R-1"'
    own = '\n  approve files read "/etc/**" by "owner@corp.example"'
    found = checked(gated + agent("bot", allow + own))
    envelope = envelope_of(found.agents[0], found)
    shadow = {"mode": "read", "path": "/etc/shadow"}
    assert [shadow in approval.region for approval in envelope.approvals] == [True, True]
