"""Names with dots of their own mean what was declared, in their file and through an import's alias."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyc.core.diagnostics import Diagnostic
from policyc.semantics.check import check
from policyc.semantics.load import load

REVIEW = 'reviewed by "a@corp.example" on 2026-08-01 because "R-1"'
DECLARED = f"""
window month.x {{
  at least 1d
}}
mcp slack.com {{
  at stdio
  tools t
  {REVIEW}
}}
gateway llm.x {{
  at host llm.example:443
  models a/b
  {REVIEW}
}}
store rag.kb.one {{
  kind rag
  at host kb.example:443
  {REVIEW}
}}
class readers.x {{
  cap {{
    egress tcp 443 to anywhere
    tool *: *
    model * via llm.x
    memory read on rag.kb.one
    identity service-account *
  }}
}}
"""
USED = """
class mine extends {m}readers.x {{
  cap {{
    tool {m}slack.com: t
    model a/b via {m}llm.x
    memory read on {m}rag.kb.one
  }}
}}
agent one.a is mine {{
  workload Deployment demo/one container main
  identity demo/one
  window {m}month.x
  delegates to two.b
}}
agent two.b is {m}readers.x {{
  workload Deployment demo/two container main
  identity demo/two
}}
"""


def found(root: Path, **files: str) -> list[Diagnostic]:
    for name, text in files.items():
        (root / f"{name}.agentpol").write_text(f"edition 2026\n{text}", encoding="utf-8")
    workspace = load(root)
    return [*workspace.diagnostics, *check(workspace.value).diagnostics]


def test_in_the_same_file(tmp_path: Path) -> None:
    assert found(tmp_path, a=DECLARED + USED.format(m="")) == []


@pytest.mark.parametrize("alias", ["m", "m.n", "slack"])
def test_through_an_alias(tmp_path: Path, alias: str) -> None:
    used = f'import "a.agentpol" as {alias}\n' + USED.format(m=f"{alias}.")
    assert found(tmp_path, a=DECLARED, b=used) == []


def test_a_dotted_name_of_another_file_is_suggested_whole(tmp_path: Path) -> None:
    said = found(tmp_path, a=DECLARED, b=USED.format(m=""))
    (server,) = [d for d in said if "MCP server" in d.message]
    assert server.code == "PC2001"
    assert server.help == (
        'it is declared in another file: import "a.agentpol" as x, and write `x.slack.com`'
    )
