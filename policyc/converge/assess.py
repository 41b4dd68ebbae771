"""The judgement of one agent's recordings: converged, or the reasons why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policyc.converge.ageing import dormant, elapsed
from policyc.converge.behaviours import Answer, Behaviour, behaviours
from policyc.converge.domains import ANCHOR, DomainVerdict, Reason, as_recorded, judged, together
from policyc.converge.evidence import AS_RECORDED, Evidence, Thing, Trace, gather
from policyc.converge.window import Demand, demand
from policyc.converge.words import span
from policyc.envelope.domains import FAMILIES
from policyc.profiles.base import AgentProfile, Run
from policyc.semantics.model import CheckedAgent, CheckedPolicy

_NOT_RECORDED = Reason(
    "PC3209",
    "there is no recording",
    "record the agent, and name the files in a `learn` or `pre-enforced` line",
)


@dataclass(frozen=True, slots=True)
class Assessment:
    """One agent: what its window asks, what its recordings are, and the verdict."""

    agent: str
    demand: Demand
    environment: str
    seconds: int
    sessions: int
    quiet_seconds: int
    baseline: str
    domains: tuple[DomainVerdict, ...]
    behaviours: tuple[Behaviour, ...]
    dormant: tuple[Thing, ...]
    reasons: tuple[Reason, ...]

    @property
    def converged(self) -> bool:
        """Whether the next run is covered with a probability of at least 0.95, and all else is met."""
        rows = [d for d in self.domains if d.domain != AS_RECORDED]
        return not self.reasons and bool(rows) and all(d.converged for d in rows)


def assess(
    agent: CheckedAgent, policy: CheckedPolicy, profiles: Sequence[tuple[str, AgentProfile]]
) -> Assessment:
    """Judge what ``profiles``, pairs of file and profile about this agent, say of it.

    A pure function of its arguments: no clock decides, the last run's end is the present.
    """
    wanted = demand(agent, policy)
    since = agent.learning.since if agent.learning is not None else ""
    evidence = gather(profiles, agent, policy, since)
    whole = _whole_runs(evidence)
    seconds, quiet = _observed_seconds(whole), _quiet_seconds(evidence, whole)
    sessions = sum(max(1, run.sessions) for run in whole)
    seen = behaviours(agent, policy, evidence, tuple(p for _, p in profiles), wanted.must_see)
    reasons = (
        [
            *_one_build(agent, whole),
            *_lasted(wanted, seconds, sessions, quiet),
            *_unseen(seen),
        ]
        if evidence.runs
        else [_NOT_RECORDED]
    )
    words = _asked(agent, evidence, wanted) if evidence.runs else ()
    verdicts = [judged(evidence, word, wanted) for word in words]
    if ANCHOR in evidence.domains:
        verdicts.append(together(evidence, tuple(evidence.domains)))
    if AS_RECORDED in evidence.seen_by:
        verdicts.append(as_recorded(evidence))
    return Assessment(
        agent.name,
        wanted,
        agent.learning.environment if agent.learning is not None else "",
        seconds,
        sessions,
        quiet,
        evidence.baseline,
        tuple(verdicts),
        seen,
        dormant(evidence, wanted.seconds),
        tuple(reasons),
    )


def _asked(agent: CheckedAgent, evidence: Evidence, wanted: Demand) -> tuple[str, ...]:
    """The domains that are judged: what was seen, what the window rates, and what may be missing.

    That is the system calls of a container, and what a run lost or could not see, as far as
    the agent's caps have room for it: else nothing of it could be granted.
    """
    possible = evidence.suspected | ({ANCHOR} if agent.workload is not None else set())
    missing = {word for word in possible if _has_room(agent, word)}
    return tuple(dict.fromkeys([*evidence.domains, *sorted({*wanted.rates} | missing)]))


def _has_room(agent: CheckedAgent, word: str) -> bool:
    return any(agent.cap(domain) for domain in FAMILIES.get(word, ()))


def _whole_runs(evidence: Evidence) -> list[Run]:
    """The runs that count in any domain: the others neither last nor are sessions."""
    return [
        run for run in evidence.runs if any(evidence.counts(run, word) for word in evidence.domains)
    ]


def _observed_seconds(runs: list[Run]) -> int:
    starts = [run.start for run in runs if run.start]
    ends = [run.end for run in runs if run.end]
    return max(0, elapsed(min(starts), max(ends))) if starts and ends else 0


def _quiet_seconds(evidence: Evidence, whole: list[Run]) -> int:
    """From the last first sighting to the end of the last run; 0 where a time is missing."""
    ends = {run.id: run.end for run in evidence.runs}
    counted = {run.id for run in whole}
    news = [
        _known_since(trace, ends, counted)
        for thing, trace in evidence.traces.items()
        if thing.domain != AS_RECORDED
    ]
    horizon = max((run.end for run in whole), default="")
    if not horizon or not news or "" in news:
        return 0
    return max(0, elapsed(max(news), horizon))


def _known_since(trace: Trace, ends: Mapping[str, str], counted: set[str]) -> str:
    """When a thing was new at the latest; a partial run that saw it earlier changes nothing."""
    if trace.runs <= counted and trace.first_seen:
        return trace.first_seen
    return min(ends[run] for run in trace.runs & counted or trace.runs)


def _one_build(agent: CheckedAgent, runs: list[Run]) -> list[Reason]:
    """On the pre-enforced track the baseline must be that of one build: nobody watched another."""
    if agent.learning is None or not agent.learning.environment or not runs:
        return []
    builds = {run.image_digest for run in runs}
    if len(builds) == 1 and "" not in builds:
        return []
    said = "do not all name their image" if "" in builds else f"are of {len(builds)} images"
    return [
        Reason(
            "PC3210",
            f"the runs from {agent.learning.environment} {said}",
            "record the one image that will be enforced, by a tool that writes `imageDigest`",
        )
    ]


def _lasted(wanted: Demand, seconds: int, sessions: int, quiet: int) -> list[Reason]:
    more = "let it run on; runs that saw only a part do not count, nor those without times"
    reasons: list[Reason] = []
    if seconds < wanted.seconds:
        reasons.append(
            Reason(
                "PC3203",
                f"recorded over {span(seconds)}, and {span(wanted.seconds)} are asked for by {wanted.seconds_by}",
                more,
            )
        )
    if sessions < wanted.sessions:
        text = f"{sessions} of {wanted.sessions} sessions were recorded"
        reasons.append(Reason("PC3203", text, more))
    if quiet < wanted.quiet_seconds:
        text = f"nothing new came for {span(quiet)}, and {span(wanted.quiet_seconds)} are asked for"
        reasons.append(Reason("PC3203", text, more))
    return reasons


def _unseen(seen: tuple[Behaviour, ...]) -> list[Reason]:
    reasons: list[Reason] = []
    for one in seen:
        asked = f"{one.asked_by} asks for {one.wanted} `{one.name}`"
        match one.answer:
            case Answer.NOT_SEEN:
                reasons.append(
                    Reason(
                        "PC3204",
                        f"{asked}, and {one.seen} were seen",
                        "drive the agent through it while it is recorded",
                    )
                )
            case Answer.UNDECIDABLE:
                reasons.append(
                    Reason(
                        "PC3205",
                        f"{asked}, and no recording says anything about it",
                        "record with a tool that sees it, or have the test driver write it into the "
                        "run's `behaviours`",
                    )
                )
            case Answer.SEEN:
                pass
    return reasons
