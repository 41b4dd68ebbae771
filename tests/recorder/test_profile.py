"""Joining profiles, and what the compiler says to them."""

from __future__ import annotations

import copy
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.samples import ROOT

from policyc.profiles import agent_profile
from recorder import profile
from recorder.profile import Run, Sighting, Workload

WORKLOAD = Workload("apps/v1", "Deployment", "support", "triage", "agent")
SCHEMA = json.loads((ROOT / "policyc/schemas/agent-profile.schema.json").read_text())
DOMAINS = (
    "syscalls",
    "executables",
    "files",
    "egress",
    "ingress",
    "capabilities",
    "tools",
    "models",
)
PHASE = st.sampled_from(["setup", "application"])
TIME = st.integers(1, 3) | st.integers(1, 2_000_000_000)
"""Often the same one: what is decided by time must also be decided without."""

runs = st.builds(
    Run,
    id=st.sampled_from(["r1", "r2", "r3", "r4"]),
    start=TIME,
    end=TIME,
    coverage=st.sampled_from(profile.COVERAGE),
    kernel=st.sampled_from(["6.12", "6.18"]),
    node=st.sampled_from(["n1", "n2"]),
    hooks_attached=st.just(("tp_btf/sys_enter",)),
    hooks_missing=st.sampled_from([(), ("tp_btf/cap_capable",)]),
    blind=st.sampled_from([(), ("capabilities",)]),
    loss=st.integers(0, 3).map(lambda n: (("files", n), ("syscalls", 0))),
)
values = st.one_of(
    st.sampled_from(["read", "write", "openat"]).map(
        lambda name: ("syscalls", (("architecture", "amd64"), ("name", name)))
    ),
    st.tuples(st.sampled_from(["/a", "/b"]), st.sets(st.sampled_from(["read", "write"]))).map(
        lambda t: ("files", (("modes", tuple(sorted(t[1]))), ("path", t[0])))
    ),
    st.tuples(
        st.sampled_from(["192.0.2.1", "::1"]),
        st.sets(st.sampled_from(["a.b", "c.d"])),
        st.sets(st.sampled_from(["a.b", "c.d"])),
        st.sampled_from([(), ((profile.UNANSWERED, True),)]),
    ).map(
        lambda t: (
            "egress",
            (
                ("address", t[0]),
                ("hosts", tuple(sorted(t[1]))),
                ("port", 1),
                ("protocol", "tcp"),
                ("resolved", tuple(sorted(t[2]))),
                *t[3],
            ),
        )
    ),
)
sightings = st.builds(
    lambda value, phase, first, more, count: Sighting(
        value[0], value[1], phase, first, first + more, count
    ),
    values, PHASE, TIME, st.integers(0, 99), st.integers(0, 5),
)  # fmt: skip
documents = st.builds(
    lambda run, found: profile.profile(WORKLOAD, run, found, DOMAINS), runs, st.lists(sightings)
)


@given(documents, documents, documents)
def test_joining_is_free_of_order_and_repetition(
    a: profile.Document, b: profile.Document, c: profile.Document
) -> None:
    before = copy.deepcopy([a, b, c])
    whole = profile.join([a, b, c])
    assert whole == profile.join([c, b, a, b])
    assert whole == profile.join([profile.join([a, b]), c])
    assert whole == profile.join([a, profile.join([b, c])])
    assert [a, b, c] == before


@given(documents)
def test_a_profile_follows_the_schema_and_the_compiler_reads_it(document: profile.Document) -> None:
    Draft202012Validator(SCHEMA).validate(document)
    outcome = agent_profile.read("p.json", [document])
    assert not outcome.diagnostics
    assert outcome.value is not None
    (read,) = outcome.value
    items = sum(len(found) for found in read.items.values())
    assert items == sum(len(document["spec"][domain]) for domain in DOMAINS)  # type: ignore[index,call-overload,arg-type]  # JSON


def test_a_domain_that_was_not_recorded_has_no_list(tmp_path: Path) -> None:
    run = Run("r1", 1, 2, "from-creation", "6.18", "n", (), (), (), ())
    document = profile.profile(WORKLOAD, run, (), ("syscalls",))
    spec = document["spec"]
    assert isinstance(spec, dict)
    assert spec["syscalls"] == []
    assert not spec.keys() & (set(DOMAINS) - {"syscalls"})


PEER = (("address", "192.0.2.1"), ("port", 443), ("protocol", "tcp"))
TRIED = (*PEER, (profile.UNANSWERED, True))


def of_run(id_: str, *values: profile.Values) -> profile.Document:
    run = Run(id_, 1, 2, "from-creation", "6.18", "n", (), (), (), ())
    found = [Sighting("egress", value, "application", 1, 2, 3) for value in values]
    return profile.profile(WORKLOAD, run, found, ("egress",))


def test_who_answered_in_one_run_is_a_peer_of_those_runs_and_no_try() -> None:
    tried, answered = of_run("r1", TRIED), of_run("r2", PEER)
    for both in ([tried, answered], [answered, tried]):
        assert profile.join(both)["spec"]["egress"] == answered["spec"]["egress"]  # type: ignore[index,call-overload]  # JSON


def test_who_answers_after_it_was_written_once_is_no_try_of_the_same_run() -> None:
    """A connection may be open when a profile is written, and be answered before the next."""
    later = of_run("r1", PEER)
    assert profile.join([of_run("r1", TRIED), later]) == later


def test_who_never_answers_stays_a_try() -> None:
    joined = profile.join([of_run("r1", TRIED), of_run("r2", TRIED)])
    (item,) = joined["spec"]["egress"]  # type: ignore[index,call-overload,misc]  # JSON
    assert (item["unanswered"], item["runs"]) == (True, ["r1", "r2"])  # type: ignore[index,call-overload]  # JSON


@given(st.lists(documents, min_size=1, max_size=4))
def test_the_loss_of_a_run_is_the_least_that_all_reports_of_it_bear_out(
    reports: list[profile.Document],
) -> None:
    """One recorder's reports of a run grow: each holds what the one before it lost, so a sum would count that again."""
    joined = _losses_by_run([profile.join(reports)])
    told = _losses_by_run(reports)
    assert joined == told
    assert _losses_by_run([profile.join([*reports, *reports])]) == joined


def _losses_by_run(reports: list[profile.Document]) -> dict[tuple[str, str], int]:
    """Run and domain -> the largest loss that a report tells of."""
    found: dict[tuple[str, str], int] = {}
    for report in reports:
        for run in report["spec"]["runs"]:  # type: ignore[index,call-overload,union-attr]  # JSON
            for domain, count in run["loss"].items():  # type: ignore[index,call-overload,union-attr]  # JSON
                key = (run["id"], domain)  # type: ignore[index,call-overload]  # JSON
                found[key] = max(count, found.get(key, 0))  # type: ignore[type-var,index,call-overload]  # JSON
    return found


RESOLVED, CLAIMED = (*PEER, ("resolved", ("a.b",))), (*PEER, ("hosts", ("a.b", "c.d")))


def test_a_name_that_an_answer_gave_in_one_run_is_no_claim_of_another() -> None:
    joined = profile.join([of_run("r1", RESOLVED), of_run("r2", CLAIMED)])
    (item,) = joined["spec"]["egress"]  # type: ignore[index,call-overload,misc]  # JSON
    assert (item["resolved"], item["hosts"]) == (["a.b"], ["c.d"])  # type: ignore[index,call-overload]  # JSON


def test_names_of_a_profile_from_before_there_were_answers_stay_claims() -> None:
    old = of_run("r1", CLAIMED)
    (item,) = profile.join([old, of_run("r2", PEER)])["spec"]["egress"]  # type: ignore[index,call-overload,misc]  # JSON
    assert (item.get("resolved"), item["hosts"]) == (None, ["a.b", "c.d"])  # type: ignore[index,call-overload,union-attr]  # JSON
