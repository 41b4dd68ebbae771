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


def test_it_comes_before_the_window_of_the_class(tmp_path: Path) -> None:
    policy, codes = checked("brief", tmp_path)
    assert codes == []
    assert policy.agents[0].learning is not None
    assert policy.agents[0].learning.window == "brief"


def test_an_unknown_window_is_an_error(tmp_path: Path) -> None:
    assert checked("brif", tmp_path)[1] == ["PC2001"]
