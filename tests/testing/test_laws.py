"""The laws hold of the example policies, and a planted fault breaks each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from support.any_envelope import envelopes
from support.samples import ROOT
from support.threats import DAY

from policyc.admission.bundle import Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.manifests import request_of
from policyc.admission.review import read_review
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Cover, Envelope, ThreatState
from policyc.envelope.observation import (
    Direction,
    Observation,
    Observed,
    PeerSeen,
    Sighting,
    SyscallSeen,
)
from policyc.envelope.region import Region
from policyc.testing import laws
from policyc.testing.asks import ASKS, SETTINGS, ceiling
from policyc.testing.broken import BrokenLawError
from policyc.testing.laws import LAWS
from policyc.testing.machine import StageMachine, stages_of
from policyc.testing.points import beside, inside
from policyc.testing.recordings import profiles, read, room
from policyc.testing.root import BadPoliciesError, PolicyAgent, PolicyRoot
from policyc.testing.strategies import attempts, flows, rbac_requests, reviews, workloads

POLICIES = PolicyRoot(ROOT / "policies", DAY)
AGENTS = sorted(POLICIES.agents)
FEW = settings(max_examples=20, deadline=None)
Json = Any  # documents of the API


@pytest.fixture
def few() -> Iterator[None]:
    """Laws take the number of cases from the profile in use; what is planted is found soon."""
    name = settings.get_current_profile_name()
    settings.register_profile("few", max_examples=200, phases=(Phase.generate,), deadline=None)
    settings.load_profile("few")
    yield
    settings.load_profile(name)


@pytest.fixture
def some() -> Iterator[None]:
    name = settings.get_current_profile_name()
    most = max(settings().max_examples // 10, 10)
    settings.register_profile("some", max_examples=most, deadline=None)
    settings.load_profile("some")
    yield
    settings.load_profile(name)


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize("law", sorted(LAWS))
@pytest.mark.parametrize("agent", AGENTS)
def test_the_example_policies_keep_the_laws(agent: str, law: str) -> None:
    LAWS[law](POLICIES.agents[agent])


def fresh(name: str = "triage-bot") -> PolicyAgent:
    """An agent that a test may plant a fault in."""
    return PolicyRoot(ROOT / "policies", DAY).agents[name]


def register(agent: PolicyAgent, domain: str, region: Region) -> None:
    """Register the agent with another region, as if somebody had changed the bundle."""
    known = agent.root.bundle.agents
    old = known[agent.name].envelope
    domains = {name: old.domains[name] for name in DOMAINS} | {domain: region}
    envelope = replace(agent.envelope, domains=domains)
    changed = replace(known[agent.name], envelope=envelope, servers=None)
    agent.root.__dict__["bundle"] = Bundle([*({**known, agent.name: changed}.values())])


BROAD = ["egress_ip", "egress_host", "kube", "image", "tools", "models", "exec"]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("domain", BROAD)
def test_a_registered_envelope_that_is_wider_is_found(domain: str) -> None:
    agent = fresh()
    register(agent, domain, DOMAINS[domain].full)
    for law in (laws.webhook_and_compiler_agree, laws.outside_is_refused):
        with pytest.raises(BrokenLawError) as caught:
            law(agent)
        said = str(caught.value)
        assert f"error[PC7071]: agent `triage-bot`: `{domain}`: " in said
        assert "is not granted, and admitted" in said
        assert "support/triage-bot.agentpol:" in said
        assert "the object:\n  apiVersion: " in said


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("domain", ["egress_ip", "egress_host", "kube", "tools", "image"])
def test_a_registered_envelope_that_is_tighter_is_found(domain: str) -> None:
    agent = fresh()
    register(agent, domain, DOMAINS[domain].empty)
    with pytest.raises(BrokenLawError, match="is granted, and admission says"):
        laws.webhook_and_compiler_agree(agent)


@pytest.mark.usefixtures("few")
def test_an_artifact_that_permits_more_is_found() -> None:
    agent = fresh()
    for domain in ("egress_ip", "syscalls", "kube"):
        agent.__dict__["enforced"] = {**fresh().enforced, domain: DOMAINS[domain].full}
        with pytest.raises(BrokenLawError, match=f"`{domain}`.*an artifact permits it"):
            laws.outside_is_refused(agent)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("domain", ["egress_host", "syscalls", "exec", "kube"])
def test_an_observation_that_is_lost_is_found(domain: str) -> None:
    agent = fresh()
    domains = {**agent.envelope.domains, domain: DOMAINS[domain].empty}
    agent.__dict__["envelope"] = replace(agent.envelope, domains=domains)
    with pytest.raises(BrokenLawError, match=f"`{domain}`.*was observed and is not granted"):
        laws.observed_is_granted(agent)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("is_try", [True, False])
@pytest.mark.parametrize("domain", ["syscalls", "egress"])
def test_what_was_only_tried_need_not_be_granted(domain: str, is_try: bool) -> None:
    """The law is silent about the try, and not about the same thing when it was done."""
    agent = fresh()
    hosts = ("not-yet-seen.zendesk.com",)
    seen: Observation = PeerSeen(Direction.EGRESS, "tcp", 443, "", hosts, unanswered=is_try)
    if domain == "syscalls":
        seen = SyscallSeen("amd64", "io_cancel", Sighting(()), denied=is_try)
    agent.__dict__["observed"] = Observed((seen,))
    if is_try:
        laws.observed_is_granted(agent)
        return
    with pytest.raises(BrokenLawError, match="was observed and is not granted"):
        laws.observed_is_granted(agent)


def test_a_later_day_that_grants_more_is_found() -> None:
    class Growing(Envelope):
        def on(self, day: str) -> Envelope:
            return replace(agent.envelope, domains={**agent.envelope.domains, "kube": DOMAINS["kube"].full})  # fmt: skip

    agent = fresh("claims-assistant")
    whole = agent.envelope
    fields = {name: getattr(whole, name) for name in Envelope.__slots__}
    agent.__dict__["envelope"] = Growing(**fields)
    with pytest.raises(BrokenLawError, match="is granted by less and not by more"):
        laws.monotone(agent)


def test_a_state_machine_with_a_rule_of_its_own_is_held_to_the_invariants() -> None:
    """A subclass that closes a threat where no line does."""

    class Forgetful(stages_of(POLICIES.agents["triage-bot"])):  # type: ignore[misc]  # made at run time
        forgets = False

        @rule()
        def forget(self) -> None:
            self.forgets = True

        def judged(self) -> Any:
            envelope, blocking = super().judged()
            if self.forgets:
                gone = tuple(replace(t, covers=(Cover(ThreatState.CLOSED),)) for t in envelope.threats)  # fmt: skip
                envelope = replace(envelope, threats=gone)
            return envelope, blocking

    assert issubclass(Forgetful, StageMachine)
    with pytest.raises(BrokenLawError) as caught:
        run_state_machine_as_test(
            Forgetful, settings=settings(FEW, phases=(Phase.generate,), report_multiple_bugs=False)
        )
    assert "is closed on" in str(caught.value) and "and should be open" in str(caught.value)
    assert "  note: its stage\n" in str(caught.value)


@settings(FEW)
@given(st.data(), st.sampled_from(sorted(DOMAINS)))
def test_points_lie_where_they_are_said_to(data: st.DataObject, domain: str) -> None:
    region = data.draw(envelopes()).domains[domain]
    if not inside(region).is_empty:
        assert data.draw(inside(region)) in region
    if not beside(region).is_empty:
        assert data.draw(beside(region)) not in region


@settings(FEW)
@given(st.data(), st.sampled_from(AGENTS))
def test_attempts_are_granted_or_not(data: st.DataObject, name: str) -> None:
    agent = POLICIES.agents[name]
    for drawn, granted in ((attempts, True), (attempts, False), (flows, False), (rbac_requests, False)):  # fmt: skip
        strategy = drawn(agent, granted=granted)
        if not strategy.is_empty:
            assert data.draw(strategy).is_granted is granted


@pytest.mark.parametrize("domain", sorted(ASKS))
def test_every_domain_that_can_be_asked_for_is(domain: str) -> None:
    """Beside some agent's envelope there are points that an object asks for, and it is refused."""
    refused = []

    @settings(FEW)
    @given(st.one_of([attempts(a, [domain], granted=False) for a in POLICIES.agents.values()]))
    def check(attempt: Any) -> None:
        if attempt.ask is not None and not attempt.ask.region <= ceiling(attempt.agent, domain):
            refused.append(bool(attempt.ask.refusals()))

    check()
    assert refused and all(refused)


@settings(FEW)
@given(st.data(), st.sampled_from([n for n in AGENTS if POLICIES.agents[n].workload]))
def test_reviews_and_workloads_are_what_an_api_server_sends(data: st.DataObject, name: str) -> None:
    agent = POLICIES.agents[name]
    review = data.draw(reviews(agent))
    assert read_review(review).object == review["request"]["object"]
    for granted in (True, False):
        body = data.draw(workloads(agent, granted=granted))
        verdict = evaluate(request_of(body), POLICIES.bundle, POLICIES.cluster, SETTINGS, POLICIES.today)  # fmt: skip
        own = {f.reason for f in verdict.findings} - {"NO_LIMIT", "THREAT_OPEN"}
        assert bool(own) is not granted, own


@settings(FEW)
@given(st.data(), st.sampled_from([n for n in AGENTS if POLICIES.agents[n].workload]))
def test_recordings_are_read_as_the_compiler_reads_them(data: st.DataObject, name: str) -> None:
    agent = POLICIES.agents[name]
    seen = read(agent, data.draw(profiles(agent)))
    assert seen.observations and seen.runs == 1
    assert all(room(agent, d) <= (agent.checked.cap(d) or DOMAINS[d].empty) for d in DOMAINS)


def test_policies_with_errors_are_said_to_have_them(tmp_path: Any) -> None:
    (tmp_path / "p.agentpol").write_text("edition 2026\nagent a is nobody {\n}\n", encoding="utf-8")
    with pytest.raises(BadPoliciesError, match=r"error\[PC2001\].*nobody"):
        _ = PolicyRoot(tmp_path, DAY).agents
