"""The authority's law: whoever trusted what was published in time can always connect."""

from __future__ import annotations

import datetime as dt
import fcntl
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from webhook.authority import SPREAD, Authority, create, renewed
from webhook.tls import keep

BEGIN = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
HOSTS = ("policyc.policyc-system.svc", "127.0.0.1")


def connects(bundle: str, state: Authority, now: dt.datetime) -> bool:
    """Whether a client that trusts the bundle accepts the leaf at that time."""
    store = Store(x509.load_pem_x509_certificates(bundle.encode()))
    verifier = PolicyBuilder().store(store).time(now).build_server_verifier(x509.DNSName(HOSTS[0]))
    try:
        verifier.verify(state.leaf.parsed, [])
    except x509.verification.VerificationError:
        return False
    return True


def test_thirty_years_of_renewals_without_a_failed_handshake() -> None:
    """Polled at uneven times; clients know the bundle of now or of up to SPREAD ago."""
    now, state = BEGIN, create(HOSTS, BEGIN)
    published = [(now, state.bundle)]
    steps = [SPREAD / 2, dt.timedelta(days=9), SPREAD * 2, dt.timedelta(days=20), SPREAD / 3]
    roots = set()
    for i in range(2500):
        now += steps[i % len(steps)]
        state = renewed(state, HOSTS, now)
        published.append((now, state.bundle))
        roots.update(root.certificate for root in state.roots)
        newest_before = [b for at, b in published if at <= now - SPREAD][-1:]
        known = [b for at, b in published if at > now - SPREAD]
        assert all(connects(bundle, state, now) for bundle in newest_before + known), now
        published = published[-10:]
    assert now > BEGIN + dt.timedelta(days=30 * 365)
    assert len(roots) > 3, "no root was ever renewed"


def test_a_renewal_takes_three_steps_and_never_skips_one() -> None:
    state = create(HOSTS, BEGIN)
    old = state.roots[0]
    late = BEGIN + dt.timedelta(days=3000)
    joined = renewed(state, HOSTS, late)
    assert len(joined.roots) == 2
    assert joined.leaf == state.leaf
    assert renewed(joined, HOSTS, late + SPREAD / 2).roots == joined.roots
    switched = renewed(joined, HOSTS, late + SPREAD)
    assert connects(switched.roots[1].certificate, switched, late + SPREAD)
    assert old in switched.roots
    dropped = renewed(switched, HOSTS, late + SPREAD * 2)
    assert dropped.roots == (switched.roots[1],)
    assert dropped.leaf == switched.leaf


@pytest.mark.parametrize(
    "jump", [dt.timedelta(days=-1), dt.timedelta(days=730), dt.timedelta(days=20 * 365)],
    ids=["K10-a-day-back", "K10-two-years-on", "K10-past-every-certificate"],
)  # fmt: skip
def test_after_a_jump_of_the_clock_a_few_steps_heal_it(jump: dt.timedelta) -> None:
    now, state = BEGIN + jump, create(HOSTS, BEGIN)
    for _ in range(6):
        state = renewed(state, HOSTS, now)
        now += dt.timedelta(seconds=1)
    assert connects(state.bundle, state, now)


def test_new_names_make_a_new_leaf_of_the_same_root() -> None:
    state = create(HOSTS, BEGIN)
    other = renewed(state, (*HOSTS, "other.example.com"), BEGIN)
    assert other.roots == state.roots
    assert other.leaf != state.leaf


def test_nothing_due_changes_nothing() -> None:
    state = create(HOSTS, BEGIN)
    assert renewed(state, HOSTS, BEGIN + dt.timedelta(days=30)) is state


def test_the_folder_keeps_the_state_and_its_key_to_itself(tmp_path: Path) -> None:
    first = keep(tmp_path / "tls", HOSTS, BEGIN)
    assert keep(tmp_path / "tls", HOSTS, BEGIN) == first
    state_file = tmp_path / "tls" / "authority.json"
    assert state_file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "tls" / "ca.crt").read_text() == first.bundle
    keep(tmp_path / "tls", HOSTS, BEGIN + dt.timedelta(days=80))
    assert state_file.stat().st_mode & 0o077 == 0
    ssl.create_default_context(cadata=(tmp_path / "tls" / "ca.crt").read_text())


@pytest.mark.parametrize("years", [2, 5], ids=["K10-leaf-two-years-on", "K10-leaf-five-years-on"])
def test_a_leaf_made_by_a_clock_that_is_ahead_serves_those_that_are_not(years: int) -> None:
    state = create(HOSTS, BEGIN)
    ahead = renewed(state, HOSTS, BEGIN + dt.timedelta(days=365 * years))
    assert ahead.leaf != state.leaf
    assert connects(state.bundle, ahead, BEGIN)
    assert connects(ahead.bundle, ahead, BEGIN)


@pytest.mark.parametrize("case", ["K10-young-root"])
def test_a_clock_that_goes_back_replaces_no_root(case: str) -> None:
    state = create(HOSTS, BEGIN)
    assert renewed(state, HOSTS, BEGIN - dt.timedelta(days=1)) is state


STEPS = {
    "K17-first": (None, dt.timedelta()),
    "K17-leaf": (BEGIN, dt.timedelta(days=80)),
    "K17-root": (BEGIN, dt.timedelta(days=3000)),
}


@pytest.mark.parametrize(("made", "age"), [pytest.param(*v, id=k) for k, v in STEPS.items()])
def test_a_keeper_killed_at_any_change_leaves_what_the_next_one_finishes(
    tmp_path: Path, made: dt.datetime | None, age: dt.timedelta
) -> None:
    now, killed = BEGIN + age, 0
    while True:
        folder = tmp_path / str(killed)
        before = keep(folder, HOSTS, made) if made else None
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, folder, now.isoformat(), str(killed)], check=False
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        killed += 1
        for _ in range(3):  # polls of who lives on
            state = keep(folder, HOSTS, now)
        assert (folder / "ca.crt").read_text() == state.bundle
        assert (folder / "authority.json").stat().st_mode & 0o077 == 0
        assert connects(state.bundle, state, now)
        assert before is None or connects(before.bundle, state, now)
    assert killed >= 4


_KILLED = """
import datetime, os, signal, sys
from pathlib import Path
from webhook.tls import keep
folder, now, left = Path(sys.argv[1]), datetime.datetime.fromisoformat(sys.argv[2]), int(sys.argv[3])

def watch(event, args):
    global left
    if event in ("open", "os.rename", "os.chmod", "os.mkdir") and str(folder) in str(args[0]):
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

sys.addaudithook(watch)
keep(folder, {hosts}, now)
""".replace("{hosts}", repr(HOSTS))
"""Dies before change number ``argv[3]`` of the folder (docs.python.org, audit_events)."""


def test_a_keeper_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    first = keep(tmp_path / "tls", HOSTS, BEGIN)
    with (tmp_path / "tls" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        late = BEGIN + dt.timedelta(days=80)
        assert keep(tmp_path / "tls", HOSTS, late) == first
    assert keep(tmp_path / "tls", HOSTS, late) != first
