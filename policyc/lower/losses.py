"""What was observed and is not granted: nothing is dropped without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from policyc.core.diagnostics import Diagnostic, Related, Severity
from policyc.envelope.observation import Observation, Observed, PeerSeen, SyscallSeen
from policyc.envelope.provenance import Evidence
from policyc.envelope.region import Region
from policyc.lower.candidates import Candidate
from policyc.lower.limits import Limit
from policyc.lower.names import UnnamedError
from policyc.semantics.model import CheckedAgent, Clause

_SHOWN = 3
"""How many items a grouped finding names."""
_TAKEN = (
    "take the right away where the agent has it from; if it needs it, change the line in review"
)
_PROTECTED = (
    "take the right away where the agent has it from; "
    "if it needs it, an `allow` line must name it literally"
)


@dataclass(slots=True)
class Losses:
    """Collected while one agent is lowered, reported in groups.

    ``api_server`` is the way to the API server's Service, whose pods no policy can select.
    """

    agent: CheckedAgent
    api_server: Region
    outside: dict[str, list[Candidate]] = field(default_factory=dict)
    fleeting: list[Candidate] = field(default_factory=list)
    overreach: dict[str, list[tuple[Candidate, Clause | None]]] = field(default_factory=dict)
    set_up: set[str] = field(default_factory=set)
    unplaced: set[str] = field(default_factory=set)
    refused: list[Candidate] = field(default_factory=list)
    unanswered: list[tuple[PeerSeen, tuple[Candidate, ...]]] = field(default_factory=list)
    claimed: list[PeerSeen] = field(default_factory=list)
    feigned: list[Candidate] = field(default_factory=list)
    unnamed: list[tuple[UnnamedError, tuple[Evidence, ...]]] = field(default_factory=list)

    def overreaches(self, candidate: Candidate, reason: str, taker: Clause | None = None) -> None:
        """The candidate was possible, by what somebody else granted, and should not have been."""
        self.overreach.setdefault(reason, []).append((candidate, taker))

    def findings(self, limits: Mapping[str, Limit]) -> Iterator[Diagnostic]:
        """A finding for each group, in the order of their codes' groups."""
        if self.set_up:
            yield self._set_up()
        for domain, candidates in sorted(self.outside.items()):
            yield self._outside(domain, candidates, limits[domain])
        yield from self._unnamed()
        if self.fleeting:
            yield self._fleeting()
        if self.unplaced:
            yield self._unplaced()
        if self.refused:
            yield self._refused()
        if self.unanswered:
            yield self._unanswered()
        if self.claimed:
            yield self._claimed()
        if self.feigned:
            yield self._feigned()
        for reason, entries in sorted(self.overreach.items()):
            yield self._overreach(reason, entries)

    def _set_up(self) -> Diagnostic:
        calls = sorted(self.set_up)
        return self.say(
            "PC4005",
            f"{_list(calls)} {'is' if len(calls) == 1 else 'are'} "
            "attributed to the container runtime's set-up",
            "if the agent itself needs one, grant it with an `allow` line",
            Severity.NOTE,
        )

    def _outside(self, domain: str, candidates: list[Candidate], limit: Limit) -> Diagnostic:
        lines = sorted({c.line for c in candidates})
        if not limit.is_mentioned:
            return self.say(
                "PC4002",
                f"{len(lines)} observed in `{domain}`, which its root class does not mention: "
                f"{_list(lines)}; {_seen_at(candidates)}",
                "a domain that no root class mentions is empty: name it in the root's cap",
            )
        related = tuple(
            Related(clause.span, f"the cap of `{level.class_name}`")
            for level in self.agent.caps[-1:]
            for clause in level.clauses
            if clause.domain == domain
        )[:2]
        return self.say(
            "PC4001",
            f"{len(lines)} observed in `{domain}` outside the cap: {_list(lines)}; {_seen_at(candidates)}",
            "widen the cap in review, or let the agent lose it",
            related=related,
        )

    def _unnamed(self) -> Iterator[Diagnostic]:
        """One for each recorded server, or model, that is not certainly a declared one."""
        groups: dict[tuple[str, str], list[tuple[UnnamedError, tuple[Evidence, ...]]]] = {}
        for fault, evidence in self.unnamed:
            groups.setdefault((fault.said, fault.hint), []).append((fault, evidence))
        for (said, hint), group in sorted(groups.items()):
            lines = sorted({str(fault) for fault, _ in group})
            places = sorted({str(e) for _, evidence in group for e in evidence})
            yield self.say(
                "PC4015", f"observed {_list(lines)}, {said}; seen at {_list(places)}", hint
            )

    def _fleeting(self) -> Diagnostic:
        lines = sorted({c.line for c in self.fleeting})
        which = "peer is" if len(lines) == 1 else "peers are"
        hint = "record with a source that names pods, or grant the network with `allow ... cidr`"
        servers = sorted({c.line for c in self.fleeting if self._is_api_server(c)})
        if servers:
            hint += f"; {_list(servers)}: this is the API server's Service, grant its endpoints"
        return self.say(
            "PC4003",
            f"{len(lines)} in-cluster {which} known by address only: {_list(lines)}; "
            f"{_seen_at(self.fleeting)}",
            hint,
        )

    def _is_api_server(self, candidate: Candidate) -> bool:
        region = candidate.region
        return region.domain is self.api_server.domain and region <= self.api_server

    def _unplaced(self) -> Diagnostic:
        return self.say(
            "PC4011",
            f"{len(self.unplaced)} observed that no domain has a place for: "
            f"{_list(sorted(self.unplaced))}",
            "it is not granted: correct the profile, or use a release that knows it",
        )

    def _refused(self) -> Diagnostic:
        calls = sorted({c.line for c in self.refused})
        return self.say(
            "PC4014",
            f"{len(calls)} tried and refused by seccomp: {_list(calls)}; {_seen_at(self.refused)}",
            "a try grants nothing: find out what tried it; if the agent needs it, add an `allow` line",
        )

    def _unanswered(self) -> Diagnostic:
        tried = [candidate for _, found in self.unanswered for candidate in found]
        return self.say(
            "PC4017",
            f"{len(self.unanswered)} asked and never answered: {_list(sorted({c.line for c in tried}))}; "
            f"{_seen_at(tried)}",
            "a try grants nothing: a policy may have dropped it, or nobody was there; "
            "if the agent needs it, add an `allow` line",
        )

    def _claimed(self) -> Diagnostic:
        said = {
            f"{peer.address or 'somebody'} as {name}"
            for peer in self.claimed
            for name in peer.claimed
        }
        places = sorted({str(e) for peer in self.claimed for e in peer.sighting.evidence})
        return self.say(
            "PC4018",
            f"it greeted {_list(sorted(said))}, and no answer of a name server says so; "
            f"seen at {_list(places)}",
            "what a program calls a peer grants nothing by that name: record where its names are resolved "
            "by the name server of its container, or grant the address with `allow ... cidr`",
        )

    def _feigned(self) -> Diagnostic:
        return self.say(
            "PC4019",
            f"{len(self.feigned)} called, and nobody of that name is known to have answered: "
            f"{_list(sorted({c.line for c in self.feigned}))}; {_seen_at(self.feigned)}",
            "what a program only writes grants nothing: record where its names are resolved by the name "
            "server of its container; if the agent needs it, add an `allow` line",
        )

    def _overreach(self, reason: str, entries: list[tuple[Candidate, Clause | None]]) -> Diagnostic:
        lines = sorted({c.line for c, _ in entries})
        taker = entries[0][1]
        return self.say(
            "PC4010",
            f"{_list(lines)} observed although {reason}; not granted"
            f"; {_seen_at(c for c, _ in entries)}",
            _TAKEN if taker else _PROTECTED,
            related=(Related(taker.span, "the line that beats it"),) if taker else (),
        )

    def say(
        self,
        code: str,
        message: str,
        hint: str,
        severity: Severity = Severity.WARNING,
        related: tuple[Related, ...] = (),
    ) -> Diagnostic:
        """A finding about the agent, at the line that names its profiles."""
        span = self.agent.learning.span if self.agent.learning else self.agent.span
        text = f"agent `{self.agent.name}`: {message}"
        return Diagnostic(code, text, span, related, hint, severity=severity)


def blind_spots(
    losses: Losses, observed: Observed, architectures: Iterable[str]
) -> Iterator[Diagnostic]:
    """Where the recording itself says that it is not the whole truth."""
    if observed.stale:
        since = losses.agent.learning.since if losses.agent.learning else ""
        yield losses.say(
            "PC4012",
            f"{len(observed.stale)} observed and last seen before {since}: "
            f"{_list(list(observed.stale))}",
            "it is not granted: record again, or set `since` to an earlier day",
            Severity.NOTE,
        )
    if observed.lossy:
        yield losses.say(
            "PC4008",
            f"events were lost in {_list(sorted(observed.lossy))}",
            "what was seen is granted; that something was not seen proves nothing",
            Severity.NOTE,
        )
    seen_on = _architectures(observed.observations)
    blind = [a for a in architectures if a not in seen_on]
    if seen_on and blind and losses.agent.workload is not None:
        yield losses.say(
            "PC4009",
            f"no recording on {_list(blind)}, so its profile there has only what `allow` lines grant",
            "record on a node of that architecture, or take it out of the `cluster` block",
            Severity.NOTE,
        )


def _architectures(observations: Iterable[Observation]) -> set[str]:
    return {o.architecture for o in observations if isinstance(o, SyscallSeen)}


def _seen_at(candidates: Iterable[Candidate]) -> str:
    """Where the recordings show the candidates: ``path#/pointer``, a few of them."""
    return f"seen at {_list(sorted({str(e) for c in candidates for e in c.derivation.evidence}))}"


def _list(words: list[str]) -> str:
    shown = ", ".join(f"`{word}`" for word in words[:_SHOWN])
    return shown + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")
