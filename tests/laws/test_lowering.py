"""Laws of lowering: below the cap, free of order, monotone, and causal."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

from support.agents import lowered, policy
from support.observations import observed, without
from support.scale import MANY

from policyc.emit.registry import EMITTERS
from policyc.envelope.domains import DOMAINS
from policyc.envelope.observation import Observation, Observed
from policyc.envelope.provenance import Evidence, Step
from policyc.semantics.model import CheckedPolicy
from policyc.semantics.protected import protected

NARROW = """    egress tcp 443 to host *.example.com, cidr 198.51.100.0/24
    egress tcp 8080 to service mcp/tracker
    ingress tcp 80 from pods in namespace web
    kube get, list on pods in namespace demo
    syscalls profile runtime-default
    exec "/usr/**", "/app/**"
    files read "/proc/**", "/data/**"
    tool tracker: read
"""


@cache
def policies() -> tuple[CheckedPolicy, ...]:
    ladder = "  widen egress to /24 when seen >= 3 in 30d"
    taken = '  never exec "/bin/sh"\n  never kube * on secrets'
    grants = '  allow syscalls ptrace on amd64 because "R-2"\n  deny tool tracker: write'
    return (
        policy(),
        policy(members=ladder),
        policy(members=taken, lines=grants),
        policy(cap=NARROW, members=ladder),
    )


def test_below_the_cap_and_beside_what_is_taken_away() -> None:
    for seed in range(MANY):
        rng = random.Random(seed)
        chosen = rng.choice(policies())
        agent = chosen.agents[0]
        envelope, _ = lowered(chosen, observed(rng))
        for name, domain in DOMAINS.items():
            region = envelope.domains[name]
            cap = agent.cap(name)
            if name != "identity":
                assert region <= (cap if cap is not None else domain.empty)
            for taker in (*agent.nevers, *agent.denies):
                if taker.domain == name:
                    assert not region & taker.region
            if name in protected():
                assert not region & protected()[name]
            assert domain.union(g.region for g in envelope.grants[name]) == region


def test_monotone_and_free_of_order() -> None:
    for seed in range(MANY):
        rng = random.Random(seed)
        chosen = rng.choice(policies())
        whole = observed(rng)
        some = Observed(tuple(o for o in whole.observations if rng.random() < 0.6), whole.lossy, 3)
        mixed = Observed(
            tuple(rng.sample(whole.observations, len(whole.observations))), whole.lossy, 3
        )
        envelope, said = lowered(chosen, whole)
        less, _ = lowered(chosen, some)
        again, also = lowered(chosen, mixed)
        for name in DOMAINS:
            assert less.domains[name] <= envelope.domains[name]
            assert again.domains[name] == envelope.domains[name]
        assert sorted(d.message for d in said) == sorted(d.message for d in also)


def lines(chosen: CheckedPolicy, seen: Observed) -> dict[str, list[tuple[object, ...]]]:
    """What each granting line says -> its reasons, over all artifacts but the envelope's own file."""
    envelope, _ = lowered(chosen, seen)
    found: dict[str, list[tuple[object, ...]]] = {}
    for emitter in EMITTERS:
        if emitter.kind == "envelope":
            continue
        for artifact in emitter.emit(envelope).artifacts:
            for line in artifact.lines:
                found.setdefault(f"{artifact.path}: {line.says}", []).extend(line.derivations)  # type: ignore[arg-type]
    return found


def elsewhere(one: Observation) -> Observation:
    """The same, seen at another place: so a line has reasons of which one may go."""
    return replace(one, sighting=one.sighting._replace(evidence=(Evidence("twin.json", "/x"),)))


def test_causal_a_line_goes_exactly_with_its_last_reason() -> None:
    """Delete an observation, or one place of it: the lines that go are those without a reason left."""
    for seed in range(MANY // 4):
        rng = random.Random(seed)
        chosen = rng.choice(policies())
        seen = observed(rng)
        if not seen.observations:
            continue
        one = rng.choice(seen.observations)
        twin = elsewhere(one)
        if seed % 3 == 0:
            seen = replace(seen, observations=(*seen.observations, twin))
        whole = rng.choice((one, twin) if seed % 3 == 0 else (one,)).sighting.evidence
        removed = frozenset(rng.sample(whole, 1) if seed % 3 == 2 else whole)
        before, after = lines(chosen, seen), lines(chosen, without(seen, removed))
        for says, reasons in before.items():
            if any(r.step in (Step.FIXED, Step.BASELINE, Step.CLUSTER_DNS) for r in reasons):  # type: ignore[attr-defined]
                continue
            stays = any(r.holds_without(removed) for r in reasons)  # type: ignore[attr-defined]
            assert (says in after) == stays, (seed, says, sorted(removed))


def test_removing_evidence_never_adds_a_line() -> None:
    for seed in range(MANY // 10):
        rng = random.Random(seed)
        seen = observed(rng)
        places = sorted({e for o in seen.observations for e in o.sighting.evidence})
        removed: frozenset[Evidence] = frozenset(rng.sample(places, len(places) // 2))
        for chosen in policies()[:1]:
            whole, _ = lowered(chosen, seen)
            part, _ = lowered(chosen, without(seen, removed))
            assert all(part.domains[n] <= whole.domains[n] for n in DOMAINS)
