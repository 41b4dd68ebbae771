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


@pytest.mark.parametrize("length", [10, 30, 60])
@pytest.mark.parametrize("path", ["", "spec.template.spec.containers[0].image"])
def test_a_warning_is_whole_or_ends_behind_a_word(length: int, path: str) -> None:
    message = " ".join(f"word{i}" for i in range(length))
    finding = Finding("ROOT", message, path, change="do this", level=Level.WARN)
    (said,) = answer(Verdict("u", (finding,)))["response"]["warnings"]
    assert len(said) <= 256
    at = f" at {path}" if path else ""
    kept, cut, after = said.partition(" ...")
    assert cut or said in (str(finding), f"ROOT: {message}{at}")
    assert not cut or (f"ROOT: {message} ".startswith(f"{kept} ") and after == at)
