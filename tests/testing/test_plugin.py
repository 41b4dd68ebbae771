"""The pytest plugin as users meet it: a run of its own each time."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from support.samples import ROOT

TESTS = "def test_laws(law, agent):\n    assert callable(law) and agent.name\n"


def pytest_of(folder: Path, text: str, *options: str) -> tuple[int, str]:
    """Exit code and output of pytest with the plugin, as its entry point loads it."""
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    if not entry_points(group="pytest11", name="policyc"):  # installed before there was one
        command += ["-p", "policyc.testing.plugin"]
    done = subprocess.run(
        [*command, *options, str(folder)], cwd=folder, check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
    )  # fmt: skip
    return done.returncode, done.stdout


def test_without_policies_it_does_nothing_and_loads_nothing(tmp_path: Path) -> None:
    """Another project's run has its own fixtures of these names, and imports no part of ours."""
    text = (
        "import sys, pytest\n"
        "@pytest.fixture\ndef policy():\n    return 'mine'\n"
        "@pytest.fixture\ndef agent():\n    return 'mine'\n"
        "def test_it(policy, agent):\n"
        "    assert policy == agent == 'mine'\n"
        "    ours = {name for name in sys.modules if name.split('.')[0] in ('policyc', 'grammar')}\n"
        "    assert ours == {'policyc', 'policyc.testing', 'policyc.testing.plugin'}\n"
    )
    code, said = pytest_of(tmp_path, text)
    assert code == 0, said


def test_a_law_and_an_agent_make_a_test_of_each(tmp_path: Path) -> None:
    code, said = pytest_of(tmp_path, TESTS, "--policies", str(ROOT / "policies"), "-rp")
    assert code == 0, said
    assert "::test_laws[monotone-triage-bot]\n" in said and "30 passed" in said


def test_the_root_and_the_day_come_from_settings_too(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\npolicies = here\n", encoding="utf-8")
    (tmp_path / "here").symlink_to(ROOT / "policies")
    text = "def test_it(policy):\n    assert policy.root.name == 'here' and policy.today == '2027-07-01'\n"  # fmt: skip
    code, said = pytest_of(tmp_path, text, "--as-of", "2027-07-01")
    assert code == 0, said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--policies", "nowhere"), "there is no policy root `nowhere`"),
        (("--policies", "."), "error[PC2001]"),
        (("--policies", ".", "--as-of", "soon"), "`soon` is no day: write it as 2026-12-31"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, options: tuple[str, ...], expected: str) -> None:
    (tmp_path / "p.agentpol").write_text("edition 2026\nagent a is nobody {\n}\n", encoding="utf-8")
    code, said = pytest_of(tmp_path, TESTS, *options)
    assert code != 0 and expected in said
    assert "INTERNALERROR" not in said


def test_without_hypothesis_it_says_what_to_install(tmp_path: Path) -> None:
    """As in an environment without the extra: Python finds no such module."""
    hidden = "import sys\nsys.modules['hypothesis'] = None\n"
    (tmp_path / "hidden.py").write_text(hidden, encoding="utf-8")
    root = str(ROOT / "policies")
    code, said = pytest_of(
        tmp_path, TESTS, "--policies", root, "-p", "hidden", "-p", "no:hypothesispytest"
    )
    assert code == 4 and "error[PC7073]" in said and "pip install 'policyc[testing]'" in said
