"""A syntax error is reported once: what only follows from it waits until the text parses."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyc.pipeline.compile import checked

TEXT = """edition 2026
tiers low < high
mcp web {
  at service mcp/web:8080
  tools search
  reviewed by "a@corp.example" on 2026-08-01 because "R-1"
}
class readers {
  tier low
  cap {
    tool web: *
    egress tcp 443 to host *.example.com
    syscalls profile runtime-default
  }
}
agent bot is readers {
  workload Deployment demo/bot container main
  identity demo/bot
  allow egress tcp 443 to host a.example.com because "R-1"
}
cluster {
  manifests "web.yaml"
}
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {name: web, namespace: mcp}
spec: {selector: {app: web}, ports: [{port: 8080}]}
"""
EDITS = {
    "a required line": ("at service mcp/web:8080", "at service mcp/web port 8080"),
    "a declaration's head": ("class readers {", "class readers extends {"),
    "the line of a cap": ("egress tcp 443 to host *.", "egress tcp 443 two host *."),
    "the workload of an agent": ("workload Deployment demo/bot", "workload demo/bot Deployment"),
}


def codes(root: Path, text: str) -> list[str]:
    (root / "web.yaml").write_text(SERVICE, encoding="utf-8")
    (root / "a.agentpol").write_text(text, encoding="utf-8")
    return [d.code for d in checked(root)[2]]


def test_the_text_is_right(tmp_path: Path) -> None:
    assert codes(tmp_path, TEXT) == []


@pytest.mark.parametrize("name", EDITS)
def test_one_error_gives_one_finding(name: str, tmp_path: Path) -> None:
    old, new = EDITS[name]
    assert old in TEXT
    (code,) = codes(tmp_path, TEXT.replace(old, new))
    assert code.startswith("PC1")


def test_an_error_that_is_its_own_is_reported_beside(tmp_path: Path) -> None:
    text = TEXT.replace("tier low\n  cap", "tier lwo\n  cap").replace(
        "443 to host a.", "443 two host a."
    )
    assert sorted(codes(tmp_path, text)) == ["PC1002", "PC2011"]
