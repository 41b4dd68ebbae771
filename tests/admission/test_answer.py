"""The answer to a review: what is said to whoever asked, and how much of it."""

from __future__ import annotations

import pytest

from policyc.admission.review import answer
from policyc.admission.verdict import Finding, Level, Verdict


@pytest.mark.parametrize(("count", "length"), [(1, 5), (30, 500), (500, 9), (500, 400)])
def test_warnings_are_bounded_and_say_what_they_leave_out(count: int, length: int) -> None:
    findings = tuple(
        Finding("ROOT", f"{i:03} " + "x" * length, level=Level.WARN) for i in range(count)
    )
    response = answer(Verdict("u", findings))["response"]
    said = response["warnings"]
    assert sum(map(len, said)) <= 4096 + 40
    left_out = count - len([text for text in said if text.startswith("ROOT")])
    assert said[-1].startswith("ROOT") if not left_out else said[-1].startswith(f"and {left_out} ")
