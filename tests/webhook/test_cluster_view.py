"""The cluster view: it follows a server, survives its faults, and knows what it does not know."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster
from support.api_server import ApiServer

from policyc.admission.view import WATCHED, View
from policyc.kube.client import connect
from webhook.cluster_view import ClusterView
from webhook.logs import Talk

LABELLED = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new", "labels": {"a": "b"}}}  # fmt: skip


class Clock:
    """Seconds that pass when the test says so; also a place to wait for the threads of a view."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._tick = threading.Condition()

    def __call__(self) -> float:
        return self.seconds


def started(server: ApiServer, folder: Path, clock: Clock, stale: float = 100) -> ClusterView:
    view = ClusterView(connect(server.kubeconfig(folder)), WATCHED, stale, Talk(), clock)
    view.start()
    wait(lambda: view.is_primed)
    clock.seconds += 1  # past the time in which changes are gathered
    return view


def wait(is_so: Any) -> None:
    """Until a thread has done what it must; a test that waits for ever has failed."""
    pause = threading.Event()
    for _ in range(12_000):
        if is_so():
            return
        pause.wait(0.005)
    raise AssertionError("it never came to be")


def test_before_the_first_list_nothing_is_known(tmp_path: Path) -> None:
    with ApiServer() as server:
        view = ClusterView(connect(server.kubeconfig(tmp_path)), WATCHED, 100, Talk(), Clock())
        assert view.view().unknown == WATCHED
        assert not view.is_primed


def test_it_holds_what_the_server_holds(tmp_path: Path) -> None:
    with ApiServer(cluster()) as server:
        clock = Clock()
        follower = started(server, tmp_path, clock)
        view, expected = follower.view(), View.of(cluster())
        assert view.unknown == frozenset()
        for kind in WATCHED:
            assert list(view.all(*kind)) == list(expected.all(*kind))
        follower.stop()


def test_what_is_nested_deeply_is_listed_too(tmp_path: Path) -> None:
    """Deeper than the fast parser goes: one such object must not keep its kind from being known."""
    deep: Any = {}
    for _ in range(400):
        deep = {"a": deep}
    body = {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "agents", "name": "deep"}, "deep": deep,
    }  # fmt: skip
    with ApiServer([*cluster(), body]) as server:
        follower = started(server, tmp_path, Clock())
        assert body in list(follower.view().all("", "ConfigMap"))
        follower.stop()


def test_changes_make_new_views_and_leave_the_old_as_they_were(tmp_path: Path) -> None:
    with ApiServer(cluster()) as server:
        clock = Clock()
        follower = started(server, tmp_path, clock)
        before = follower.view()
        assert follower.view() is before
        server.put(LABELLED)

        def after() -> View:
            clock.seconds += 1
            return follower.view()

        wait(lambda: after().get("", "Namespace", "", "new"))
        assert after().namespace_labels("new")["a"] == "b"
        assert before.get("", "Namespace", "", "new") is None
        server.remove(LABELLED)
        wait(lambda: after().get("", "Namespace", "", "new") is None)
        follower.stop()


def test_only_the_kind_that_changed_is_copied(tmp_path: Path) -> None:
    with ApiServer(cluster()) as server:
        clock = Clock()
        follower = started(server, tmp_path, clock)
        before = follower.view()
        server.put(LABELLED)

        def is_new() -> bool:
            clock.seconds += 1
            return follower.view() is not before

        wait(is_new)
        after = follower.view()
        for kind in WATCHED - {("", "Namespace")}:
            same = zip(after.all(*kind), before.all(*kind), strict=True)
            assert all(new is old for new, old in same)
        follower.stop()


def test_a_kind_without_word_becomes_unknown_and_returns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "webhook")
    with ApiServer(cluster()) as server:
        clock = Clock()
        follower = started(server, tmp_path, clock)
        assert follower.view().unknown == frozenset()
        server.lose()
        clock.seconds += 1000
        assert follower.view().unknown == WATCHED
        server.come_back()
        wait(lambda: all(follower.age_seconds(kind) == 0 for kind in WATCHED))
        clock.seconds += 1
        assert follower.view().unknown == frozenset()
        assert follower.faults() == {}
        follower.stop()
    said = [r.levelname for r in caplog.records if r.message == "what is known has changed"]
    assert said == ["INFO", "WARNING", "INFO"], "that all is known again is no alarm"


def test_a_bookmark_is_word_enough(tmp_path: Path) -> None:
    with ApiServer(cluster()) as server:
        clock = Clock()
        follower = started(server, tmp_path, clock)
        clock.seconds += 90
        server.bookmark()
        wait(lambda: all(follower.age_seconds(kind) == 0 for kind in WATCHED))
        clock.seconds += 90
        assert follower.view().unknown == frozenset()
        follower.stop()


@pytest.mark.parametrize("forgetful", [False, True], ids=["same-version", "410-gone"])
def test_what_happened_while_the_server_was_away_is_seen(tmp_path: Path, forgetful: bool) -> None:
    with ApiServer(cluster()) as server:
        clock = Clock()
        follower = started(server, tmp_path, clock)
        server.lose()
        wait(lambda: len(follower.faults()) == len(WATCHED))
        server.put(LABELLED)
        server.come_back(forgetful=forgetful)

        def sees() -> bool:
            clock.seconds += 1
            return follower.view().get("", "Namespace", "", "new") is not None

        wait(sees)
        follower.stop()


def test_410_in_a_running_process_lists_again(tmp_path: Path) -> None:
    with ApiServer(cluster()) as server:
        clock = Clock()
        follower = started(server, tmp_path, clock)
        lists = server.lists
        server.come_back(forgetful=True)
        server.break_watches()
        wait(lambda: server.lists >= lists + len(WATCHED))
        follower.stop()


def test_a_kind_that_we_may_not_list_is_named_and_stays_unknown(tmp_path: Path) -> None:
    with ApiServer(cluster()) as server:
        server.forbidden.add(("", "ConfigMap"))
        clock = Clock()
        view = ClusterView(connect(server.kubeconfig(tmp_path)), WATCHED, 100, Talk(), clock)
        view.start()
        wait(view.faults)
        assert "forbidden" in view.faults()["ConfigMap"]
        assert not view.is_primed
        assert ("", "ConfigMap") in view.view().unknown
        view.stop()
