"""Assertions and tests decided: emptiness of a region, on every day from one on.

A region is empty or not, so nothing is unknown here, and nothing is sampled; what a rule
forbids is met with what an agent may do in each of the periods between which envelopes
do not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Envelope, Grant
from policyc.envelope.permitted import permitted
from policyc.envelope.provenance import Derivation
from policyc.envelope.region import Region
from policyc.envelope.timeline import Period, merged, periods
from policyc.envelope.witness import witness
from policyc.semantics.model import ExpectRule, NeverRule, NoNewRule, Rule


class Level(StrEnum):
    """How it is known: ``exact`` by comparing sets, ``z3`` by a solver over all words of 64 bits."""

    EXACT = "proved (exact)"
    Z3 = "proved (z3)"


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Why a rule fails on the first day that it does.

    ``point`` is one concrete tuple by axis; ``is_missing`` says that the rule wants it granted.
    ``residual`` is everything that breaks the rule, a line a box.  ``via`` are the agents whose
    envelope holds the point, ``derivations`` the reasons that it does.
    """

    domain: str
    point: Mapping[str, str]
    is_missing: bool
    residual: tuple[str, ...]
    via: tuple[str, ...] = ()
    derivations: tuple[Derivation, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """One rule about one agent: the periods in which it fails, none when it holds for good."""

    failing: tuple[Period, ...] = ()
    counterexample: Counterexample | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """An agent and all that it reaches along delegation edges, itself first, on one day's build."""

    envelopes: tuple[Envelope, ...]

    @property
    def agent(self) -> Envelope:
        return self.envelopes[0]


HOLDS = Decided()


def decide(rule: Rule, reach: Reach, as_of: str, before: Envelope | None = None) -> Decided:
    """Whether the rule holds on every day from ``as_of`` on; ``before``: the envelope at its revision."""
    match rule:
        case NeverRule():
            about = reach.envelopes if rule.reach else (reach.agent,)
            forbidden = {c.domain: c.region for c in rule.clauses}
            return _decided(about, forbidden, as_of)
        case NoNewRule():
            return _nothing_new(rule, reach.agent, before, as_of)
        case ExpectRule():
            return _expected(rule, reach.agent, as_of)
    assert_never(rule)


def _decided(about: Sequence[Envelope], forbidden: Mapping[str, Region], as_of: str) -> Decided:
    """No envelope of ``about`` permits anything that is forbidden, on any day."""
    if not any(_excess(envelope, forbidden) for envelope in about):
        return HOLDS  # envelopes only shrink with time
    failing: list[Period] = []
    first: Counterexample | None = None
    for period in periods(about, as_of):
        then = [envelope.on(period.first) for envelope in about]
        found = [(e, now, x) for e, now in zip(about, then, strict=True) for x in _excess(now, forbidden)]  # fmt: skip
        if found:
            failing.append(period)
            first = first or _granted(found[0][0], found[0][2], period.first)
    return Decided(tuple(merged(failing)), first)


def _excess(envelope: Envelope, forbidden: Mapping[str, Region]) -> list[Region]:
    met = (permitted(envelope, domain) & region for domain, region in forbidden.items())
    return [region for region in met if region and witness(region) is not None]


def _granted(envelope: Envelope, residual: Region, day: str) -> Counterexample:
    point = witness(residual)
    assert point is not None
    domain = residual.domain.name
    reasons = [d for d in _reasons(envelope, domain, point) if not d.until or d.until >= day]
    return Counterexample(
        domain,
        point,
        is_missing=False,
        residual=tuple(residual.describe()),
        via=(envelope.subject.agent,),
        derivations=tuple(reasons),
    )


def _reasons(envelope: Envelope, domain: str, point: Mapping[str, str]) -> Iterator[Derivation]:
    grants: tuple[Grant, ...] = envelope.grants.get(domain, ())
    for grant in grants:
        if point in grant.region:
            yield from grant.derivations
    if domain == "egress_ip":
        for r in envelope.resolutions:
            at = {"protocol": r.protocol, "port": str(r.port)}
            if any({**at, "address": a} == point for a in r.addresses):
                yield from r.derivations


def _nothing_new(rule: NoNewRule, now: Envelope, before: Envelope | None, as_of: str) -> Decided:
    """On no day does the agent have what the agent of the revision has not on that day."""
    failing: list[Period] = []
    first: Counterexample | None = None
    both = (now,) if before is None else (now, before)
    for period in periods(both, as_of):
        new, old = now.on(period.first), before and before.on(period.first)
        for domain in rule.domains:
            known = DOMAINS[domain].empty if old is None else permitted(old, domain)
            residual = permitted(new, domain) - known
            if residual and witness(residual) is not None:
                failing.append(period)
                first = first or _granted(now, residual, period.first)
                break
    return Decided(tuple(merged(failing)), first)


def _expected(rule: ExpectRule, envelope: Envelope, as_of: str) -> Decided:
    wanted = {c.domain: c.region for c in rule.clauses}
    if not rule.allows and not rule.at:
        return _decided((envelope,), wanted, as_of)
    failing: list[Period] = []
    first: Counterexample | None = None
    spans = (Period(rule.at, rule.at),) if rule.at else periods((envelope,), as_of)
    for period in spans:
        now = envelope.on(period.first)
        found = _missing(now, wanted) if rule.allows else _present(envelope, now, wanted, period)
        if found is not None:
            failing.append(period)
            first = first or found
    return Decided(tuple(merged(failing)), first)


def _present(
    envelope: Envelope, now: Envelope, wanted: Mapping[str, Region], period: Period
) -> Counterexample | None:
    excess = _excess(now, wanted)
    return _granted(envelope, excess[0], period.first) if excess else None


def _missing(now: Envelope, wanted: Mapping[str, Region]) -> Counterexample | None:
    for domain, region in wanted.items():
        residual = region - now.domains[domain]
        point = witness(residual)
        if point is not None:
            residue = tuple(residual.describe())
            return Counterexample(domain, point, is_missing=True, residual=residue)
    return None
