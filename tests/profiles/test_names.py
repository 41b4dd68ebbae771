"""Names of peers in profiles: those that an answer gave count, in whichever run or file; others never do."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from support.recordings import WORKLOAD, profile, run

from policyc.envelope.model import WorkloadRef
from policyc.envelope.observation import PeerSeen
from policyc.profiles.agent_profile import encode, to_bytes
from policyc.profiles.base import AgentProfile, Value, join_profiles
from policyc.profiles.observed import observed
from policyc.profiles.registry import read_profiles

REF = WorkloadRef(WORKLOAD.kind, "apps", WORKLOAD.namespace, WORKLOAD.name, WORKLOAD.container)
Values = tuple[tuple[str, Value], ...]


def _values(address: str, resolved: set[str], hosts: set[str], is_vain: bool) -> Values:
    names = (("resolved", tuple(sorted(resolved))), ("hosts", tuple(sorted(hosts))))
    return (
        ("protocol", "tcp"),
        ("port", 443),
        ("address", address),
        *((field, texts) for field, texts in names if texts),
        *((("unanswered", True),) if is_vain else ()),
    )


some = st.sets(st.sampled_from(["a.test", "b.test"]))
peers = st.builds(_values, st.sampled_from(["192.0.2.1", "192.0.2.2"]), some, some, st.booleans())
files = st.lists(st.lists(peers, max_size=3), min_size=1, max_size=3).map(
    lambda listed: [profile([run(i)], [{"egress": seen}]) for i, seen in enumerate(listed)]
)


def _names(profiles: list[AgentProfile]) -> set[tuple[str, str, bool]]:
    """Address, name, and whether the name counts, of those that answered."""
    seen = observed([(f"{i}.json", one) for i, one in enumerate(profiles)], REF, "").observations
    answered = [peer for peer in seen if isinstance(peer, PeerSeen) and not peer.unanswered]
    counting = {(peer.address, name, True) for peer in answered for name in peer.hosts}
    return counting | {(peer.address, name, False) for peer in answered for name in peer.claimed}


@given(files)
def test_a_name_counts_exactly_where_an_answer_gave_it(profiles: list[AgentProfile]) -> None:
    items = [item for one in profiles for item in one.items.get("egress", ()) if not item.is_vain]
    given_ = {(item.text("address"), name) for item in items for name in item.texts("resolved")}
    said = {(item.text("address"), name) for item in items for name in item.texts("hosts")}
    wanted = {(*pair, True) for pair in given_} | {(*pair, False) for pair in said - given_}
    assert _names(profiles) == wanted
    assert _names([*join_profiles(profiles)]) == wanted
    (read,) = read_profiles("p.json", to_bytes(join_profiles(profiles)[0])).value
    assert _names([read]) == wanted


@given(files)
def test_a_profile_from_before_there_was_the_field_has_no_name_that_counts(
    profiles: list[AgentProfile],
) -> None:
    for one in profiles:
        document = json.loads(json.dumps(encode(one)))
        for item in document["spec"].get("egress", ()):
            item["hosts"] = sorted({*item.pop("resolved", ()), *item.get("hosts", ())})
        outcome = read_profiles("p.json", json.dumps(document).encode())
        assert not outcome.diagnostics
        assert not any(counts for _, _, counts in _names([*outcome.value]))
