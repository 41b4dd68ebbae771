"""`why-not`: each part of what was asked and is not permitted has one cause, and nothing else has."""

from __future__ import annotations

from dataclasses import replace

from support.agents import AS_OF, lowered, policy

from policyc.core.source import Source
from policyc.diff.why_not import Cause, Refusal, why_not
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Envelope, Resolution
from policyc.envelope.observation import Observed
from policyc.envelope.permitted import permitted
from policyc.envelope.region import Region
from policyc.semantics.model import CheckedPolicy, Clause

DAY = str(AS_OF)
HOST = 'allow egress tcp 443 to host a.example.com because "x"'


def asked(region: Region) -> Clause:
    return Clause(region.domain.name, region, Source("x", "x").span(0, 1), "x")


def refusals(checked: CheckedPolicy, envelope: Envelope, region: Region) -> list[Refusal]:
    return why_not(checked.agents[0], envelope, [asked(region)], DAY)


def test_every_part_is_refused_once_and_what_is_permitted_never() -> None:
    lines = '  allow exec "/usr/bin/a" because "x"\n  deny exec "/usr/bin/b"\n  allow exec "/usr/bin/c" until 2020-01-01 because "x"'  # fmt: skip
    checked = policy(lines=lines)
    envelope, _ = lowered(checked, Observed(()))
    found = refusals(checked, envelope, DOMAINS["exec"].full)
    covered = DOMAINS["exec"].empty
    for one in found:
        assert not one.region & covered
        covered |= one.region
    assert covered == DOMAINS["exec"].full - permitted(envelope, "exec")
    assert {Cause.DENIED, Cause.EXPIRED} <= {one.cause for one in found}


def test_an_address_that_a_granted_name_opens_is_granted() -> None:
    """A NetworkPolicy opens it, so `not granted` would be untrue."""
    checked = policy(lines=HOST)
    envelope, _ = lowered(checked, Observed(()))
    at = {"protocol": "tcp", "port": "443", "address": "192.0.2.7"}
    point = DOMAINS["egress_ip"].single(at)
    assert refusals(checked, envelope, point)
    seen = Resolution("a.example.com", "tcp", 443, ("192.0.2.7",), ())
    assert refusals(checked, replace(envelope, resolutions=(seen,)), point) == []


def test_a_protected_thing_whose_allowance_ended_has_ended() -> None:
    line = 'allow files read "/etc/shadow" until 2020-01-01 because "x"'
    checked = policy('files read "/etc/shadow"\n    identity service-account *\n', lines=line)
    envelope, _ = lowered(checked, Observed(()))
    shadow = DOMAINS["files"].written({"mode": "read", "path": "/etc/shadow"})
    assert [one.cause for one in refusals(checked, envelope, shadow)] == [Cause.EXPIRED]
