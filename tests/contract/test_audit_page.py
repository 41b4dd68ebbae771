"""The page of the decision log names every field and reason, and no other."""

from __future__ import annotations

import re

from support.markdown import ROOT

from policyc.audit.fault import Reason
from policyc.audit.layout import Left
from policyc.audit.record import COMMON, FIELDS, Kind

PAGE = (ROOT / "docs" / "reference" / "audit.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, str]:
    _, _, table = PAGE.partition(f"| {heading} |")
    found = re.findall(r"^\| (`.+?) \| (.+) \|$", table.partition("\n\n")[0], re.MULTILINE)
    return dict(found)


def codes(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def test_every_reason() -> None:
    assert {code for cell in rows("reason") for code in codes(cell)} == {*Reason}


def test_every_kind_with_its_fields() -> None:
    kinds = rows("kind")
    assert {code for cell in kinds for code in codes(cell)} == {*Kind}
    named = {*FIELDS[Kind.EPOCH], *Left(0, 0, "", 0, "", 0).to_json()}
    assert codes(kinds["`epoch`"]) == named
    assert codes(kinds["`gap`"]) == {*FIELDS[Kind.GAP]}


def test_every_field_of_a_decision() -> None:
    named = [code for cell in rows("field of a decision") for code in sorted(codes(cell))]
    assert sorted(named) == sorted(FIELDS[Kind.DECISION])


def test_every_common_field() -> None:
    _, _, text = PAGE.partition("Every record has")
    assert {*COMMON, "clock"} <= codes(text.partition("\n\n")[0])
