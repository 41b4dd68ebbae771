"""The guard of one configuration, against an API server of one object."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest
from support.catalogue import case, of
from support.webhooks import OneObject

from policyc.catalog.default_roles import BOUND_TO_EVERYBODY
from policyc.deploy.configurations import GROUP, SERIAL, Target, validating
from policyc.deploy.drift import drift, namespaces, serial
from policyc.deploy.reach import Reach, written
from policyc.kube.client import Resource
from webhook.guard import Guard, extended
from webhook.logs import Talk

__all__ = ["case"]  # a fixture of every test here
Json = Any  # documents of the API
KIND = Resource(GROUP, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration")


class Replica:
    """A guard with a bundle and a clock that tests set."""

    def __init__(self, store: OneObject, serial: int, *spaces: str) -> None:
        self.serial, self.spaces, self.now = serial, spaces, 0.0
        self.reach = Reach()
        self.alarms: list[tuple[str, ...]] = []
        self.guard = Guard(
            store,
            KIND,
            lambda ca, more, reach: validating(extended(Target(self.spaces), ca, more, reach)),
            lambda: self.serial,
            60,
            None,
            self.alarms.append,
            Talk(),
            lambda: self.reach,
            lambda: self.now,
        )


@of("J8-behind")
def test_a_replica_that_is_behind_says_so_and_undoes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = OneObject()
    old, new = Replica(store, 5, "agents"), Replica(store, 6, "agents", "more")
    old.guard.look()
    new.guard.look()
    writes = store.writes
    for _ in range(5):
        old.guard.look()
        new.guard.look()
    assert store.writes == writes
    assert namespaces(store.live) >= {"agents", "more"}
    assert (serial(store.live), old.guard.behind_seconds(), new.guard.behind_seconds()) == (6, 0, 0)
    caplog.clear()
    for old.now in (59, 61, 90):
        old.guard.look()
    said = [r for r in caplog.records if r.message == "another replica has a newer bundle"]
    assert [r.levelno for r in said] == [logging.ERROR]
    assert old.guard.behind_seconds() == 90
    old.serial, old.spaces = 6, ("agents", "more")
    old.guard.look()
    assert old.guard.behind_seconds() == 0
    assert store.writes == writes


@of("J8-claimed")
def test_a_claim_to_be_newer_takes_nothing_out(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody who writes the highest serial himself: what the bundle needs is put back."""
    store = OneObject()
    replica = Replica(store, 5, "agents", "mcp")
    replica.guard.look()
    right = store.live
    store.live = validating(Target(("agents", "x"), ca_bundle="Q0E="))
    store.live["webhooks"][0]["failurePolicy"] = "Ignore"
    store.live["metadata"] |= {"resourceVersion": "9", "annotations": {SERIAL: "9" * 16}}
    replica.guard.look()
    assert replica.alarms[-1]
    assert namespaces(store.live) >= {"agents", "mcp", "x"}
    assert {e["failurePolicy"] for e in store.live["webhooks"]} == {
        e["failurePolicy"] for e in right["webhooks"]
    }
    replica.guard.look()
    assert len(replica.alarms) == 2


def test_a_claim_to_more_namespaces_than_fit_is_passed_over() -> None:
    """Whoever writes them there must not keep the guard from putting anything right."""
    store = OneObject()
    replica = Replica(store, 5, "agents")
    replica.guard.look()
    right = store.live
    store.live = copy.deepcopy(right)
    names = [f"team-{i:05d}-agents" for i in range(4000)]
    chosen = store.live["webhooks"][0]["namespaceSelector"]["matchExpressions"][0]
    chosen["values"] = [*names, "agents"]
    store.live["metadata"] |= {"annotations": {SERIAL: "9" * 16}}
    replica.guard.look()
    assert drift(store.live, right) == ()


@pytest.mark.parametrize("text", ["", "0", "-1", "1e9", "9" * 17, "x", 7, None])
@of("J8-no-serial")
def test_what_is_no_serial_is_written_over(text: Json) -> None:
    store = OneObject()
    replica = Replica(store, 5, "agents")
    replica.guard.look()
    store.live["metadata"]["annotations"] = {SERIAL: text}
    replica.guard.look()
    assert serial(store.live) == 5
    assert len(replica.alarms) == 1, "it was made once, and nothing had to be put right"


def test_what_reaches_agents_is_followed_and_is_no_alarm() -> None:
    """Names are added as replicas hear of them; none takes out what it has not heard of."""
    store = OneObject()
    one, other = Replica(store, 5, "agents"), Replica(store, 5, "agents")
    one.guard.look()
    one.reach = Reach.of({"view"}, {"team"})
    one.guard.look()
    assert written(store.live) >= one.reach
    writes = store.writes
    other.guard.look()
    assert store.writes == writes
    other.reach = Reach.of({"shared/reader"}, ())
    for replica in (other, one, other):
        replica.guard.look()
    assert written(store.live) >= one.reach | other.reach
    assert store.writes == writes + 1
    assert [*map(len, (one.alarms, other.alarms))] == [1, 0], "it was made once"


@pytest.mark.parametrize("entry", ["grants", "others", "labels", "elsewhere", ""])
def test_names_that_are_taken_out_return_with_an_alarm(entry: str) -> None:
    """Out of one entry, or out of all: then the configuration is as right as a new one."""
    store = OneObject()
    replica = Replica(store, 5, "agents")
    replica.reach = Reach.of({"view"}, {"team"})
    replica.guard.look()
    right = store.live
    store.live = copy.deepcopy(right)
    broken = [w for w in store.live["webhooks"] if entry in ("", w["name"].partition(".")[0])]
    for one in (one for w in broken for one in w.get("matchConditions", ())):
        one["expression"] = one["expression"].replace("'view'", "'x'").replace("'team'", "'x'")
    alarms = len(replica.alarms)
    replica.guard.look()
    assert len(replica.alarms) == alarms + 1
    assert written(store.live) >= replica.reach
    assert drift(store.live, validating(Target(("agents",), reach=written(store.live)))) == ()


def test_what_reaches_agents_no_more_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    """Not at once, for another replica may know more; and only while all is known."""
    store = OneObject()
    one, other = Replica(store, 5, "agents"), Replica(store, 5, "agents")
    one.reach = other.reach = Reach.of({f"mcp/r{i}" for i in range(4000)}, {"team"})
    one.guard.look()
    assert (one.guard.wildcards, written(store.live).wildcards) == (1, {"mcp/*"})
    assert [r.levelno for r in caplog.records if "too many" in r.message] == [logging.ERROR]
    partial = Reach(is_whole=False)
    for one.reach, one.now in ((partial, 1000), (partial, 2000), (Reach.of({"mcp/a"}, ()), 3000)):
        one.guard.look()
        assert written(store.live).wildcards == {"mcp/*"}
    one.now = 3299
    one.guard.look()
    assert written(store.live).wildcards == {"mcp/*"}
    one.now = 3300
    one.guard.look()
    assert (one.guard.wildcards, written(store.live).wildcards) == (0, frozenset())
    assert written(store.live) == one.reach | Reach.of(BOUND_TO_EVERYBODY, ())
    other.reach = one.reach
    other.guard.look()
    writes = store.writes
    for replica in (one, other, one):
        replica.now = 9999
        replica.guard.look()
    assert store.writes == writes, "what everybody has always stands there"
    assert [*map(len, (one.alarms, other.alarms))] == [1, 0], "it was made once"


@of("J1")
def test_what_is_gone_is_made_again(caplog: pytest.LogCaptureFixture) -> None:
    store = OneObject()
    replica = Replica(store, 5, "agents")
    replica.guard.look()
    right, store.live = store.live, None
    replica.guard.look()
    assert drift(store.live, right) == ()
    assert serial(store.live) == 5
    assert len(replica.alarms) == 2


def test_an_unsigned_bundle_has_no_serial_to_tell() -> None:
    store = OneObject()
    Replica(store, 0, "agents").guard.look()
    assert SERIAL not in store.live["metadata"].get("annotations", {})
    newer = Replica(store, 3, "agents")
    newer.guard.look()
    assert serial(store.live) == 3
