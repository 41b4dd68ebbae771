"""Faults of the process while 500 reviews a second arrive.

After each of them: no wrong answer, and no answer without its one record in a log that verifies.
"""

from __future__ import annotations

import itertools
import json
import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.admission import pod, request
from support.catalogue import case, of
from support.load import IS_LONG, LONGER, Load
from support.memory_cgroup import memory_cgroup
from support.stand import Stand, release, standing
from support.webhook import review

__all__ = ["case"]  # a fixture of every test here
MIB = 2**20
DOWN = {
    ("connect", "ConnectionRefusedError"),
    ("connect", "ConnectionResetError"),
    ("connect", "ConnectionAbortedError"),
    ("exchange", "IncompleteReadError"),
    ("exchange", "ConnectionResetError"),
    ("exchange", "BrokenPipeError"),
}
"""What clients see of a process that was killed: none of it admits anything."""

NO_LOG = {"AUDIT_UNAVAILABLE"}


@of("K1")
def test_killed_and_started_again(tmp_path: Path) -> None:
    with standing(tmp_path, log_strict=True) as stand:
        with stand.load() as load:
            for _ in range(2 * LONGER):
                load.go_on(0.6)
                stand.webhook.daemon.kill()
                stand.webhook.start()
            load.go_on(0.6)
        # Clients come before it is ready: it says that it does not know the cluster yet.
        load.check(excuses=["STATE_UNKNOWN"], faults=DOWN)
        assert any(answer.fault for answer in load.answers)
        stand.check_log(load.answers)


@of("K2")
def test_told_to_end_it_serves_on_until_nobody_comes(tmp_path: Path) -> None:
    """The endpoint goes late, as it does in a cluster: meanwhile nothing is refused."""
    with standing(tmp_path / "a", drain_seconds=4) as ends, standing(tmp_path / "b") as stays:
        with Load(ends.webhook, stays.webhook, trusted=trusting(ends, stays)) as load:
            process = ends.webhook.daemon._process
            assert process is not None
            ends.webhook.signal(signal.SIGTERM)
            ends.webhook.wait_until(lambda: ends.webhook.probe("/readyz")[0] == 503)
            load.go_on(0.3, ends.webhook.port)
            assert ends.webhook.probe("/healthz")[0] == 200
            load.use(stays.webhook)
            assert process.wait(60) == 0
            load.go_on(0.3)
        load.check()
        for stand in (ends, stays):
            stand.check_log(load.answers)


def trusting(*stands: Stand) -> Path:
    """The authorities of all of them in one file."""
    first = stands[0].webhook
    path = first.folder / "all.crt"
    path.write_text("".join(stand.webhook.trusted.read_text() for stand in stands))
    return path


@of("K5")
def test_a_replica_that_hangs_costs_what_waits_for_it_and_no_more(tmp_path: Path) -> None:
    with standing(tmp_path / "a") as hangs, standing(tmp_path / "b") as other:
        both = trusting(hangs, other)
        with Load(hangs.webhook, other.webhook, seconds=1, trusted=both) as load:
            hangs.webhook.signal(signal.SIGSTOP)
            load.until(lambda new: any(answer.fault for answer in new))
            load.go_on(0.3 * LONGER, other.webhook.port)
            hangs.webhook.signal(signal.SIGCONT)
            load.go_on(0.3, hangs.webhook.port)
        late = {("connect", "TimeoutError"), ("exchange", "TimeoutError")}
        load.check(faults=late)
        assert all(a.port == hangs.webhook.port for a in load.answers if a.fault)
        for stand in (hangs, other):
            stand.check_log(load.answers)


@of("K7")
def test_what_is_too_much_is_refused_at_once_and_in_so_many_words(tmp_path: Path) -> None:
    """Sixty-four clients at a time, where the server takes eight reviews, and asks no pace."""
    with standing(tmp_path, max_concurrent=8) as stand:
        with stand.load() as load:
            load.go_on(0.5)
        load.check(excuses=["OVERLOADED"])
        before = stand.resident_bytes()
        with stand.load(rate=0, connections=64) as crowd:
            crowd.go_on(3 * LONGER)
            crowd.until_each_was_right()
        crowd.check(excuses=["OVERLOADED"])
        refused = [a for a in crowd.answers if "OVERLOADED" in a.reasons]
        assert refused
        assert all("try again" in a.response["status"]["message"] for a in refused)
        assert stand.resident_bytes() - before < 16 * MIB
        assert stand.webhook.metric("policyc_http_backlog") == 0
        stand.check_log([*load.answers, *crowd.answers])


@of("K11")
def test_a_disk_that_fills_up_and_is_freed(tmp_path: Path) -> None:
    """No file of the process may grow: write(2) fails as on a full disk."""
    with standing(tmp_path, log_strict=True) as stand:
        _, most = resource.prlimit(stand.webhook.pid, resource.RLIMIT_FSIZE)
        with stand.load() as load:
            load.check_right()
            size = (stand.log / "000001" / "records.jsonl").stat().st_size
            resource.prlimit(stand.webhook.pid, resource.RLIMIT_FSIZE, (size, most))
            load.until(lambda new: sum(bool(a.reasons & NO_LOG) for a in new) > 100)
            assert stand.webhook.metric("policyc_log_healthy") == 0
            resource.prlimit(stand.webhook.pid, resource.RLIMIT_FSIZE, (most, most))
            load.until(lambda new: sum(a.is_right() for a in new[-50:]) == 50)
        load.check(excuses=NO_LOG)
        assert stand.webhook.metric("policyc_log_healthy") == 1
        stand.check_log(load.answers)


LIMIT_BYTES = 128 * MIB
LONGEST = 16 * MIB
"""A longer review is refused unread."""


def annotated(text: str) -> bytes:
    """A good pod's review that is as long as any may be, by one text; Go escapes some characters."""
    body = pod()
    body["metadata"]["annotations"] = {"a": "$TEXT"}
    sent = json.dumps(review(request(body))).encode()
    piece = text.encode().replace(b"<", b"\\u003c")
    room = LONGEST - len(sent) - len(piece)
    return sent.replace(b"$TEXT", piece * (room // len(piece)))


LONG = {
    "plain": lambda: annotated("x"),
    "escaped": lambda: annotated("<"),
    "lines": lambda: annotated("key: a value of a usual length\\n"),
}


PATIENT = "/validate?timeout=30s"
"""One of them waits for the other, on a machine that has other work, too."""


def two_at_once(stand: Stand, sent: bytes) -> None:
    """Both are decided, whoever comes first."""
    with ThreadPoolExecutor(2) as pool:
        replies = [*pool.map(lambda body: stand.webhook.post(body, PATIENT), [sent, sent])]
    assert [reply.response["allowed"] for reply in replies] == [True, True]


@of("K15")
@pytest.mark.parametrize("shape", LONG)
def test_two_bodies_at_the_limit_fit_into_the_memory(tmp_path: Path, shape: str) -> None:
    sent = LONG[shape]()
    assert LONGEST - 100 < len(sent) <= LONGEST
    with standing(tmp_path, read_seconds=30) as stand:
        before = stand.resident_bytes()
        with stand.load() as load:
            for _ in range(2 * LONGER):
                two_at_once(stand, sent)
            load.go_on(0.5)
        load.check()
        assert stand.resident_bytes("VmHWM") < LIMIT_BYTES
        assert stand.resident_bytes() - before < 16 * MIB, "what was long has gone back"
        stand.check_log(load.answers)


@of("K15")
@pytest.mark.parametrize("value", ['{"a":1}', "[]", '"ab"'])
def test_values_that_would_not_fit_are_refused_unread(tmp_path: Path, value: str) -> None:
    body = pod()
    body["spec"]["x"] = "$VALUES"
    sent = json.dumps(review(request(body))).encode()
    count = (LONGEST - len(sent)) // (len(value) + 1)
    sent = sent.replace(b'"$VALUES"', f"[{','.join([value] * count)}]".encode())
    with standing(tmp_path) as stand:
        before = stand.resident_bytes()
        assert stand.webhook.post(sent).reasons == {"TOO_LARGE"}
        assert stand.webhook.post(sent).response["uid"]
        assert stand.resident_bytes("VmHWM") < LIMIT_BYTES
        assert stand.resident_bytes() - before < 16 * MIB


@of("K15")
@pytest.mark.system
def test_two_bodies_at_the_limit_survive_the_kernel_s(tmp_path: Path) -> None:
    """The kernel counts what it holds for the process, too: its sockets' buffers, files, tables."""
    sent = LONG["plain"]()
    with memory_cgroup() as small:
        (small.folder / small.limit).write_text(str(LIMIT_BYTES))
        with standing(tmp_path, under=small.entering, read_seconds=30) as stand:
            with stand.load() as load:
                for _ in range(2 * LONGER):
                    two_at_once(stand, sent)
            load.check()
            assert (small.folder / "cgroup.procs").read_text().split() == [str(stand.webhook.pid)]
            stand.check_log(load.answers)


@of("K16")
def test_a_thousand_bundles_one_after_the_other(tmp_path: Path) -> None:
    """As fast as they are taken up; the first fifth warms the process up."""
    wanted, serials = (1000 if IS_LONG else 100), itertools.count(2)
    with standing(tmp_path, poll_seconds=0.001) as stand:
        with stand.load(rate=200) as load:
            used = None
            while (loads := stand.webhook.metric("policyc_bundle_loads")) < wanted:
                if used is None and loads > wanted / 5:
                    used = stand.resident_bytes(), stand.open_files(), stand.threads()
                for serial in itertools.islice(serials, 10):
                    release(tmp_path / "bundle", serial)
        load.check()
        assert used is not None
        assert stand.resident_bytes() - used[0] < 12 * MIB
        assert stand.open_files() <= used[1] + 20, "a descriptor a connection, and no more"
        assert stand.threads() <= used[2]
        digests = {a.annotations["serial"]: a.annotations["bundle"] for a in load.answers}
        assert len(digests) > 20
        for answer in load.answers:
            assert answer.annotations["bundle"] == digests[answer.annotations["serial"]]
        stand.check_log(load.answers)


@of("K19")
def test_a_bundle_a_second(tmp_path: Path) -> None:
    """Builds replace each other while an object is judged: each decision names its one."""
    with standing(tmp_path, log_strict=True) as stand:
        digests = {}
        with stand.load() as load:
            for serial in range(2, 2 + 4 * LONGER):
                digests[str(serial)] = release(tmp_path / "bundle", serial)
                load.go_on(1)
        load.check()
        named = {(a.annotations["serial"], a.annotations["bundle"]) for a in load.answers}
        assert set(digests.items()) <= named
        assert len(named) == len(digests) + 1, "a digest under another's serial"
        stand.check_log(load.answers)
