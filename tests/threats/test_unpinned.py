"""A closure that rests on pins needs pins, and what a finding says to write can be written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.threats import THREAT, build, closure, codes, root

ANY = """signal tools.same mcp {
  says "a server lists another description than the pinned one"
  fires when pinned != "same"
  fires when pinned == "changed"
}
"""


@pytest.mark.parametrize(
    ("subject", "signal", "expected"),
    [
        ("bot", "mcp.manifest.unchanged", []),
        ("helper", "mcp.manifest.unchanged", ["PC3124"]),
        ("helper", "tools.same", ["PC3124"]),
        ("helper", "envelope.deviation.none", []),
        ("base", "mcp.manifest.unchanged", ["PC3124"]),
    ],
)
def test_a_server_without_pins_sets_no_alarm_off(
    tmp_path: Path, subject: str, signal: str, expected: list[str]
) -> None:
    """`bot` uses a server with a pin, `helper` one without; the class has both."""
    tail = (
        closure(replay="")
        .replace("on bot", f"on {subject}")
        .replace("mcp.manifest.unchanged", signal)
    )
    compiled = build(root(tmp_path, THREAT + ANY + tail))
    found = [d for d in compiled.diagnostics if d.code == "PC3124"]
    assert [d.code for d in found] == expected
    for one in found:
        assert "`helper` uses `other`" in one.message
        assert one.span is not None
        assert one.span.text.startswith(f"evidence signal {signal}") or one.span.text == signal


@pytest.mark.parametrize(
    "head", ['import "policyc:threats" as std\n', 'import "policyc:threats" as library\n']
)
def test_a_threat_is_named_as_the_agents_file_calls_it(tmp_path: Path, head: str) -> None:
    compiled = build(root(tmp_path / "open", "", stage="enforce", head=head))
    helps = [d.help or "" for d in compiled.diagnostics if d.code == "PC3101"]
    assert helps
    for said in helps:
        match = re.search(r"`(accept \S+ on bot until) \.\.\.`", said)
        assert match is not None, said
    accepted = f'{match[1]} 2026-12-31 {{\n  because "SEC-1"\n  approver "ciso@corp.example"\n}}\n'
    again = build(root(tmp_path / "accepted", accepted, stage="enforce", head=head))
    assert "PC2001" not in codes(again)
    assert codes(again).count("PC3101") == len(helps) - 1
