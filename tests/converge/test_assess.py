"""The judgement of recordings: which runs count, what windows ask, what never converges."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.agents import policy
from support.corpus import REDIS, require
from support.recordings import (
    WORKLOAD,
    call,
    file,
    host,
    profile,
    run,
    steady,
    time,
    tool,
)

from policyc.catalog.hooks import blind_domain
from policyc.catalog.vocabulary import BEHAVIOURS
from policyc.converge.assess import Assessment, assess
from policyc.converge.domains import TOGETHER, DomainVerdict
from policyc.converge.evidence import AS_RECORDED
from policyc.converge.findings import findings, reasons
from policyc.converge.report import document
from policyc.converge.window import tier_seconds
from policyc.core.canonical import canonical_json
from policyc.profiles.base import DOMAIN_FIELDS, AgentProfile, Run, Value, join_profiles
from policyc.profiles.registry import read_profiles
from policyc.semantics.model import CheckedPolicy
from recorder.kernel import OPTIONAL

DAY = 86_400
ENOUGH = 120
"""Runs of six hours each: 30 days."""
LEARN = '  learn under standard since 2026-08-01 from "p/*.json"\n'


@cache
def demo(lines: str = "", window: str = "", **more: str) -> CheckedPolicy:
    """The policy of one agent that learns, with a window of these lines if there are any."""
    return policy(lines=LEARN + lines, members="", window=window or "at least 1d", **more)


def judged(*profiles: AgentProfile, by: CheckedPolicy | None = None) -> Assessment:
    checked = by or demo()
    return assess(checked.agents[0], checked, [(f"{i}.json", p) for i, p in enumerate(profiles)])


def row(one: Assessment, domain: str) -> DomainVerdict:
    return next(verdict for verdict in one.domains if verdict.domain == domain)


def codes(one: Assessment) -> set[str]:
    return {reason.code for reason in reasons(one)}


def test_a_long_steady_recording_converges_m18_m29() -> None:
    one = judged(steady(ENOUGH))
    assert one.converged
    assert reasons(one) == []
    assert row(one, "syscalls").expected == 0
    assert row(one, TOGETHER).runs == ENOUGH


def test_day_one_is_not_day_thirty_m18() -> None:
    verdicts = [judged(steady(n)).converged for n in (1, 8, 60, ENOUGH)]
    assert verdicts == [False, False, False, True]


@pytest.mark.parametrize("missing", range(6))
def test_each_demand_alone_is_enough_to_refuse_m7_m77(missing: int) -> None:
    """The whole holds; with any one of the window's demands out of reach it does not."""
    met = (
        "at least 7d and 100 sessions",
        "quiet for 72h",
        "must see one llm call, one tool error",
        "expect fewer than 0.5 new syscalls per run",
    )
    unmet = (
        ("at least 7d and 100 sessions", "at least 60d and 100 sessions"),
        ("at least 7d and 100 sessions", "at least 7d and 121 sessions"),
        ("quiet for 72h", "quiet for 40d"),
        ("one llm call", "2 llm call"),
        ("one tool error", "one tool denial"),
        ("0.5 new syscalls", "0.5 new syscalls, 0.1 new tools"),
    )
    said = {"llm call": 1, "tool error": 1}
    recorded = profile(
        [run(i, behaviours=tuple(sorted(said.items())) if i == 0 else ()) for i in range(ENOUGH)],
        [{"syscalls": [call("read")]}] * ENOUGH,
    )
    whole = "\n  ".join(met)
    assert judged(recorded, by=demo(window=whole)).converged
    old, new = unmet[missing]
    assert old in whole
    one = judged(recorded, by=demo(window=whole.replace(old, new)))
    assert not one.converged
    assert len(reasons(one)) == 1


@pytest.mark.parametrize(
    ("tier", "days"), [("observe", 7), ("assist", 14), ("act", 21), ("autonomous", 28), ("", 28)]
)
def test_the_tier_sets_the_time_m77(tier: str, days: int) -> None:
    assert tier_seconds(tier, ("observe", "assist", "act", "autonomous")) == days * DAY


def test_more_autonomy_never_asks_for_less_time_m77() -> None:
    for number in range(1, 9):
        tiers = tuple(f"t{i}" for i in range(number))
        asked = [tier_seconds(tier, tiers) for tier in tiers]
        assert asked == sorted(asked)
        assert asked[-1] == 28 * DAY


def test_the_class_has_the_last_word_about_the_window_m7() -> None:
    """An agent that learns under a shorter window is held to its class's."""
    more = "window long {\n  at least 60d\n}\n"
    checked = policy(
        lines='  learn under standard since 2026-08-01 from "p/*.json"\n',
        members="  window long",
        window="at least 1d",
        more=more,
    )
    one = judged(steady(ENOUGH), by=checked)
    assert one.demand.windows == ("standard", "long")
    assert codes(one) == {"PC3203"}


# -- operating modes and behaviours --------------------------------------------------


@pytest.mark.parametrize(
    ("line", "mode"),
    [
        ('  allow tool tracker: read because "R"', "tool call"),
        ('  allow model anthropic/* because "R"', "llm call"),
    ],
)
def test_every_operating_mode_must_be_seen_m77(line: str, mode: str) -> None:
    by = demo(lines=line)
    unseen = judged(steady(ENOUGH), by=by)
    assert codes(unseen) == {"PC3205"}
    said = steady(ENOUGH, behaviours=((mode, 1),))
    assert judged(said, by=by).converged


def test_what_items_show_of_behaviours() -> None:
    window = "must see 3 tool call, one tool error, one restart, one rollout, one approval"
    seen = {"syscalls": [call("read")], "tools": [tool("tracker", "read")]}
    runs = [run(i, template_hash="a" if i < 60 else "b") for i in range(ENOUGH)]
    one = judged(profile(runs, [seen] * ENOUGH), by=demo(window=window))
    answers = {b.name: (b.answer.value, b.seen) for b in one.behaviours}
    assert answers == {
        "tool call": ("seen", ENOUGH),
        "restart": ("seen", ENOUGH - 1),
        "rollout": ("seen", 1),
        "tool error": ("not decidable", 0),
        "approval": ("not decidable", 0),
    }
    assert codes(one) == {"PC3205"}


def test_a_delegation_is_a_connection_to_the_delegates_pods_m77() -> None:
    mate = """agent mate is base {
  workload Deployment demo/mate container main
  identity demo/mate
}
"""
    by = demo(lines="  delegates to mate\n", more=mate)
    labels = (("policyc.dev/agent", "mate"), ("pod-template-hash", "5d8f"))
    for namespace, found in (("demo", set()), ("elsewhere", {"PC3204"})):
        peer: tuple[tuple[str, Value], ...] = (
            ("protocol", "tcp"),
            ("port", 8080),
            ("namespaceLabels", (("kubernetes.io/metadata.name", namespace),)),
            ("podLabels", labels),
        )
        one = judged(steady(ENOUGH, {"syscalls": [call("read")], "egress": [peer]}), by=by)
        assert codes(one) == found


def test_a_tool_that_was_recorded_and_not_called_often_enough() -> None:
    seen = {"syscalls": [call("read")], "tools": [tool("tracker", "read")]}
    runs = [run(i) for i in range(ENOUGH)]
    one = judged(profile(runs, [seen] * ENOUGH), by=demo(window="must see 121 tool call"))
    assert codes(one) == {"PC3204"}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_run_can_state_every_behaviour(behaviour: str) -> None:
    by = demo(window=f"must see 3 {behaviour}")
    stated = steady(ENOUGH, behaviours=((behaviour, 1),))
    assert judged(stated, by=by).converged
    assert f"`{behaviour}`" in {r.message.split("3 ")[1].split(",")[0] for r in reasons(judged(steady(1), by=by)) if r.code in ("PC3204", "PC3205")}  # fmt: skip


# -- partial and lossy ---------------------------------------------------------------

PARTIAL = st.sampled_from(
    [
        {"coverage": "attached-late"},
        {"hooks_missing": frozenset({"sys_enter"})},
        {"hooks_missing": frozenset({"a/hook/nobody/knows"})},
        {"blind": frozenset({"syscalls: compat calls"})},
        {"blind": frozenset({"kata"})},
        {"loss": (("syscalls", 1),)},
    ]
)
CALLS = st.frozensets(st.sampled_from(("read", "write", "openat", "futex", "getpid")))


@given(
    st.integers(60, ENOUGH + 30),
    st.sampled_from((0, 3, 40)),
    st.lists(st.tuples(PARTIAL, CALLS, st.integers(0, 300)), min_size=1, max_size=3),
)
@settings(max_examples=30)
def test_partial_and_lossy_runs_only_widen(
    number: int, late: int, partial: list[tuple[dict[str, object], frozenset[str], int]]
) -> None:
    seen = [{"syscalls": [call("read"), *([call("futex")] if i == late else [])]} for i in range(number)]  # fmt: skip
    whole = profile([run(i) for i in range(number)], seen)
    before = judged(whole)
    extra = [
        profile(
            [replace(run(at, **fields), id=f"partial-{i}")],
            [{"syscalls": [call(name) for name in sorted(calls)]}],
        )
        for i, (fields, calls, at) in enumerate(partial)
    ]
    after = judged(whole, *extra)
    assert before.converged or not after.converged
    assert set(codes(before)) <= set(codes(after))
    for old in before.domains:
        new = row(after, old.domain)
        assert new.items >= old.items
        assert new.runs == old.runs
        assert (new.expected or 0) >= (old.expected or 0)
        assert new.limit >= old.limit
    assert (after.seconds, after.sessions) == (before.seconds, before.sessions)
    assert after.quiet_seconds <= before.quiet_seconds


def test_a_lossy_domain_is_never_converged() -> None:
    runs = [run(i, loss=(("syscalls", 1),) if i == 7 else ()) for i in range(ENOUGH * 3)]
    one = judged(profile(runs, [{"syscalls": [call("read")]}] * len(runs)))
    assert row(one, "syscalls").runs == len(runs) - 1
    assert row(one, "syscalls").limit < 0.05
    assert codes(one) == {"PC3206"}


def test_runs_that_do_not_say_where_they_began_count_and_do_not_convince() -> None:
    one = judged(steady(ENOUGH, coverage="unknown"))
    assert row(one, "syscalls").runs == ENOUGH
    assert codes(one) == {"PC3207"}


def test_an_audit_log_knows_the_whole_of_what_it_logs() -> None:
    values = (("verb", "get"), ("resource", "configmaps"), ("namespace", "demo"))
    logged = steady(ENOUGH, {"kube": [values]}, coverage="unknown")
    account = replace(logged, workload=None, identity="demo/bot")
    one = judged(account)
    assert row(one, "kube").converged
    assert {r.message.split("`")[1] for r in reasons(one)} == {"syscalls"}, (
        "no container was recorded"
    )
    assert judged(account, steady(ENOUGH)).converged


def test_a_hook_that_saw_nothing_is_a_run_of_its_domain() -> None:
    """An agent that calls no tool converges to none, where a recorder looked."""
    watched = frozenset({"tp_btf/sys_enter", "cgroup/connect4", "cgroup/connect6"})
    by = demo(window="expect fewer than 0.1 new egress per run")
    assert judged(steady(ENOUGH, hooks_attached=watched), by=by).converged
    assert codes(judged(steady(ENOUGH), by=by)) == {"PC3202"}


@pytest.mark.parametrize(
    ("unseen", "code"),
    [
        ({"hooks_missing": frozenset({"cgroup/connect4"})}, "PC3202"),
        ({"blind": frozenset({"egress: SCTP"})}, "PC3202"),
        ({"blind": frozenset({"egress: IPv6 peers that it connects to"})}, "PC3202"),
        ({"loss": (("egress", 1),)}, "PC3206"),
    ],
)
def test_what_no_run_could_see_has_not_converged_m45(unseen: dict[str, object], code: str) -> None:
    """Nothing of the domain was seen, and nothing of it could have been: that is no empty set."""
    one = judged(steady(ENOUGH, **unseen))
    assert row(one, "syscalls").converged
    assert code in codes(one)
    assert {r.message.split("`")[1] for r in reasons(one)} == {"egress"}
    without = policy("syscalls profile runtime-default\n    identity service-account *\n", lines=LEARN, members="", window="at least 1d")  # fmt: skip
    assert judged(steady(ENOUGH, **unseen), by=without).converged, "no cap has room for it"


def test_a_blind_spot_keeps_only_its_domain_from_converging_m45() -> None:
    seen = {"syscalls": [call("read")], "tools": [tool("hub", "a")], "files": [file("/etc/hosts")]}
    blind = frozenset({"tools: messages in HTTP/2"})
    one = judged(steady(ENOUGH, seen, blind=blind))
    assert {r.message.split("`")[1] for r in reasons(one)} == {"tools", "together"}
    assert row(one, "files").converged
    unknown = judged(steady(ENOUGH, seen, blind=frozenset({"what a cloud does"})))
    assert not row(unknown, "files").converged, "words without a domain might be about any"


def test_a_peer_that_never_answered_is_nothing_that_the_agent_does() -> None:
    far = (("protocol", "tcp"), ("port", 443), ("address", "192.0.2.9"))
    tried = (*far, ("unanswered", True))
    near = {"egress": [host("near.example")]}
    seen = [{"egress": [*near["egress"], *[tried] * (i == ENOUGH - 1)]} for i in range(ENOUGH)]
    one = judged(profile([run(i) for i in range(ENOUGH)], seen))
    assert row(one, "egress") == row(judged(steady(ENOUGH, near)), "egress")
    made = [{"egress": [far if values is tried else values for values in s["egress"]]} for s in seen]  # fmt: skip
    again = judged(profile([run(i) for i in range(ENOUGH)], made))
    assert row(again, "egress") != row(one, "egress")


def test_a_try_that_seccomp_refused_is_nothing_that_the_agent_does() -> None:
    """Else one try of an attacker would keep an agent from its stage for weeks."""
    tried = (*call("memfd_create"), ("denied", True))
    seen = [{"syscalls": [call("read")] + [tried] * (i == ENOUGH - 1)} for i in range(ENOUGH)]
    one = judged(profile([run(i) for i in range(ENOUGH)], seen))
    assert one.converged
    assert row(one, "syscalls") == row(judged(steady(ENOUGH)), "syscalls")
    made = [{"syscalls": [call("read")] + [call("memfd_create")] * ("denied" in str(s))} for s in seen]  # fmt: skip
    assert not judged(profile([run(i) for i in range(ENOUGH)], made)).converged


def test_the_recorders_words_begin_with_a_domain() -> None:
    """Words about no domain may be about any, and would keep all from converging."""
    for without in OPTIONAL.values():
        for words in without.spots:
            assert blind_domain(words, DOMAIN_FIELDS) is not None, words


# -- generalising --------------------------------------------------------------------


def volatile(number: int) -> AgentProfile:
    """Runs that each open a file below a name of their own, as pods do."""
    seen = [
        {"syscalls": [call("read")], "files": [file(f"/proc/{100 + i}/stat"), file("/etc/hosts")]}
        for i in range(number)
    ]
    return profile([run(i) for i in range(number)], seen)


@pytest.mark.parametrize("number", [9, 50, 200])
def test_raw_paths_are_never_called_converged(number: int) -> None:
    one = judged(volatile(number))
    raw, typed = row(one, AS_RECORDED), row(one, "files")
    assert raw.expected == 1
    assert raw.limit == 1.0
    assert not raw.converged
    assert typed.expected == 0
    assert one.converged == (number == 200)


def test_raw_paths_that_repeat_are_not_called_converged_either() -> None:
    one = judged(steady(200, {"syscalls": [call("read")], "files": [file("/etc/hosts")]}))
    assert one.converged
    assert not row(one, AS_RECORDED).converged


def test_equivalent_calls_are_one_thing() -> None:
    seen = [{"syscalls": [call(("open", "openat", "openat2")[i % 3])]} for i in range(ENOUGH)]
    one = judged(profile([run(i) for i in range(ENOUGH)], seen))
    assert row(one, "syscalls").items == 1
    assert one.converged


# -- one template, many pods ---------------------------------------------------------


def pods(rng: random.Random, number: int) -> list[AgentProfile]:
    """Short-lived pods of one template: each its own run, on some node, all doing the same work."""
    seen = {"syscalls": [call("read"), call("write")], "egress": [host("api.example.com")]}
    made = [
        profile([run(i, 0.5, node=rng.choice("abc"), id=f"pod-{rng.getrandbits(40):x}")], [seen])
        for i in range(number)
    ]
    rng.shuffle(made)
    return made


def test_fifty_short_lived_pods_give_one_digest_m19() -> None:
    digests = {
        judged(*pods(random.Random(seed), number)).baseline
        for seed, number in enumerate((50, 50, 50, 49, 1))
    }
    assert len(digests) == 1
    other = profile([run(0)], [{"syscalls": [call("read")]}])
    assert judged(other).baseline not in digests


def test_the_judgement_is_free_of_order_shards_and_repetition_m19() -> None:
    for seed in range(5):
        rng = random.Random(seed)
        made = pods(rng, 30)
        said = canonical_json(document([judged(*made)], []))
        (joined,) = join_profiles(made)
        halves = [*join_profiles(made[:11]), *join_profiles(made[11:])]
        for again in (made[::-1], [joined], halves, [*made, joined]):
            assert canonical_json(document([judged(*again)], [])) == said


# -- real recordings -----------------------------------------------------------------


def redis() -> list[tuple[str, AgentProfile]]:
    require()
    found = []
    for path in sorted(REDIS.glob("*.yaml")):
        found += [(path.name, p) for p in read_profiles(path.name, path.read_bytes()).value]
    return found


def test_the_redis_family_m29() -> None:
    checked = policy(workload="StatefulSet bob/bob-redis-master container redis")
    family = redis()
    assert len(family) == 16
    one = assess(checked.agents[0], checked, family)
    for verdict in one.domains:
        for point in verdict.series:
            if point.runs >= 8:
                assert abs(point.predicted - point.actual) <= Fraction(3, 10), verdict.domain
        assert verdict.calibration is not None
        assert not verdict.calibration.in_order  # Kubescape's objects do not say when they began
        assert verdict.calibration.miss <= Fraction(1, 2), verdict.domain
        assert not verdict.converged
    raw, typed = row(one, AS_RECORDED), row(one, "files")
    assert (raw.items, raw.once, raw.expected) == (84, 48, 3)
    assert (typed.items, typed.once, typed.expected) == (39, 0, 0)
    assert "PC3207" in codes(one)  # complete by a timer, and from an unknown beginning


def test_leaving_each_redis_run_out_agrees_with_the_prediction_m29() -> None:
    """Leaving each of the sixteen out: what f1/k of the others says of it, against what it brings."""
    checked = policy(workload="StatefulSet bob/bob-redis-master container redis")
    family = redis()
    misses = []
    whole = assess(checked.agents[0], checked, family)
    for left_out in range(16):
        others = assess(checked.agents[0], checked, family[:left_out] + family[left_out + 1 :])
        came = row(whole, "syscalls").items - row(others, "syscalls").items
        predicted = row(others, "syscalls").expected
        assert predicted is not None
        misses.append(came - predicted)
    assert abs(sum(misses) / 16) <= Fraction(1, 2)
    assert row(whole, "syscalls").items == 91


# -- the staging track ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "found"), [("sha256:" + "ab" * 32, set()), ("", {"PC3210"}), ("other", {"PC3210"})]
)
def test_a_staging_baseline_is_of_one_build_m31(image: str, found: set[str]) -> None:
    checked = policy(lines='  pre-enforced from staging "p/*.json"\n')
    runs = [run(i) for i in range(ENOUGH)]
    runs[-1] = replace(runs[-1], image_digest=image)
    one = judged(profile(runs, [{"syscalls": [call("read")]}] * ENOUGH), by=checked)
    assert one.environment == "staging"
    assert codes(one) == found


def test_findings_point_at_what_is_learnt_from() -> None:
    checked = demo()
    agent = checked.agents[0]
    said = findings(agent, judged(steady(1), by=checked))
    assert {d.code for d in said} == {"PC3202", "PC3203"}
    assert agent.learning is not None
    assert all(d.span == agent.learning.span and d.help for d in said)
    assert judged(by=checked).reasons[0].code == "PC3209"


def test_what_ended_before_since_is_no_evidence() -> None:
    early: list[Run] = [replace(run(i), start="2026-07-01T00:00:00Z", end="2026-07-02T00:00:00Z", id=f"x{i}") for i in range(3)]  # fmt: skip
    old = profile(early, [{"syscalls": [call("getpid")]}] * 3)
    assert canonical_json(document([judged(old, steady(ENOUGH))], [])) == canonical_json(
        document([judged(steady(ENOUGH))], [])
    )
    assert time(0) == "2026-08-01T00:00:00Z"
    assert WORKLOAD.name == "bot"


@pytest.mark.parametrize("wanted", [130, 131])
def test_a_count_is_no_sum_over_runs_and_is_not_added_to_them(wanted: int) -> None:
    """Written as what one run saw or as a sum, it is at least what was seen, and not twice it."""
    seen = {"syscalls": [call("read")], "tools": [tool("tracker", "read")]}
    one = profile([run(i) for i in range(130)], [seen] * 130)
    (item,) = one.items["tools"]
    summed = replace(one, items={**one.items, "tools": (replace(item, count=130),)})
    (found,) = judged(summed, by=demo(window=f"must see {wanted} tool call")).behaviours
    assert (found.seen, found.answer) == (130, "seen" if wanted == 130 else "not seen")


def test_a_count_of_a_run_that_is_no_evidence_counts_for_none() -> None:
    seen = {"syscalls": [call("read")], "tools": [tool("tracker", "read")]}
    old = run(0, start="2026-07-01T00:00:00Z", end="2026-07-01T05:00:00Z")
    one = profile([old, run(1)], [seen] * 2)
    (item,) = one.items["tools"]
    counted = replace(one, items={**one.items, "tools": (replace(item, count=50),)})
    (found,) = judged(counted, by=demo(window="must see 3 tool call")).behaviours
    assert found.seen == 1


@pytest.mark.parametrize(
    ("window", "asked_by"), [("at least 6d", "tier `low`"), ("at least 8d", "window `standard`")]
)
def test_who_asks_for_the_time_is_named(window: str, asked_by: str) -> None:
    one = judged(steady(2), by=policy(lines=LEARN, window=window))
    days = "7d" if "tier" in asked_by else "8d"
    assert f"{days} are asked for by {asked_by}" in reasons(one)[0].message
