"""Certificates, clocks and clients while reviews arrive, each on a connection of its own.

No handshake fails, no answer is wrong, and the log verifies.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import os
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from support.admission import pod, request
from support.catalogue import case, of
from support.control_plane.pki import Authority as Clients
from support.control_plane.pki import Credential
from support.load import LONGER, decisions
from support.stand import Stand, standing
from support.webhook import review

from webhook.authority import SPREAD, Authority, create, renewed

__all__ = ["case"]  # a fixture of every test here
HANDSHAKES = 200
"""A second."""
DAY = 86_400
HOSTS = ("127.0.0.1", "localhost")


def write(path: Path, text: str) -> None:
    """In one step, for the eyes of its owner."""
    new = path.with_name(f".{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)


def state_of(stand: Stand) -> Authority:
    return Authority.from_json((stand.webhook.folder / "tls" / "authority.json").read_text())


def put(stand: Stand, state: Authority) -> None:
    write(stand.webhook.folder / "tls" / "authority.json", state.to_json())


def served(stand: Stand) -> bytes:
    """The certificate that a handshake shows now, DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = stand.webhook.connect(context)
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    found = connection.sock.getpeercert(binary_form=True)
    connection.close()
    assert found
    return found


def serves(stand: Stand, certificate: str) -> bool:
    return served(stand) == ssl.PEM_cert_to_DER_cert(certificate)


@of("K9-leaf")
def test_leaves_from_files(tmp_path: Path) -> None:
    """And a file that is no certificate: the last good one stays, and it is said."""
    authority = Clients(tmp_path / "pki")
    made = [authority.issue(f"leaf-{i}", "webhook", hosts=HOSTS) for i in range(4)]
    live = tmp_path / "live.pem"
    write(live, both(made[0]))
    with standing(tmp_path / "w", tls_folder=None, tls_cert=live, tls_key=live) as stand:
        stand.webhook.trusted = authority.certificate
        with stand.load(fresh=True, rate=HANDSHAKES) as load:
            for leaf in made[1:]:
                write(live, both(leaf))
                stand.webhook.wait_until(
                    lambda leaf=leaf: serves(stand, leaf.certificate.read_text())
                )
                load.go_on(0.3 * LONGER)
            write(live, "no certificate")
            stand.webhook.wait_until(lambda: metric(stand, "certificate_healthy") == 0)
            load.go_on(0.3)
        load.check()
        assert metric(stand, "certificate_expiry_seconds") > 0
        stand.check_log(load.answers)


def both(leaf: Credential) -> str:
    return leaf.certificate.read_text() + leaf.key.read_text()


def metric(stand: Stand, name: str) -> float:
    return stand.webhook.metric(f"policyc_{name}")


@of("K9-root")
def test_a_new_root_of_our_own(tmp_path: Path) -> None:
    """Old and new are trusted, then the leaf changes, then the old one goes.

    Clients know the bundle of the step before until the step is done.  The time between
    two steps is taken out of the state, as if it had passed.
    """
    now = dt.datetime.now(dt.UTC)
    state = create(HOSTS, now - dt.timedelta(days=2500))
    for _ in range(2):  # a second root, and a leaf for today
        state = renewed(state, HOSTS, now)
    state = replace(state, roots=state.roots[:1])  # before it began
    (tmp_path / "tls").mkdir()
    write(tmp_path / "tls" / "authority.json", state.to_json())
    known = tmp_path / "known.crt"
    write(known, state.bundle)
    with (
        standing(tmp_path) as stand,
        stand.load(fresh=True, rate=HANDSHAKES, trusted=known) as load,
    ):
        bundles = [state.bundle]
        for _ in range(2):
            load.go_on(0.5 * LONGER)
            joined = state_of(stand)
            write(known, (tmp_path / "tls" / "ca.crt").read_text())
            bundles.append(known.read_text())
            load.go_on(0.5)
            put(stand, replace(joined, changed=joined.changed - SPREAD))
            stand.webhook.wait_until(lambda at=joined.changed: state_of(stand).changed > at)
            stand.webhook.wait_until(lambda: serves(stand, state_of(stand).leaf.certificate))
        load.go_on(0.5)
        write(known, (tmp_path / "tls" / "ca.crt").read_text())
        load.go_on(0.5)
    load.check()
    assert [b.count("BEGIN CERTIFICATE") for b in [*bundles, known.read_text()]] == [1, 2, 2, 1]
    assert state_of(stand).roots[0] != state.roots[0]
    assert state_of(stand).leaf != state.leaf


@of("K8-leaf")
def test_a_leaf_is_renewed_before_it_ends(tmp_path: Path) -> None:
    old = create(HOSTS, dt.datetime.now(dt.UTC) - dt.timedelta(days=89))
    (tmp_path / "tls").mkdir()
    write(tmp_path / "tls" / "authority.json", old.to_json())
    with standing(tmp_path) as stand:
        with stand.load(fresh=True, rate=HANDSHAKES) as load:
            for _ in range(3 * LONGER):
                put(stand, old)
                stand.webhook.wait_until(lambda: state_of(stand).leaf != old.leaf)
                stand.webhook.wait_until(lambda: serves(stand, state_of(stand).leaf.certificate))
                assert metric(stand, "certificate_expiry_seconds") > 89 * DAY
                load.go_on(0.3)
        load.check()
        assert state_of(stand).roots == old.roots
        stand.check_log(load.answers)


@of("K8-root")
def test_after_years_without_it_a_start_makes_everything_new(tmp_path: Path) -> None:
    """Root and leaf have ended: no client could connect, so nothing is waited for."""
    old = create(HOSTS, dt.datetime.now(dt.UTC) - dt.timedelta(days=4000))
    (tmp_path / "tls").mkdir()
    write(tmp_path / "tls" / "authority.json", old.to_json())
    with standing(tmp_path) as stand:
        stand.webhook.wait_until(lambda: connects(stand))
        with stand.load(fresh=True, rate=HANDSHAKES) as load:
            load.go_on(0.3)
        load.check()
        assert metric(stand, "certificate_expiry_seconds") > 89 * DAY


def connects(stand: Stand) -> bool:
    try:
        stand.webhook.post(review(request(pod())))
    except ssl.SSLError:
        return False
    return True


@of("K10")
def test_a_clock_that_jumps(tmp_path: Path) -> None:
    """A day back, two years on, and right again, while the clients' clocks go right."""
    clock = tmp_path / "offset"
    write(clock, "0")
    with standing(tmp_path, clock=clock) as stand:
        with stand.load(fresh=True, rate=HANDSHAKES) as load:
            for days in (-1, 730, 0):
                load.go_on(0.3)
                write(clock, str(days * DAY))
                load.until(lambda new: sum(a.is_right() for a in new) > HANDSHAKES / 2 * LONGER)
        load.check()
        stand.check_log(load.answers)
        times = [record["time"] for _, record in decisions(stand.log)]
        assert times == sorted(times)
        assert times[-1] > str(dt.datetime.now(dt.UTC).year + 1)
        assert any("clock" in record for _, record in decisions(stand.log))


NOBODY = (
    ssl.SSLError,
    http.client.RemoteDisconnected,
    ConnectionResetError,
    BrokenPipeError,
)


@of("J9")
def test_who_is_no_api_server_gets_no_word(tmp_path: Path) -> None:
    """Without a certificate, with a stranger's, or with one of another name; often."""
    ours, theirs = Clients(tmp_path / "ours"), Clients(tmp_path / "theirs")
    with standing(
        tmp_path / "w", client_ca=ours.certificate, client_names=["kube-apiserver"]
    ) as stand:
        attackers = [
            None,
            theirs.issue("stranger", "kube-apiserver"),
            ours.issue("other", "system:serviceaccount:agents:research"),
        ]
        right = ours.issue("server", "kube-apiserver")
        stand.webhook.credential = (right.certificate, right.key)
        forged = json.dumps(review(request(pod()), "forged"))
        with stand.load() as load:
            for i in range(60 * LONGER):
                with pytest.raises(NOBODY):
                    knock(stand, attackers[i % 3], forged)
            load.go_on(0.5)
        load.check()
        stand.check_log(load.answers)
        assert all(record["uid"] != "forged" for _, record in decisions(stand.log))
        assert "forged" not in stand.webhook.daemon.log.read_text()


def knock(stand: Stand, credential: Credential | None, body: str) -> None:
    context = ssl.create_default_context(cafile=os.fspath(stand.webhook.trusted))
    if credential:
        context.load_cert_chain(credential.certificate, credential.key)
    connection = stand.webhook.connect(context)
    try:
        connection.request("POST", "/validate", body, {"Content-Type": "application/json"})
        connection.getresponse()
    finally:
        connection.close()
