"""The reference pages say what the registries of the code hold, no less and no more."""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

import pytest
from support.markdown import ROOT, fences

from policyc.catalog.startup import RUNTIMES
from policyc.catalog.syscalls import ARCHITECTURES, PROFILES
from policyc.catalog.vocabulary import (
    BEHAVIOURS,
    BLAST,
    COMPONENTS,
    FACETS,
    MANAGED_PROVIDERS,
    RATED,
    STAGES,
    STORE_KINDS,
)
from policyc.cli.main import VERBS, Exit, main, module_of
from policyc.core.codes import CODES
from policyc.envelope.domains import DOMAINS, FAMILIES
from policyc.envelope.index import PATH as INDEX
from policyc.envelope.provenance import Step
from policyc.kube.workloads import WORKLOAD_KINDS
from policyc.pipeline.output import MANIFEST
from policyc.profiles.base import COVERAGE, DOMAIN_FIELDS, PHASES
from policyc.profiles.registry import read_profiles
from policyc.semantics.standard import PREFIX, standard_files
from policyc.syntax.nodes import Assertion, ClusterSetting, PodSetting


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table whose first heading cell is ``heading``."""
    _, _, table = text.partition(f"| {heading} |")
    found: list[list[str]] = []
    for line in table.splitlines()[1:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found[1:]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


LANGUAGE = page("reference/language.md")
KEYWORDS = re.findall(
    r"^[A-Z_]+\.2: /([a-z-]+)\(\?!",
    (ROOT / "grammar" / "agentpol.lark").read_text(encoding="utf-8"),
    re.MULTILINE,
)
EXAMPLES = "\n".join(fences(ROOT / "docs" / "reference" / "language.md", "agentpol"))


@pytest.mark.parametrize("word", KEYWORDS)
def test_every_keyword_is_shown(word: str) -> None:
    assert re.search(rf"(?<![\w-]){word}(?![\w-])", EXAMPLES)


def test_there_are_keywords() -> None:
    assert {"edition", "node-local-dns", "widen"} <= set(KEYWORDS)


@pytest.mark.parametrize(
    "words",
    [
        ARCHITECTURES,
        BEHAVIOURS,
        BLAST,
        COMPONENTS,
        FACETS,
        tuple(FAMILIES),
        MANAGED_PROVIDERS,
        PROFILES,
        RATED,
        RUNTIMES,
        STAGES,
        STORE_KINDS,
        tuple(ClusterSetting),
        tuple(PodSetting),
    ],
    ids=lambda words: words[0],
)
def test_every_word_of_a_closed_vocabulary_is_named(words: tuple[str, ...]) -> None:
    assert [word for word in words if not re.search(rf"`{word}[` ]", LANGUAGE)] == []


def test_every_workload_kind_is_named() -> None:
    kinds = next(line for line in LANGUAGE.splitlines() if line.startswith("| `workload KIND"))
    named = re.search(r"Kinds: ([\w, ]+);", kinds)
    assert named
    assert set(named[1].split(", ")) == {row.kind for row in WORKLOAD_KINDS}


def test_every_domain_has_its_grant() -> None:
    named = [code for row in rows(LANGUAGE, "grant") for code in codes(row[1])]
    assert sorted(named) == sorted(DOMAINS)


def test_the_domains_of_the_envelope_in_their_order() -> None:
    assert [codes(row[0])[0] for row in rows(page("explanation/envelope.md"), "domain")] == [
        *DOMAINS
    ]


def test_every_domain_of_a_profile_with_its_fields() -> None:
    named = {
        domain: row[1]
        for row in rows(page("reference/profile.md"), "domain")
        for domain in codes(row[0])
    }
    assert named.keys() == DOMAIN_FIELDS.keys()
    for domain, fields in DOMAIN_FIELDS.items():
        required, _, optional = named[domain].partition("[")
        assert {n for n, f in fields.items() if not f.required} == set(codes(optional)), domain
        assert {n for n, f in fields.items() if f.required} <= set(codes(required)), domain


def test_the_words_of_a_profile() -> None:
    text = page("reference/profile.md")
    assert [word for word in (*COVERAGE, *PHASES) if f"`{word}`" not in text] == []


def test_the_example_profile_is_one() -> None:
    for example in fences(ROOT / "docs" / "reference" / "profile.md", "json"):
        outcome = read_profiles("example.json", example.encode())
        assert outcome.diagnostics == []
        assert len(outcome.value) == 1


def test_every_standard_assertion_with_its_rules() -> None:
    listed = {
        codes(row[0])[0]: codes(row[1])
        for row in rows(page("reference/assertions.md"), "assertion")
    }
    written = {
        f"{PREFIX}{node.name}": [" ".join(item.span.text.split()) for item in node.items]
        for file in standard_files().values()
        for node in file.declarations
        if isinstance(node, Assertion)
    }
    assert listed == written


def test_the_families_are_the_domains() -> None:
    assert sorted(d for family in FAMILIES.values() for d in family) == sorted(DOMAINS)


def test_every_step_has_its_meaning() -> None:
    assert [codes(row[0])[0] for row in rows(page("reference/output.md"), "step")] == [*Step]


def test_every_artifact_is_listed() -> None:
    listed = [
        "[^/]+".join(
            re.split("AGENT|NAMESPACE|ARCH|STAGE", code if "/" in code else f"AGENT/{code}")
        )
        for row in rows(page("reference/output.md"), "file")
        for code in codes(row[0])
        if code not in (MANIFEST, INDEX)
    ]
    made = {p.relative_to(ROOT / "generated").as_posix() for p in files(ROOT / "generated")}
    assert [p for p in listed if not any(re.fullmatch(p, name) for name in made)] == []
    unlisted = [name for name in made if not any(re.fullmatch(p, name) for p in listed)]
    assert sorted(unlisted) == [INDEX, MANIFEST]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_with_its_options(verb: str) -> None:
    _, heading, section = page("reference/cli.md").partition(f"\n## `policyc {verb}")
    assert heading
    section = section.partition("\n## ")[0] + page("reference/cli.md").partition("\n## ")[0]
    parser = argparse.ArgumentParser(prog=verb)
    module_of(verb).configure(parser)
    words = re.findall(r"(?<!\w)--?[a-z][a-z-]*", parser.format_help())
    assert [word for word in words if word not in ("-h", "--help") and word not in section] == []


def test_every_exit_code() -> None:
    listed = {int(row[0]) for row in rows(page("reference/cli.md"), "exit code")}
    assert listed == {int(code) for code in Exit}


def test_the_rooms_and_the_import_rule() -> None:
    text = page("explanation/architecture.md")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    assert " > ".join(layers) in text
    rooms = {code for row in rows(text, "room") for code in codes(row[0])}
    packages = {
        f"policyc/{path.name}"
        for path in (ROOT / "policyc").iterdir()
        if path.is_dir() and not path.name.startswith("_")
    }
    assert packages <= rooms
    assert [room for room in rooms if not (ROOT / room).is_dir()] == []


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_prose_counts_the_standard_assertions(name: str) -> None:
    number = sum(len(file.declarations) for file in standard_files().values())
    said = re.findall(r"(\d+) standard", (ROOT / name).read_text(encoding="utf-8"))
    assert said == [str(number)]


def test_prose_counts_the_example_agents() -> None:
    text = (ROOT / "policies" / "README.md").read_text(encoding="utf-8")
    folders = rows(text, "folder")
    agents = sum(len(codes(row[1])) for row in folders)
    words = dict(
        zip(range(1, 10), "one two three four five six seven eight nine".split(), strict=True)
    )
    said = f"{words[agents]} agents in {words[len(folders)]} folders".capitalize()
    assert said in text
    assert said.replace("agents", "example agents") in (ROOT / "README.md").read_text("utf-8")


def test_explained_pages_name_files_and_no_links(capsys: pytest.CaptureFixture[str]) -> None:
    for code in CODES:
        assert main(["explain", code]) == 0
    shown = capsys.readouterr().out
    assert "](" not in shown
    named = set(re.findall(r"\((docs/[^)]+)\)", shown))
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []
