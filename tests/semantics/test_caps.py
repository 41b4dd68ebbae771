"""An allowance outside the cap: the class that stops it, and the name that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyc.core.diagnostics import Diagnostic
from policyc.semantics.check import check
from policyc.semantics.load import load

POLICY = """edition 2026
class wide {{
  cap {{
    egress tcp * to host *.example.com, host hooks.slack.com
    model acme/large, acme/tiny
    identity service-account *
  }}
}}
class narrow extends wide {{
  cap {{
    egress tcp 443 to host hooks.slack.com
  }}
}}
class leaf extends narrow {{
  cap {{
    egress tcp * to host *.example.com, host hooks.slack.com
  }}
}}
agent bot is {base} {{
  workload Deployment demo/bot container main
  identity demo/bot
  allow {grant} because "x"
}}
"""


def refused(folder: Path, grant: str, base: str = "narrow") -> Diagnostic:
    (folder / "p.agentpol").write_text(POLICY.format(grant=grant, base=base), encoding="utf-8")
    found = check(load(folder).value).diagnostics
    (one,) = [d for d in found if d.code == "PC3002"]
    return one


def test_the_class_that_stops_it_is_named_and_shown(tmp_path: Path) -> None:
    one = refused(tmp_path, "egress tcp 443 to host a.example.com", base="leaf")
    assert "outside the cap of `narrow`" in one.message
    assert [r.message for r in one.related] == ["the cap of `narrow`"]


@pytest.mark.parametrize(
    ("grant", "meant"),
    [
        ("egress tcp 443 to host hooks.slak.com", "hooks.slack.com"),
        ("model acme/lagre", "acme/large"),
        ("egress tcp 443 to host unlike.test", None),
        ("egress tcp 444 to host hooks.slack.com", None),
    ],
)
def test_a_permitted_name_that_is_near_is_proposed(
    grant: str, meant: str | None, tmp_path: Path
) -> None:
    help_ = refused(tmp_path, grant).help or ""
    assert (f"did you mean `{meant}`?" in help_) if meant else ("did you mean" not in help_)
    assert "narrow the line" in help_


def test_a_name_below_a_permitted_pattern_is_proposed(tmp_path: Path) -> None:
    help_ = refused(tmp_path, "egress tcp 443 to host a.b.exmaple.com", base="wide").help or ""
    assert "did you mean `a.b.example.com`?" in help_
