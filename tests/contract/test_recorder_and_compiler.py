"""What the recorder writes and the compiler reads: hooks, blind spots, domains and joins mean the same to both."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.samples import ROOT

from policyc.catalog.hooks import domains_of
from policyc.catalog.vocabulary import BEHAVIOURS
from policyc.converge.evidence import WORDS, Evidence
from policyc.profiles import agent_profile
from policyc.profiles.base import DOMAIN_FIELDS, INVENTORY, AgentProfile, Run, join_profiles
from recorder import blind, components, kernel, layout, profile, sightings, uprobes
from recorder.profile import Sighting

WORKLOAD = profile.Workload("apps/v1", "Deployment", "support", "triage", "agent")
SOURCES = "".join(path.read_text() for path in sorted((ROOT / "recorder/bpf").glob("*.[ch]")))
SECTIONS = frozenset(re.findall(r'(?:SEC|ADDRESS_HOOK|BIND_HOOK)\("([\w]+/\w+)"', SOURCES))
HOOKS = SECTIONS | set(uprobes.HOOKS.values())
EVERY_DOMAIN = frozenset(hook for hook in HOOKS if hook.endswith("cgroup_attach_task"))
"""Whose a process is concerns all that it does: as for hooks that it does not know, the compiler takes any domain."""


def test_the_programs_are_found() -> None:
    # SSL_write has one program where returns can be looked at, and another where not.
    alike = len(uprobes.HOOKS) - len(set(uprobes.HOOKS.values()))
    assert len(HOOKS) == len(kernel.NEEDED) + len(kernel.OPTIONAL) - alike


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_the_compiler_knows_every_hook(hook: str) -> None:
    assert (domains_of(hook) is None) == (hook in EVERY_DOMAIN)


def test_some_hook_shows_each_recorded_domain() -> None:
    shown = frozenset().union(*(domains_of(hook) or () for hook in HOOKS))
    assert set(layout.DOMAINS) <= shown


def test_each_recorded_domain_is_one_of_a_profile() -> None:
    assert set(layout.DOMAINS) | set(components.DOMAINS) <= DOMAIN_FIELDS.keys()
    assert set(components.DOMAINS) == INVENTORY


def _spots() -> set[str]:
    """All that can stand in `blind`, but for what concerns the whole of a run."""
    names = sightings.Names(unread={1: set(blind._UNREAD)})
    names.greetings[1, ""] += 1
    entries = sightings.Entries(peers=[(layout.PeerKey(protocol=1), layout.Peer())])
    met = [
        ("syscalls", {"architecture": "386", "name": "io_uring_setup"}),
        ("syscalls", {"architecture": "amd64", "name": "io_submit"}),
        ("capabilities", {"granted": True, "name": "NET_RAW"}),
        ("egress", {"address": "192.0.2.1", "port": 53, "protocol": "tcp"}),
        ("egress", {"address": "192.0.2.1", "port": 443, "protocol": "udp"}),
    ]
    found = [Sighting(d, tuple(sorted(values.items())), "application") for d, values in met]
    return {
        *(spot for without in kernel.OPTIONAL.values() for spot in without.spots),
        *blind.of_run(1, found, entries, names),
    }


@pytest.mark.parametrize("spot", sorted(_spots()))
def test_a_blind_spot_concerns_the_domain_that_it_begins_with_and_no_other(spot: str) -> None:
    run = Run("r", coverage="from-creation", blind=frozenset({spot}))
    words = {WORDS.get(domain, domain) for domain in layout.DOMAINS}
    domain = spot.partition(":")[0]
    assert {word for word in words if Evidence((run,)).is_partial(run, word)} == {
        WORDS.get(domain, domain)
    }


def test_a_program_that_met_none_of_it_has_no_blind_spot() -> None:
    assert list(blind.of_run(1, [], sightings.Entries(), sightings.Names())) == []


@pytest.mark.parametrize("is_try", [True, False])
def test_who_never_answered_said_nothing_that_was_missed(is_try: bool) -> None:
    values: profile.Values = (("address", "192.0.2.1"), ("port", 443), ("protocol", "udp"))
    tried: profile.Values = ((profile.UNANSWERED, True),) if is_try else ()
    met = [Sighting("egress", (*values, *tried), "application")]
    assert bool([*blind.of_run(1, met, sightings.Entries(), sightings.Names())]) is not is_try


TIMES = st.integers(1, 2_000_000_000)


@st.composite
def documents(draw: st.DrawFn) -> profile.Document:
    """A profile of one of two runs, as the recorder writes it, and somebody who knows adds to it."""
    run = profile.Run(
        draw(st.sampled_from(["r1", "r2"])),
        draw(TIMES),
        draw(TIMES),
        draw(st.sampled_from(profile.COVERAGE)),
        "6.18",
        "node",
        (),
        (),
        tuple(sorted(draw(st.sets(st.sampled_from(["tools: x", "files: y"]))))),
        (("files", draw(st.integers(0, 3))),),
    )
    document: Any = profile.profile(WORKLOAD, run, (), layout.DOMAINS)
    (written,) = document["spec"]["runs"]
    if draw(st.booleans()):
        written["sessions"] = draw(st.integers(1, 9))
    counts = draw(st.dictionaries(st.sampled_from(BEHAVIOURS), st.integers(0, 3)))
    if counts:
        written["behaviours"] = counts
    return document  # type: ignore[no-any-return]  # the recorder's own JSON


def _read(document: Any) -> AgentProfile:
    outcome = agent_profile.read("p.json", [document])
    assert not outcome.diagnostics
    (only,) = outcome.value or ()
    return only


@given(st.lists(documents(), min_size=1, max_size=4))
def test_both_join_runs_alike(written: list[profile.Document]) -> None:
    (theirs,) = join_profiles(map(_read, written))
    assert _read(profile.join(written)).runs == theirs.runs


@st.composite
def asked(draw: st.DrawFn) -> profile.Document:
    """What one of two runs says of a few peers, of which some answered."""
    run = profile.Run(
        draw(st.sampled_from(["r1", "r2"])), 1, 2, "from-creation", "", "", (), (), (), ()
    )
    peers = st.tuples(st.sampled_from(["192.0.2.1", "192.0.2.2", "::1"]), st.booleans())
    found = []
    for address, is_try in draw(st.lists(peers, max_size=4)):
        values: profile.Values = (("address", address), ("port", 443), ("protocol", "tcp"))
        tried: profile.Values = ((profile.UNANSWERED, True),) if is_try else ()
        times = (draw(TIMES), draw(TIMES), draw(st.integers(1, 9)))
        found.append(Sighting("egress", (*values, *tried), "application", *times))
    return profile.profile(WORKLOAD, run, found, ("egress",))


@given(st.lists(asked(), min_size=1, max_size=4))
def test_both_join_peers_alike(written: list[profile.Document]) -> None:
    """Whether they answered, in which runs, when and how often."""
    (theirs,) = join_profiles(map(_read, written))
    assert set(_read(profile.join(written)).items["egress"]) == set(theirs.items["egress"])
