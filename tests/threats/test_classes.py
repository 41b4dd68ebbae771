"""Two classes of threats, and the evidence that fits each; references with their year."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.threats import POISONED, THREAT, build, closure, codes, records, root

SYSCALL = 'signal own.shell syscall {\n  fires when path == "/bin/sh"\n}\n'
SHELL = {"kind": "syscall", "at": POISONED["at"], "agent": "bot", "fields": {"name": "execve", "path": "/bin/sh"}}  # fmt: skip


@pytest.mark.parametrize(("word", "found"), [("coercion", []), ("compromise", []), ("confusion", ["PC2011"])])  # fmt: skip
def test_every_threat_is_coercion_or_compromise_m11(
    tmp_path: Path, word: str, found: list[str]
) -> None:
    assert codes(build(root(tmp_path, THREAT.replace("coercion", word)))) == found


@pytest.mark.parametrize(
    ("kind", "also", "found"),
    [("coercion", "", ["PC3016"]), ("compromise", "", []), ("coercion", "  evidence signal mcp.manifest.unchanged holds for 14d\n", [])],
)  # fmt: skip
def test_coercion_closed_by_a_syscall_signal_alone_is_an_error_m12(
    tmp_path: Path, kind: str, also: str, found: list[str]
) -> None:
    close = closure(more=also).replace("mcp.manifest.unchanged", "own.shell", 1)
    files = {"poisoned.json": records(SHELL, POISONED)}
    tail = THREAT.replace("coercion", kind) + SYSCALL + close
    assert codes(build(root(tmp_path, tail, files=files))) == found


def test_a_reference_without_its_year_shows_both_meanings_m41(tmp_path: Path) -> None:
    compiled = build(root(tmp_path, THREAT.replace("MCP03:2025", "LLM06")))
    assert codes(compiled) == ["PC3015"]
    (found,) = [d for d in compiled.diagnostics if d.code == "PC3015"]
    said = f"{found.message} {found.help}"
    assert all(word in said for word in ("LLM06:2025", "Excessive Agency", "LLM06:2026", "Unbounded Consumption"))  # fmt: skip
    for reference in ("LLM06:2025", "LLM06:2026", "AML.T0053", "T1611"):
        assert build(root(tmp_path, THREAT.replace("MCP03:2025", reference))).ok
    assert codes(build(root(tmp_path, THREAT.replace("MCP03:2025", "LLM06:2024")))) == ["PC3015"]
