"""`policyc why-not`: what it says, and its exit codes."""

from __future__ import annotations

import json

import pytest
from support.console import run
from support.samples import ROOT


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_unknown_name_is_bad_input_and_never_granted(form: str) -> None:
    done = run("why-not", "triage-bot", "tool zendesk: ticket.comment", "--format", form, cwd=ROOT)
    assert done.returncode == 2
    assert b"PC2001" in done.stdout + done.stderr
    assert b"granted" not in done.stdout + done.stderr


def test_what_a_cap_has_no_room_for_comes_with_what_it_has() -> None:
    done = run(
        "why-not",
        "triage-bot",
        "egress tcp 443 to host x.example.com",
        "--format",
        "json",
        cwd=ROOT,
    )
    (refused,) = json.loads(done.stdout)["refused"]
    assert refused["cause"] == "outside the cap"
    assert refused["help"].startswith("it has room for `egress ")
