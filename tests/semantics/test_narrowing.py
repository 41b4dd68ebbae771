"""A subclass that names some peers means those and no others, whatever kind of domain they are in."""

from __future__ import annotations

from pathlib import Path

import pytest

from policyc.semantics.check import check
from policyc.semantics.load import load
from policyc.semantics.model import CheckedAgent

POLICY = """edition 2026

class base {{
  cap {{
    egress * * to anywhere
    ingress * * from anywhere
    kube * on *
    kube get on url "/version"
    identity service-account *
  }}
}}

class narrow extends base {{
  cap {{
    {line}
  }}
}}

agent bot is narrow {{
  workload Deployment a/bot container bot
  identity a/bot
}}
"""


def agent(line: str, folder: Path) -> CheckedAgent:
    (folder / "x.agentpol").write_text(POLICY.format(line=line), encoding="utf-8")
    outcome = check(load(folder).value)
    assert outcome.diagnostics == []
    return outcome.value.agents[0]


@pytest.mark.parametrize(
    ("line", "narrowed"),
    [
        ("egress tcp 443 to host a.example", {"egress_ip", "egress_host", "egress_peer"}),
        ("egress tcp 443 to cidr 10.0.0.0/8", {"egress_ip", "egress_host", "egress_peer"}),
        ("ingress tcp 80 from pods in any namespace", {"ingress_ip", "ingress_peer"}),
        ("kube get on pods", {"kube", "kube_url"}),
        ("identity service-account a/*", {"identity"}),
    ],
)
def test_a_keyword_narrows_all_its_domains(line: str, narrowed: set[str], tmp_path: Path) -> None:
    bot = agent(line, tmp_path)
    base = bot.caps[0].regions
    assert {name for name in base if bot.cap(name) != base[name]} == narrowed
    assert sum(bool(bot.cap(name)) for name in narrowed) == 1
