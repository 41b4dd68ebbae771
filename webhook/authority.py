"""A certificate authority of our own that renews itself without a failed handshake.

Everything is one value: the roots that clients are to trust (``caBundle``), the root that signs,
and the leaf.  Renewal of a root goes in three steps, each of which leaves every client that knows
the bundle of the step before able to connect: first the new root joins the bundle, then it signs
a new leaf, then the old root goes.  Between two steps lies the time in which the bundle spreads.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_ROOT_DAYS = dt.timedelta(days=3650)
_LEAF_DAYS = dt.timedelta(days=90)  # from the day that it is made
_SKEW = dt.timedelta(days=800)
"""How far our clock may be ahead of an API server's, or jump back: years, after a fault.

Nobody else trusts these roots, so that an early begin gives nothing away.
"""
SPREAD = dt.timedelta(hours=1)
"""How long a new bundle takes to reach every API server, with ample room."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, PEM; the key of a root that no longer signs is empty."""

    certificate: str
    key: str

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate.encode())

    def is_due(self, now: dt.datetime, life: dt.timedelta) -> bool:
        """Whether a third of the life that is usual, or less, is left - or it has not begun."""
        begin, end = self.parsed.not_valid_before_utc, self.parsed.not_valid_after_utc
        return now < begin or end - now <= life / 3

    def is_valid(self, now: dt.datetime) -> bool:
        return self.parsed.not_valid_before_utc <= now < self.parsed.not_valid_after_utc


@dataclass(frozen=True, slots=True)
class Authority:
    """``roots`` are trusted, the oldest first; the leaf is signed by the one at ``signer``.

    ``changed`` is when ``roots`` or ``signer`` changed last.
    """

    hosts: tuple[str, ...]
    roots: tuple[Pair, ...]
    signer: int
    leaf: Pair
    changed: dt.datetime

    @property
    def bundle(self) -> str:
        """What clients are to trust, PEM: the ``caBundle`` of a webhook configuration."""
        return "".join(root.certificate for root in self.roots)

    def to_json(self) -> str:
        """The whole state, with private keys."""
        return json.dumps(
            {
                "hosts": list(self.hosts),
                "roots": [[root.certificate, root.key] for root in self.roots],
                "signer": self.signer,
                "leaf": [self.leaf.certificate, self.leaf.key],
                "changed": self.changed.isoformat(),
            },
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str) -> Authority:
        """ValueError when it is no such state."""
        try:
            found = json.loads(text)
            return cls(
                tuple(found["hosts"]),
                tuple(Pair(*root) for root in found["roots"]),
                int(found["signer"]),
                Pair(*found["leaf"]),
                dt.datetime.fromisoformat(found["changed"]),
            )
        except (KeyError, TypeError) as fault:
            raise ValueError(f"no state of an authority: {fault}") from None


def create(hosts: tuple[str, ...], now: dt.datetime) -> Authority:
    """A new authority whose leaf is for these host names and addresses."""
    root = _root(now)
    return Authority(hosts, (root,), 0, _leaf(hosts, root, now), now)


def renewed(state: Authority, hosts: tuple[str, ...], now: dt.datetime) -> Authority:
    """The state after the one step that is due at ``now``; the same object when none is.

    After a jump of the clock there is nothing to wait for: nobody can connect.
    """
    signer, newest = state.roots[state.signer], len(state.roots) - 1
    is_settled = now - state.changed >= SPREAD or not signer.is_valid(now)
    if (newest == 0 and signer.is_due(now, _ROOT_DAYS)) or not state.roots[newest].is_valid(now):
        return replace(state, roots=(signer, _root(now)), signer=0, changed=now)
    if state.signer < newest and is_settled:
        leaf = _leaf(hosts, state.roots[newest], now)
        return replace(state, hosts=hosts, signer=newest, leaf=leaf, changed=now)
    if len(state.roots) > 1 and state.signer == newest and is_settled:
        return replace(state, roots=(signer,), signer=0, changed=now)
    if state.leaf.is_due(now, _LEAF_DAYS) or hosts != state.hosts:
        return replace(state, hosts=hosts, leaf=_leaf(hosts, signer, now))
    return state


def _root(now: dt.datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: two roots of one name make clients try the wrong one.
    name = _name(f"policyc webhook authority {now:%Y-%m-%dT%H:%M:%S.%fZ}")
    builder = (
        _builder(name, name, key.public_key(), now - _SKEW, now + _ROOT_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_root=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def _leaf(hosts: tuple[str, ...], root: Pair, now: dt.datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    root_key = serialization.load_pem_private_key(root.key.encode(), None)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey)
    life = min(_LEAF_DAYS, root.parsed.not_valid_after_utc - now)
    begin = root.parsed.not_valid_before_utc  # no clock that accepts the root refuses the leaf
    builder = (
        _builder(_name(hosts[0][:64]), root.parsed.subject, key.public_key(), begin, now + life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_root=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
    )
    return _pair(builder.sign(root_key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begin: dt.datetime,
    end: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _usage(*, is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_root,
        key_cert_sign=is_root,
        crl_sign=is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Pair(pem, private.decode())
