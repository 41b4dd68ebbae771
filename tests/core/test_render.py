"""One diagnostic, three forms: what people read, what tools read, what code hosts read."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from policyc.core.codes import CODES
from policyc.core.diagnostics import Diagnostic, Related, Severity, in_order
from policyc.core.render import render_json, render_sarif, render_text
from policyc.core.source import Source, Span

CASES = Path(__file__).parents[1] / "cases" / "render"

TEXT = (
    "edition 2026\n"
    'class a {\n\towner "Zo\u00eb \u4e2d\u6587 x"\n  tier low\r\n}\n'
    "bidi \u202e here\n"
    "last line without an end"
)
SOURCE = Source("dir/a.agentpol", TEXT)


def span(words: str) -> Span:
    start = TEXT.index(words)
    return SOURCE.span(start, start + len(words))


EXAMPLES = [
    Diagnostic("PC2001", "there is no tier `low`", span("low"), help="did you mean `lo`?"),
    Diagnostic(
        "PC3010",
        "`owner` stands twice",
        span('owner "Zo\u00eb'),
        (Related(span("class a"), "in this class"), Related(span("tier low"), "and this line")),
        "keep one of them",
    ),
    Diagnostic("PC2011", "wide characters before the place", span('x"')),
    Diagnostic("PC1009", "an invisible character", span("\u202e")),
    Diagnostic("PC1007", "a block over several lines", span("class a {\n\towner")),
    Diagnostic("PC1003", "the end of the text", SOURCE.span(len(TEXT), len(TEXT))),
    Diagnostic("PC4006", "an allowance has ended", span("edition 2026"), severity=Severity.WARNING),
    Diagnostic("PC7001", "`x.agentpol` is not UTF-8", path="x.agentpol", help="save it as UTF-8"),
    Diagnostic("PC7056", "no agent is declared", severity=Severity.NOTE),
]


def test_the_text_is_the_golden_one(golden: bool) -> None:
    path = CASES / "examples.txt"
    text = render_text(EXAMPLES, color=False)
    if golden:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_color_adds_escapes_and_nothing_else() -> None:
    painted = render_text(EXAMPLES, color=True)
    assert "\x1b[" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == render_text(EXAMPLES, color=False)


# -- the three forms hold the same -----------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    source = Source(draw(st.sampled_from(("a.agentpol", "b/c.agentpol"))), draw(TEXTS))
    start = draw(st.integers(0, len(source.text)))
    return source.span(start, draw(st.integers(start, len(source.text))))


@st.composite
def diagnostics(draw: st.DrawFn) -> Diagnostic:
    place = draw(st.none() | spans())
    return Diagnostic(
        draw(st.sampled_from(sorted(CODES))),
        draw(TEXTS),
        place,
        tuple(draw(st.lists(st.builds(Related, spans(), TEXTS), max_size=2))),
        draw(st.none() | TEXTS),
        None if place is not None else draw(st.sampled_from((None, "z.json"))),
        draw(st.sampled_from(Severity)),
    )


def region(place: Span) -> tuple[int, int, int, int]:
    """Lines and columns counted by hand: 1-based, in code points."""
    before, inside = place.source.text[: place.start], place.source.text[: place.end]
    return (
        before.count("\n") + 1,
        len(before.rpartition("\n")[2]) + 1,
        inside.count("\n") + 1,
        len(inside.rpartition("\n")[2]) + 1,
    )


def facts(one: Diagnostic) -> tuple[Any, ...]:
    place = region(one.span) if one.span is not None else None
    related = [(r.message, r.span.path, region(r.span)) for r in one.related]
    return (one.code, one.severity.value, one.file, place, related)


def from_json(text: str) -> list[tuple[Any, ...]]:
    keys = ("line", "column", "endLine", "endColumn")
    found = []
    for d in json.loads(text)["diagnostics"]:
        place = d["place"] or {}
        related = [
            (r["message"], r["place"]["path"], tuple(r["place"][k] for k in keys))
            for r in d["related"]
        ]
        where = tuple(place[k] for k in keys) if "line" in place else None
        found.append((d["code"], d["severity"], place.get("path", ""), where, related))
    return found


def from_sarif(text: str) -> list[tuple[Any, ...]]:
    keys = ("startLine", "startColumn", "endLine", "endColumn")

    def read(location: Any) -> tuple[str, tuple[int, ...] | None]:
        physical = location["physicalLocation"]
        where = physical.get("region")
        return unquote(physical["artifactLocation"]["uri"]), tuple(
            where[k] for k in keys
        ) if where else None

    (run,) = json.loads(text)["runs"]
    rules = run["tool"]["driver"]["rules"]
    found = []
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        (path, where), *_ = [read(x) for x in result.get("locations", [])] or [("", None)]
        related = [(x["message"]["text"], *read(x)) for x in result.get("relatedLocations", [])]
        found.append((result["ruleId"], result["level"], path, where, related))
    return found


@given(st.lists(diagnostics(), max_size=4))
def test_json_and_sarif_hold_the_same_findings_as_the_value(found: list[Diagnostic]) -> None:
    expected = list(map(facts, found))
    assert from_json(render_json(found)) == expected
    assert from_sarif(render_sarif(found, version="1.0")) == expected
    below = from_sarif(render_sarif(found, version="1.0", root="policies/"))
    assert [path for _, _, path, *_ in below] == [
        f"policies/{path}" if path else "" for _, _, path, *_ in expected
    ]


def shown(text: str) -> str:
    """What a terminal would obey or hide, by Unicode's general categories, written out."""
    hidden = ("Cc", "Cf", "Zl", "Zp")
    return "".join(
        f"<U+{ord(c):04X}>" if c != "\t" and unicodedata.category(c) in hidden else c for c in text
    )


@given(st.lists(diagnostics(), max_size=4))
def test_the_text_has_a_head_and_a_place_for_every_finding(found: list[Diagnostic]) -> None:
    text = render_text(found, color=False)
    for one in found:
        assert f"{one.severity.value}[{one.code}]: {shown(one.message)}\n" in text
        for place in (*([one.span] if one.span else []), *(r.span for r in one.related)):
            line, column, *_ = region(place)
            assert f"--> {place.path}:{line}:{column}\n" in text


@given(st.lists(diagnostics(), max_size=3))
def test_nothing_that_a_terminal_would_obey_is_printed(found: list[Diagnostic]) -> None:
    lines = render_text(found, color=False).split("\n")
    assert lines == list(map(shown, lines))


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n"), max_size=60)


@given(PRINTABLE, st.data())
def test_the_caret_stands_below_the_place(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    place = Source("a", text).span(start, data.draw(st.integers(start, len(text))))
    *_, line, marks = render_text([Diagnostic("PC1009", "x", place)], color=False).splitlines()[:-1]
    number, column, last, end = region(place)
    assert line == f"  {number} | " + text.split("\n")[number - 1]
    assert marks.index("^") == len(f"  {number} | ") + column - 1
    if last == number:
        assert marks.count("^") == max(1, end - column)


# -- SARIF ------------------------------------------------------------------------

# What SARIF 2.1.0 (OASIS standard, 2020-03-27) requires of the parts that we write:
# sections 3.13, 3.14, 3.18, 3.19, 3.27, 3.28, 3.29, 3.30 and 3.49.

MESSAGE = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string"}},
    "additionalProperties": False,
}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer", "minimum": 0},
        "message": MESSAGE,
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "additionalProperties": False,
                    "properties": {"uri": {"type": "string", "format": "uri-reference"}},
                },
                "region": {
                    "type": "object",
                    "required": ["startLine", "startColumn", "endLine", "endColumn"],
                    "additionalProperties": {"type": "integer", "minimum": 1},
                },
            },
        },
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results", "columnKind"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "originalUriBaseIds": {"type": "object"},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id", "shortDescription"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": MESSAGE,
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "ruleIndex", "level"],
                            "additionalProperties": False,
                            "properties": {
                                "message": MESSAGE,
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "locations": {"type": "array", "items": LOCATION},
                                "relatedLocations": {"type": "array", "items": LOCATION},
                            },
                        },
                    },
                },
            },
        },
    },
}


@given(st.lists(diagnostics(), max_size=4))
def test_sarif_has_the_required_shape(found: list[Diagnostic]) -> None:
    log = json.loads(render_sarif(found, version="1.0"))
    jsonschema.Draft202012Validator(SARIF).validate(log)
    ids = [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]]
    assert ids == sorted({d.code for d in found})


@given(st.lists(diagnostics(), max_size=5), st.randoms())
def test_order_is_by_place_and_each_finding_once(found: list[Diagnostic], rng: Any) -> None:
    again = [*found, *found]
    rng.shuffle(again)
    ordered = in_order(again)
    assert len(ordered) == len(set(found))
    assert set(ordered) == set(found)
    keys = [(d.file, d.span.start if d.span else -1) for d in ordered]
    assert keys == sorted(keys)


@given(st.integers(0, 400), st.integers(1, 400), st.integers(0, 400))
def test_a_long_line_is_cut_around_the_place(before: int, inside: int, after: int) -> None:
    source = Source("a.json", "-" * before + "x" * inside + "+" * after)
    text = render_text([Diagnostic("PC8001", "m", source.span(before, before + inside))], color=False)  # fmt: skip
    shown, marks = (line.partition(" | ")[2] for line in text.splitlines()[3:5])
    assert len(shown) <= 206
    marked = shown[marks.index("^") : len(marks)]
    assert marked
    assert set(marked) == {"x"}
    if before + inside + after <= 200:
        assert shown == source.text
