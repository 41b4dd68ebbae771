"""Laws that hold of every policy root, each a call with one agent.

A law that does not hold raises BrokenLawError with the smallest case that Hypothesis found.
How many cases are tried is the business of the Hypothesis profile in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from operator import attrgetter
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from policyc.admission.request import Object
from policyc.catalog.setup_only import SETUP_ONLY
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Envelope
from policyc.envelope.observation import (
    KubeSeen,
    Observation,
    Observed,
    Phase,
    SyscallSeen,
    is_vain,
)
from policyc.envelope.region import Region
from policyc.envelope.timeline import periods
from policyc.envelope.witness import witness
from policyc.lower import lower
from policyc.lower.generalise import generalise
from policyc.testing import machine
from policyc.testing.asks import ASKS, ceiling
from policyc.testing.broken import BrokenLawError, broken
from policyc.testing.recordings import more_and_less, profiles, read, room
from policyc.testing.root import PolicyAgent, enforced
from policyc.testing.strategies import Attempt, attempts, corners

Law: TypeAlias = Callable[[PolicyAgent], None]
T = TypeVar("T")


def _plain(law: Law) -> Law:
    """A broken law speaks for itself: the frames that found it are ours and not the reader's."""

    @wraps(law)
    def check(agent: PolicyAgent) -> None:
        __tracebackhide__ = True
        try:
            law(agent)
        except BrokenLawError as fault:
            raise fault.with_traceback(None) from None

    return check


_SHARE = 5
"""One domain gets a fifth of the examples: they are many, and each is to have some."""


def _attempted(
    agent: PolicyAgent,
    domains: Iterable[str],
    check: Callable[[Attempt], None],
    granted: bool | None = None,
) -> None:
    """What the agent may try, domain by domain: of each kind of thing one, and drawn ones.

    Drawn of all domains at once, some would have no case.
    """
    for domain in domains:
        for attempt in corners(agent, domain, granted=granted):
            check(attempt)
        _for_all(attempts(agent, [domain], granted=granted), check, _SHARE)


def _for_all(drawn: SearchStrategy[T], check: Callable[[T], None], share: int = 1) -> None:
    """Hypothesis's loop; a strategy of nothing is a law about nothing."""
    if drawn.is_empty:
        return
    examples = max(settings().max_examples // share, 10)
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    quiet = settings(
        max_examples=examples,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=checks,
    )
    quiet(given(drawn)(check))()


@_plain
def observed_is_granted(agent: PolicyAgent) -> None:
    """Nothing is denied that was observed, but by a line of the policy that can be shown.

    Of every recording that the agent has, and of drawn ones within its cap.
    """
    for observation in agent.observed.observations:
        if _is_its_own(observation):
            _granted(agent, agent.envelope, observation, None)

    def check(recording: Object) -> None:
        seen = read(agent, recording)
        envelope = _lowered(agent, seen)
        for observation in seen.observations:
            _granted(agent, envelope, observation, recording)

    if agent.workload is not None:
        _for_all(profiles(agent, granted=True), check)


def _is_its_own(observation: Observation) -> bool:
    """Done, and not the container runtime's set-up, nor by a right that somebody else gave it."""
    phase = observation.sighting.phase
    if is_vain(observation):
        return False
    match observation:
        case SyscallSeen(name=name) if phase is not Phase.APPLICATION and name in SETUP_ONLY:
            return False
        case KubeSeen(granted_by=binding) if binding:
            return False
    return phase is not Phase.SETUP


def _granted(
    agent: PolicyAgent, envelope: Envelope, observation: Observation, recording: Object | None
) -> None:
    """What an observation stands for is granted as far as there is room, and enforced as granted."""
    for region in _stands_for(agent, observation):
        domain = region.domain.name
        due = region & room(agent, domain)
        point = witness(due - ceiling(agent, domain) - envelope.domains[domain])
        if point is not None:
            raise broken(agent, domain, point, "was observed and is not granted", recording)
        if recording is None and due and domain in agent.enforced and domain in ASKS:
            point = witness(due & agent.envelope.domains[domain])
            if point is not None:
                _admitted(Attempt(agent, domain, point))


def _stands_for(agent: PolicyAgent, observation: Observation) -> Iterator[Region]:
    try:
        found = tuple(generalise(observation, agent.checked, agent.root.policy))
    except ValueError:
        return  # with nobody at the other end: the compiler says so
    yield from (c.region for c in found if not (c.is_fleeting or c.is_inferred))


@_plain
def outside_is_refused(agent: PolicyAgent) -> None:
    """Nothing is admitted outside of the envelope, and no artifact permits it.

    Nor does a recording of what lies beside the cap widen anything.
    """

    def check(attempt: Attempt) -> None:
        enforced = agent.enforced.get(attempt.domain)
        if enforced is not None and attempt.point in enforced:
            raise broken(
                agent, attempt.domain, attempt.point, "is not granted and an artifact permits it"
            )
        _refused(attempt)

    _attempted(agent, DOMAINS, check, granted=False)

    def no_wider(recording: Object) -> None:
        envelope = _lowered(agent, read(agent, recording))
        for domain in DOMAINS:
            region = envelope.domains[domain] - agent.envelope.domains[domain]
            point = witness(region - room(agent, domain))
            if point is not None and domain != "identity":
                raise broken(agent, domain, point, "lies beside the cap and is granted", recording)

    if agent.workload is not None:
        _for_all(profiles(agent, granted=False), no_wider)


def _refused(attempt: Attempt) -> None:
    ask = attempt.ask
    if ask is not None and not ask.region <= ceiling(attempt.agent, attempt.domain) and not ask.refusals():  # fmt: skip
        raise broken(
            attempt.agent, attempt.domain, attempt.point, "is not granted, and admitted", ask.body
        )


def _admitted(attempt: Attempt) -> None:
    ask = attempt.ask
    if ask is None or not ask.region <= ceiling(attempt.agent, attempt.domain):
        return
    refusals = ask.refusals()
    if refusals:
        said = f"is granted, and admission says {refusals[0]}"
        raise broken(attempt.agent, attempt.domain, attempt.point, said, ask.body)


@_plain
def webhook_and_compiler_agree(agent: PolicyAgent) -> None:
    """An object is refused exactly if it asks for more than the compiled envelope has."""

    def check(attempt: Attempt) -> None:
        _refused(attempt)
        _admitted(attempt)

    _attempted(agent, ASKS, check)


@_plain
def monotone(agent: PolicyAgent) -> None:
    """Seeing less grants no more, in the envelope and in each artifact; nor does a later day."""

    def check(both: tuple[Object, Object]) -> None:
        part = both[1]
        more, less = (_lowered(agent, read(agent, recording)) for recording in both)
        _no_more(agent, more.domains, less.domains, part)
        many, few = (enforced(envelope, attrgetter("document")) for envelope in (more, less))
        _no_more(agent, many, few, part)

    if agent.workload is not None:
        _for_all(more_and_less(agent), check)
    today = agent.root.as_of
    for period in periods([agent.envelope], today.isoformat()):
        _no_more(agent, agent.envelope.domains, agent.envelope.on(period.first).domains, None)


def _no_more(
    agent: PolicyAgent,
    more: Mapping[str, Region],
    less: Mapping[str, Region],
    recording: Object | None,
) -> None:
    for domain, region in less.items():
        point = witness(region - more[domain])
        if point is not None:
            raise broken(agent, domain, point, "is granted by less and not by more", recording)


def _lowered(agent: PolicyAgent, more: Observed) -> Envelope:
    """The agent's envelope, had it been seen to do nothing but this."""
    return lower(agent.checked, more, agent.root.policy, as_of=agent.root.as_of).value


stages = _plain(machine.stages)

LAWS: Mapping[str, Law] = MappingProxyType(
    {
        "observed-is-granted": observed_is_granted,
        "outside-is-refused": outside_is_refused,
        "webhook-and-compiler-agree": webhook_and_compiler_agree,
        "monotone": monotone,
        "stages": stages,
    }
)
"""The name of each law, as tests are called by it, and the law."""
