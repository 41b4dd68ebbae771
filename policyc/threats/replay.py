"""Replays: records through signals, and which of them fire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from policyc.catalog.signals import Signal
from policyc.core.diagnostics import Diagnostic, Related, Severity, has_errors
from policyc.profiles.base import AgentProfile
from policyc.profiles.observed import is_about as profile_is_about
from policyc.semantics.catalogue import Closure
from policyc.semantics.model import CheckedPolicy
from policyc.threats.covers import is_about
from policyc.threats.files import named_files
from policyc.threats.records import Record, read_records


@dataclass(frozen=True, slots=True)
class Heard:
    """What one signal made of some records; ``by`` are those that set it off."""

    signal: Signal
    by: tuple[Record, ...]

    @property
    def fires(self) -> bool:
        return bool(self.by)


def heard(signal: Signal, records: Iterable[Record]) -> Heard:
    """The records that set a signal off."""
    return Heard(signal, tuple(r for r in records if signal.fires(r.kind, r.fields)))


def all_heard(signals: Mapping[str, Signal], records: Iterable[Record]) -> tuple[Heard, ...]:
    """Every signal over the same records, by name."""
    listed = tuple(records)
    return tuple(heard(signal, listed) for _, signal in sorted(signals.items()))


def shown(root: Path, policy: CheckedPolicy, found: list[Diagnostic]) -> tuple[Closure, ...]:
    """The closures, each with whether every signal of its evidence fires on its replay."""
    return tuple(_shown(root, closure, policy, found) for closure in policy.catalogue.closures)


def replayed(
    root: Path, closure: Closure, policy: CheckedPolicy, found: list[Diagnostic]
) -> tuple[Heard, ...]:
    """The signals of a closure's evidence over its own replay, as far as it is about its agents.

    PC3122 for a replay that is about others only.
    """
    records: list[Record] = []
    for pattern, span in zip(closure.replays, closure.replay_spans, strict=True):
        for label, data in named_files(root, pattern, "PC3115", span, found):
            outcome = read_records(label, data, lambda profile: _whose(profile, policy))
            found += outcome.diagnostics
            records += outcome.value
    names = {agent.name for agent in policy.agents if is_about(closure.subject, agent)}
    mine = [record for record in records if not record.agent or record.agent in names]
    if records and not mine:
        found.append(_of_others(closure, {record.agent for record in records}))
    return tuple(heard(policy.catalogue.signals[e.signal], mine) for e in closure.evidence)


def _whose(profile: AgentProfile, policy: CheckedPolicy) -> str:
    """The agent that a profile is about, or what it is about where no agent is that."""
    for agent in policy.agents:
        if profile_is_about(profile, agent.workload, agent.service_account):
            return agent.name
    key = profile.workload
    return profile.identity if key is None else f"{key.kind} {key.namespace}/{key.name}"


def _of_others(closure: Closure, others: set[str]) -> Diagnostic:
    names = ", ".join(f"`{name}`" for name in sorted(others))
    return Diagnostic(
        "PC3122",
        f"the replay of `{closure.threat}` is about {names}, and the closure about `{closure.subject[1]}`",
        closure.span,
        help="record the attack on one of the agents that the closure is about",
    )


def _shown(root: Path, closure: Closure, policy: CheckedPolicy, found: list[Diagnostic]) -> Closure:
    if not closure.replays:
        found.append(
            Diagnostic(
                "PC3107",
                f"the closure of `{closure.threat}` names no replay, so it closes nothing yet",
                closure.span,
                help='record the attack, and add: replay "replays/attack.json"',
                severity=Severity.WARNING,
            )
        )
        return closure
    faults: list[Diagnostic] = []
    for needed, result in zip(
        closure.evidence, replayed(root, closure, policy, faults), strict=True
    ):
        if not result.fires and not has_errors(faults):
            faults.append(
                Diagnostic(
                    "PC3106",
                    f"the signal `{needed.signal}` does not fire on the replay of "
                    f"`{closure.threat}`: the attack would pass unseen",
                    needed.span,
                    (Related(closure.span, "the closure that rests on it"),),
                    help=f"it fires when {result.signal.says or 'its conditions hold'}: "
                    "name a signal that sees the attack, or correct the replay",
                )
            )
    found += faults
    return replace(closure, is_shown=not has_errors(faults))
