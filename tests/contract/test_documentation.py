"""The documentation is true: examples parse, links lead somewhere, transcripts are real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.markdown import (
    ROOT,
    anchors,
    commands,
    fences,
    links,
    pages,
    renewed,
    rewrite,
    shows,
)

from policyc.core.source import Source
from policyc.semantics.check import check
from policyc.semantics.load import load
from policyc.syntax.format import format_source
from policyc.syntax.parser import parse

README = ROOT / "README.md"
LANGUAGE = ROOT / "docs" / "reference" / "language.md"
DIAGNOSTICS = ROOT / "docs" / "reference" / "diagnostics"
"""Its fences are wrong on purpose, and tested with their codes."""

WITH_EXAMPLES = [p for p in pages() if p.parent != DIAGNOSTICS and fences(p, "agentpol")]
WITH_TRANSCRIPT = [p for p in pages() if commands(p)]
SOURCES = [
    path
    for room in ("policyc", "grammar", "tests", ".ci")
    for path in sorted((ROOT / room).rglob("*"))
    if path.suffix in {".py", ".lark", ".txt", ".tsv", ".json", ""} and path.is_file()
] + [ROOT / "pyproject.toml", ROOT / "Makefile"]

_PAGE = re.compile(r"(?<![\w/.])docs/[\w./-]*\w")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def as_file(example: str) -> str:
    """An example of a part of a file, as a file."""
    return example if "edition " in example else f"edition 2026\n{example}"


def test_there_is_something_to_judge() -> None:
    assert {README, LANGUAGE} <= set(WITH_EXAMPLES)
    assert README in WITH_TRANSCRIPT
    assert len(SOURCES) > 100


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=named)
def test_examples_parse_and_are_formatted(page: Path) -> None:
    for example in fences(page, "agentpol"):
        text = as_file(example)
        assert [d.message for d in parse(Source(named(page), text)).diagnostics] == [], example
        assert format_source(Source(named(page), text)).value == text


def test_the_language_page_is_one_policy_that_checks(tmp_path: Path) -> None:
    """An example that begins with a file's name is that file; the others together are one."""
    rest = ""
    for body in [*fences(LANGUAGE, "agentpol"), *fences(LANGUAGE, "yaml")]:
        match = re.match(r"# (\S+\.(?:agentpol|yaml))\n", body)
        if match is None:
            rest += body
        else:
            path = tmp_path / match[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(body, encoding="utf-8")
    (tmp_path / "policy.agentpol").write_text(rest, encoding="utf-8")
    workspace = load(tmp_path)
    found = [*workspace.diagnostics, *check(workspace.value).diagnostics]
    assert [(d.code, d.message) for d in found] == []


def test_the_readme_quotes_a_policy() -> None:
    policies = [p.read_text(encoding="utf-8") for p in (ROOT / "policies").rglob("*.agentpol")]
    for example in fences(README, "agentpol"):
        assert any(example in text for text in policies), example


@pytest.mark.parametrize("page", pages(), ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


@pytest.mark.parametrize("page", pages(), ids=named)
def test_paths_that_pages_name_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for found in re.findall(r"`((?:policyc|grammar|tests|policies)/[\w./-]+)`", text):
        assert (ROOT / found).exists(), found


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link).resolve() for link in links(index)}
    written = {p for p in pages() if index.parent in p.parents and p.parent != DIAGNOSTICS}
    assert written - listed == {index}


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_pages_that_source_names_exist(source: Path) -> None:
    for found in _PAGE.findall(source.read_text(encoding="utf-8", errors="replace")):
        if "CODE" not in found:
            assert (ROOT / found).exists(), found


@pytest.mark.parametrize("page", WITH_TRANSCRIPT, ids=named)
def test_transcripts_are_real(page: Path, tmp_path: Path, golden: bool) -> None:
    """Every command of the page is run, in order, in a compiled copy of the example policies."""
    for folder in ("policies", "docs/tutorial", "docs/howto"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    output("policyc compile policies", tmp_path)
    for command in commands(page):
        real = output(command.line, tmp_path)
        if golden and not shows(command.shown, real):
            rows = renewed(command.shown, real)
            rewrite(page, command, rows)
            command.shown = rows
        assert shows(command.shown, real), "\n".join([command.line, *real])


def test_no_page_writes_into_the_output_of_another() -> None:
    """A folder that holds another page's output is refused (PC7052)."""
    written = {
        (folder.rstrip("/"), named(page))
        for page in WITH_TRANSCRIPT
        for command in commands(page)
        for folder in re.findall(r"policyc compile .*--output (\S+)", command.line)
    }
    assert len(written) > 4
    clashes = [(a, b) for a, _ in written for b, _ in written if a.startswith(f"{b}/")]
    assert clashes == []


def test_no_transcript_hides_an_error() -> None:
    """What says nothing where it failed says at least its exit code."""
    lines = [command.line for page in WITH_TRANSCRIPT for command in commands(page)]
    assert [x for x in lines if "2>/dev/null" in x and "$?" not in x] == []


def test_sample_recordings_claim_no_recorder() -> None:
    """They were written for the pages; a tool's name would say that it can make or read such a file."""
    samples = [p for room in ("docs", "policies") for p in (ROOT / room).rglob("*.json")]
    tools = [
        document["spec"]["source"]["tool"]
        for document in (json.loads(path.read_text(encoding="utf-8")) for path in samples)
        if document["kind"] == "AgentProfile"
    ]
    assert set(tools) == {"sample"}


def output(line: str, folder: Path) -> list[str]:
    """What a command prints, both streams, in the order in which it says it, as on a terminal."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**given, "PATH": path, "XDG_CACHE_HOME": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()


def test_a_transcript_that_is_not_real_is_seen() -> None:
    assert shows(["a", "...", "c"], ["a", "b", "c"])
    assert shows(["a"], ["a", ""])
    assert not shows(["a", "c"], ["a", "b", "c"])
    assert not shows(["a", "...", "d"], ["a", "b", "c"])
    assert not shows([], ["a"])


def test_a_stale_transcript_is_renewed() -> None:
    assert renewed(["old"], ["new", "rows", ""]) == ["new", "rows"]
    shown = ["file:38", "...", "6 agents, 38 files"]
    assert renewed(shown, ["x", "file:39", "y", "6 agents, 41 files"]) == [
        "file:39",
        "...",
        "6 agents, 41 files",
    ]
