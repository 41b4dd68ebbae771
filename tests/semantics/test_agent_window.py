"""An agent's own `window` line: resolved as any name, and before that of its class."""

from __future__ import annotations

from pathlib import Path

from policyc.semantics.check import check
from policyc.semantics.load import load
from policyc.semantics.model import CheckedPolicy

POLICY = """edition 2026

window long {
  at least 14d
}

window brief {
  at least 1d
}

class base {
  window long
}

agent bot is base {
  workload Deployment a/bot container bot
  identity a/bot
  window WINDOW
  pre-enforced from staging "bot/*.json"
}
"""


def checked(window: str, folder: Path) -> tuple[CheckedPolicy, list[str]]:
    (folder / "x.agentpol").write_text(POLICY.replace("WINDOW", window), encoding="utf-8")
    outcome = check(load(folder).value)
    return outcome.value, [d.code for d in outcome.diagnostics]


def test_the_help_declares_a_window_where_there_is_none(tmp_path: Path) -> None:
    base = POLICY.partition("class base")[2]
    nothing = "edition 2026\n\nclass base {\n}\n" + base.partition("}\n")[2].replace(
        "WINDOW", "brief"
    )
    (tmp_path / "x.agentpol").write_text(nothing, encoding="utf-8")
    found = next(d for d in check(load(tmp_path).value).diagnostics if d.code == "PC2001")
    assert found.help is not None and "there is no window in reach" in found.help
    (tmp_path / "x.agentpol").write_text(
        nothing + found.help.split("`")[1] + "\n", encoding="utf-8"
    )
    workspace = load(tmp_path)
    assert "PC2001" not in [
        d.code for d in [*workspace.diagnostics, *check(workspace.value).diagnostics]
    ]
    assert not workspace.diagnostics


def test_it_comes_before_the_window_of_the_class(tmp_path: Path) -> None:
    policy, codes = checked("brief", tmp_path)
    assert codes == []
    assert policy.agents[0].learning is not None
    assert policy.agents[0].learning.window == "brief"


def test_an_unknown_window_is_an_error(tmp_path: Path) -> None:
    assert checked("brif", tmp_path)[1] == ["PC2001"]
