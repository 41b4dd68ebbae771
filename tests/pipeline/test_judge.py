"""Judging from envelopes that a build has left says what judging from the recordings says."""

from __future__ import annotations

import pickle
import shutil
from datetime import date
from pathlib import Path

import pytest
from support.samples import ROOT

from policyc.core.errors import PolicycError
from policyc.core.render import as_json
from policyc.pipeline.compile import compile_root
from policyc.pipeline.judge import judge
from policyc.pipeline.output import replace_tree
from policyc.pipeline.stamp import compiled_envelopes, fingerprint, remember

DAY = date(2026, 11, 21)
FAILING = """
assert no-mail for every agent where class == support-desk {
  never egress tcp 443 to host hooks.slack.com
  never files read "/etc/**"
}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example policies, with an assertion that fails and none about revisions."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Path(shutil.copytree(ROOT / "policies", tmp_path / "policies"))
    policy = made / "support" / "triage-bot.agentpol"
    policy.write_text(policy.read_text() + FAILING)
    runner = made / "code-runner" / "code-runner.agentpol"
    runner.write_text(runner.read_text().replace('  no new exec since "origin/main"\n', ""))
    return made


def test_compiled_envelopes_say_the_same_with_the_same_reasons(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    built = compile_root(root, as_of=DAY)
    replace_tree(out, built.files)
    remember(root, out, fingerprint(root, out, DAY), built)
    compiled = compiled_envelopes(root, out, DAY)
    assert len(compiled) == 6
    read, lowered = judge(root, as_of=DAY, compiled=compiled), judge(root, as_of=DAY)
    assert read.rulings == lowered.rulings
    assert as_json(read.findings) == as_json(lowered.findings)
    failing = [r.decided.counterexample for r in read.rulings if r.fails]
    assert len(failing) == 2
    assert all(shown and shown.derivations for shown in failing)


def test_a_folder_of_another_tree_day_or_file_is_not_read(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    built = compile_root(root, as_of=DAY)
    replace_tree(out, built.files)
    assert compiled_envelopes(root, out, DAY) == {}  # nobody remembers that it is ours
    remember(root, out, fingerprint(root, out, DAY), built)
    assert compiled_envelopes(root, out, date(2026, 11, 22)) == {}
    victim = out / "triage-bot" / "envelope.json"
    good = victim.read_bytes()
    victim.write_bytes(good.replace(b"443", b"444"))
    assert compiled_envelopes(root, out, DAY) == {}
    victim.write_bytes(good)
    assert compiled_envelopes(root, out, DAY)
    profile = next((root / "support" / "profiles").glob("*.json"))
    profile.write_bytes(profile.read_bytes() + b"\n")
    assert compiled_envelopes(root, out, DAY) == {}


def test_a_fault_crosses_the_pipe_of_a_worker() -> None:
    fault = PolicycError("PC7050", "cannot read", help="look")
    again = pickle.loads(pickle.dumps(fault))
    assert (again.code, again.message, again.help) == ("PC7050", "cannot read", "look")
