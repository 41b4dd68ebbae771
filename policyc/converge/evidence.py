"""Profiles as evidence: generalised items with the runs that saw them, and which runs count.

A run counts in a domain when it saw the whole of it: recorded from the start of the life of
its replica, without a missing hook, a blind spot or a loss there.  What other runs saw is
known, so it can widen an envelope; how seldom something new comes they cannot show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from policyc.catalog.hooks import blind_domain, domains_of
from policyc.catalog.setup_only import SETUP_ONLY
from policyc.core.canonical import canonical_json, digest
from policyc.envelope.observation import FileSeen, Observation, Sighting
from policyc.lower.generalise import generalise
from policyc.profiles.base import DOMAIN_FIELDS, INVENTORY, AgentProfile, Item, Run, join_profiles
from policyc.profiles.observed import observation_of
from policyc.profiles.recency import recent
from policyc.semantics.model import CheckedAgent, CheckedPolicy

WORDS = {"executables": "exec"}
"""Domain of a profile -> the word that windows have for it, where they differ."""

AS_RECORDED = "files as recorded"
"""File paths before they are typed: shown, and never called converged."""

_NO_SIGHTING = Sighting(())


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """What an item means, in a domain by its word: equal for items that mean the same."""

    domain: str
    line: str


@dataclass(slots=True)
class Trace:
    """The runs that saw a thing, and when; times are RFC 3339 UTC, or empty when not known."""

    runs: set[str] = field(default_factory=set)
    first_seen: str = ""
    last_seen: str = ""
    count: int = 0  # at least so often

    def add(self, item: Item, runs: frozenset[str]) -> None:
        self.runs |= runs
        firsts = [t for t in (self.first_seen, item.first_seen) if t]
        self.first_seen = min(firsts, default="")
        self.last_seen = max(self.last_seen, item.last_seen)
        self.count += times(item, runs)


@dataclass(frozen=True)
class Evidence:
    """All that the profiles of one agent say; ``runs`` in order of time, then of id.

    ``of_account`` are runs of an audit log: it knows the whole of what it logs.
    """

    runs: tuple[Run, ...] = ()
    traces: Mapping[Thing, Trace] = field(default_factory=dict)
    of_account: frozenset[str] = frozenset()

    @cached_property
    def domains(self) -> tuple[str, ...]:
        """The words of the domains in which something was seen, sorted."""
        return tuple(sorted({thing.domain for thing in self.traces} - {AS_RECORDED}))

    @cached_property
    def seen_by(self) -> Mapping[str, Mapping[str, frozenset[str]]]:
        """Domain -> id of a run -> what it saw."""
        found: dict[str, dict[str, set[str]]] = {}
        for thing, trace in self.traces.items():
            runs = found.setdefault(thing.domain, {})
            for run in trace.runs:
                runs.setdefault(run, set()).add(thing.line)
        return {d: {r: frozenset(lines) for r, lines in runs.items()} for d, runs in found.items()}

    def counts(self, run: Run, domain: str) -> bool:
        """Whether the run saw the whole of a domain: its hooks or its items say that it looked."""
        looked = run.id in self.seen_by.get(domain, {}) or any(
            domain in _words(domains_of(hook) or ()) for hook in run.hooks_attached
        )
        return looked and not self.is_partial(run, domain)

    def is_partial(self, run: Run, domain: str) -> bool:
        """Whether the run may have missed something of a domain.

        A hook or a blind spot that is not known may concern any domain.
        """
        return (
            run.coverage == "attached-late"
            or lost(run, domain) > 0
            or any(_concerns(domains_of(hook), domain) for hook in run.hooks_missing)
            or any(_concerns(_blind_in(words), domain) for words in run.blind)
        )

    @cached_property
    def suspected(self) -> frozenset[str]:
        """The domains of which a run says that it lost or could not see something."""
        words: set[str] = set()
        for run in self.runs:
            words |= _words(domain for domain, count in run.loss if count)
            for hook in run.hooks_missing:
                words |= _words(domains_of(hook) or ())
            for said in run.blind:
                words |= _words(_blind_in(said) or ())
        return frozenset(words - {AS_RECORDED})

    @property
    def baseline(self) -> str:
        """The digest of what was seen: of the template, free of pods, runs and times."""
        things = [f"{t.domain}: {t.line}" for t in sorted(self.traces) if t.domain != AS_RECORDED]
        return digest(canonical_json([*things]))


def times(item: Item, runs: frozenset[str]) -> int:
    """How often these runs saw an item, at least.

    ``count`` is what one of its runs saw, and nothing says which: where some of them are not
    among ``runs``, each of these is known to have seen it once.  A tool that writes a sum over
    runs there is not believed more than once either.
    """
    seen = len(item.runs & runs)
    return max(item.count, seen) if item.runs <= runs else seen


def lost(run: Run, domain: str) -> int:
    """Events that the recorder lost in a domain."""
    return sum(count for name, count in run.loss if domain in _words((name,)))


def _blind_in(words: str) -> tuple[str, ...] | None:
    """The domain that a blind spot is about; None when it might be any."""
    domain = blind_domain(words, DOMAIN_FIELDS)
    return None if domain is None else (domain,)


def _concerns(domains: Iterable[str] | None, domain: str) -> bool:
    return domains is None or domain in _words(domains)


def _words(domains: Iterable[str]) -> frozenset[str]:
    words = {WORDS.get(domain, domain) for domain in domains}
    return frozenset(words | {AS_RECORDED} if "files" in words else words)


def gather(
    profiles: Sequence[tuple[str, AgentProfile]],
    agent: CheckedAgent,
    policy: CheckedPolicy,
    since: str = "",
) -> Evidence:
    """The evidence of the agent's profiles; what was last seen before ``since`` is none.

    Free of the order of profiles and of how they were merged before.
    """
    fresh, _ = recent(profiles, since)
    runs: dict[str, Run] = {}
    traces: dict[Thing, Trace] = {}
    of_account: set[str] = set()
    for profile in join_profiles(profile for _, profile in fresh):
        standing = {r.id: r for r in profile.runs if not r.end or r.end[: len(since)] >= since}
        runs |= standing
        if profile.workload is None:
            of_account |= standing.keys()
        for domain in profile.items.keys() - INVENTORY:
            for item in profile.items[domain]:
                seen = item.runs & standing.keys()
                if seen and _is_application(domain, item):
                    for thing in _things(domain, item, agent, policy):
                        traces.setdefault(thing, Trace()).add(item, seen)
    ordered = sorted(runs.values(), key=lambda run: (run.start, run.id))
    return Evidence(tuple(ordered), traces, frozenset(of_account))


def _is_application(domain: str, item: Item) -> bool:
    if item.is_vain:
        return False  # a try that failed is none of what the agent does
    if item.phase == "unknown" and domain == "syscalls":
        return dict(item.values)["name"] not in SETUP_ONLY
    return item.phase != "setup" and not item.is_served


def _things(domain: str, item: Item, agent: CheckedAgent, policy: CheckedPolicy) -> Iterable[Thing]:
    word = WORDS.get(domain, domain)
    observation = observation_of(domain, item, _NO_SIGHTING)
    for part in _parts(observation):
        yield from (Thing(word, line) for line in _lines(part, agent, policy))
        if isinstance(part, FileSeen):
            (mode,) = part.modes
            yield Thing(AS_RECORDED, f"{mode} {part.path}")


def _parts(observation: Observation) -> Iterable[Observation]:
    """A file that was read and written is two things: the next run may do only one of them."""
    if isinstance(observation, FileSeen):
        return [replace(observation, modes=frozenset({mode})) for mode in observation.modes]
    return [observation]


def _lines(observation: Observation, agent: CheckedAgent, policy: CheckedPolicy) -> Iterable[str]:
    """What it means, as a policy would write it; of equivalent calls the first by name."""
    try:
        candidates = list(generalise(observation, agent, policy))
    except ValueError as fault:  # no domain has a place for it: it was seen all the same
        return [str(fault)]
    if any(c.is_inferred for c in candidates):
        return [min(c.line for c in candidates)]
    return sorted({c.line for c in candidates})
