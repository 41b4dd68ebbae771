"""The TLS side of the listener: certificates from files or an authority of our own, reloaded live.

One listening context stays for the life of the process.  Its server-name callback, which OpenSSL
calls in every handshake with or without a name, hands the handshake to the context in force: so
a new certificate, or other client authorities, hold from the next connection on, and the
connections that are open go on.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from policyc.core.errors import PolicycError
from policyc.core.files import read_file, write_file
from webhook.authority import Authority, create, renewed
from webhook.logs import Talk
from webhook.settings import Serving

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_STATE, _LOCK = "authority.json", "lock"
Material = tuple[bytes, bytes, bytes]
"""Certificate chain, key, client authorities (maybe empty); PEM."""


class Tls:
    """Args:
    settings: Where certificates come from.
    now: The time, with its zone.
    talk: Where changes and faults are said.

    Raises PolicycError PC7112 when there is no usable certificate at the start.

    """

    def __init__(self, settings: Serving, now: Callable[[], dt.datetime], talk: Talk) -> None:
        self._settings = settings
        self._now = now
        self._talk = talk
        self._material = self._read()
        self._current = _context(self._material, settings.tls_minimum)
        self._fault = ""
        self.context = _context(self._material, settings.tls_minimum)
        self.context.sni_callback = self._hand_over

    def poll(self) -> None:
        """Take up certificates that changed; what cannot be used is said, and the old ones stay."""
        try:
            material = self._read()
            if material != self._material:
                self._current = _context(material, self._settings.tls_minimum)
                self._material = material
                self._talk.info("certificate loaded", expires=self._expires().isoformat())
            self._fault = ""
        except PolicycError as fault:
            if fault.message != self._fault:
                self._fault = fault.message
                self._talk.error("certificate refused, the old one stays", detail=fault.message)

    @property
    def is_healthy(self) -> bool:
        """Whether the newest certificates are the ones in use."""
        return not self._fault

    def seconds_to_expiry(self) -> float:
        """Negative when the leaf has expired."""
        return (self._expires() - self._now()).total_seconds()

    def _expires(self) -> dt.datetime:
        return x509.load_pem_x509_certificates(self._material[0])[0].not_valid_after_utc

    def _hand_over(
        self, handshake: ssl.SSLObject | ssl.SSLSocket, name: str | None, listening: ssl.SSLContext
    ) -> None:
        del name, listening
        handshake.context = self._current

    def _read(self) -> Material:
        s = self._settings
        clients = _pem(s.client_ca) if s.client_ca else b""
        if s.tls_cert and s.tls_key:
            return _pem(s.tls_cert), _pem(s.tls_key), clients
        assert s.tls_folder is not None, "settings are checked"
        state = keep(s.tls_folder, s.tls_hosts, self._now())
        return state.leaf.certificate.encode(), state.leaf.key.encode(), clients


def keep(folder: Path, hosts: tuple[str, ...], now: dt.datetime) -> Authority:
    """The authority in a folder, made or one step renewed when that is due.

    The state is one file, replaced in one step, so that a crash leaves the old or the new one;
    ``ca.crt`` beside it is what clients are to trust.  Replicas may share a folder: one at a time
    takes a step, under a lock that dies with its process, and the others go on with what is there.
    PolicycError PC7112 or PC7053.
    """
    path = folder / _STATE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("a") as lock:
            is_ours = _take(lock.fileno(), wait=not path.exists())
            old = Authority.from_json(path.read_text()) if path.exists() else None
            return _stepped(folder, old, hosts, now) if is_ours or old is None else old
    except (OSError, ValueError) as fault:
        raise PolicycError("PC7112", f"cannot keep certificates in `{folder}`: {fault}") from fault


def _take(lock: int, *, wait: bool) -> bool:
    """Whether the lock is ours now.  One who hangs with it must not hang the others."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stepped(
    folder: Path, old: Authority | None, hosts: tuple[str, ...], now: dt.datetime
) -> Authority:
    state = create(hosts, now) if old is None else renewed(old, hosts, now)
    if state is not old:
        write_file(folder / _STATE, state.to_json().encode(), mode=0o600)
    trusted = folder / "ca.crt"
    if not trusted.exists() or trusted.read_text() != state.bundle:
        write_file(trusted, state.bundle.encode())
    return state


def _pem(path: Path) -> bytes:
    try:
        return read_file(path)
    except PolicycError as fault:
        raise PolicycError("PC7112", fault.message, help=fault.help) from fault


def _context(material: Material, minimum: str) -> ssl.SSLContext:
    chain, key, clients = material
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[minimum]
    context.num_tickets = 0  # a resumed session would outlive a change of the client authorities
    context.set_alpn_protocols(["http/1.1"])
    try:
        # The ssl module reads chains from files only.
        with tempfile.NamedTemporaryFile(prefix="policyc-", suffix=".pem") as both:
            both.write(chain + b"\n" + key)
            both.flush()
            context.load_cert_chain(both.name)
        if clients:
            context.load_verify_locations(cadata=clients.decode("ascii"))
            context.verify_mode = ssl.CERT_REQUIRED
    except (ssl.SSLError, ValueError, OSError) as fault:
        raise PolicycError(
            "PC7112",
            f"the certificate cannot be used: {_plainly(fault)}",
            help="give a PEM chain, its key without a passphrase, and PEM client authorities",
        ) from fault
    return context


def _plainly(fault: Exception) -> str:
    if isinstance(fault, ssl.SSLError) and "PEM lib" in str(fault):
        return "it is no PEM chain with its private key"
    return getattr(fault, "reason", None) or str(fault) or type(fault).__name__
