"""What a run could not see, by domain: an entry begins with the word of the domain that it is about.

Hooks that are missing blind every run.  The rest depends on what the program did: who never greets anybody over
TLS has no messages that another library than OpenSSL would hide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recorder import layout, tables
from recorder.kernel import blind_spots
from recorder.profile import UNANSWERED, Sighting
from recorder.sightings import PROTOCOLS, Entries, Names

MESSAGES = ("models", "tools")
_DNS_PORT, _DNS_OVER_TLS_PORT, _HTTPS_PORT = 53, 853, 443
_RAW = (("granted", True), ("name", "NET_RAW"))
_UNREAD = {
    layout.UNREAD_HTTP2: "messages in HTTP/2",
    layout.UNREAD_ENCODED: "messages in bodies with a Content-Encoding",
    layout.UNREAD_32_BIT: "messages over TLS of 32-bit programs",
    layout.UNREAD_CARRIED: "messages from standard input that are moved on, or taken several at once",
    layout.UNREAD_UPGRADE: "messages after an Upgrade of HTTP",
    layout.UNREAD_UNNAMED: "names of models that a request does not tell",
    layout.UNREAD_WIDE: "messages in UTF-16 or UTF-32",
    layout.UNREAD_BIO: "messages over TLS that BIO_f_ssl carries",
    layout.UNREAD_FILE: "messages over TLS that SSL_sendfile sends",
    layout.UNREAD_MPTCP: "what MPTCP does beside its first connection",
}


def of_run(
    subject: int, found: Iterable[Sighting], entries: Entries, names: Names
) -> Iterator[str]:
    """What was not seen of a subject, for what it did."""
    done = [sighting for sighting in found if sighting.phase == "application"]
    calls: list[dict[str, object]] = [dict(s.values) for s in done if s.domain == "syscalls"]
    yield from _calls([call for call in calls if "denied" not in call])
    if any(s.domain == "capabilities" and s.values == _RAW for s in done):
        yield from blind_spots(("egress", "ingress"), "peers of raw sockets")
    if any(key.protocol not in PROTOCOLS for key, _ in entries.peers):
        yield from blind_spots(("egress",), "peers by other protocols than TCP, UDP and SCTP")
    answered = [s for s in done if (UNANSWERED, True) not in s.values]
    yield from _ports({_end(s) for s in answered if s.domain == "egress"})
    for form in sorted(names.unread.get(subject, ())):
        domains = ("egress", *MESSAGES) if form == layout.UNREAD_MPTCP else MESSAGES
        yield from blind_spots(domains, _UNREAD[form])
    if names.has_other_tls(subject):
        yield from blind_spots(MESSAGES, "messages over TLS of other libraries than OpenSSL")


def _calls(calls: list[dict[str, object]]) -> Iterator[str]:
    if any(call["name"] == "io_uring_setup" for call in calls):
        yield from blind_spots(("files",), "links in paths that io_uring opens")
        yield from blind_spots(("ingress",), "TCP clients that io_uring accepts")
        yield from blind_spots(MESSAGES, "messages that io_uring reads from standard input")
    if any(call["name"] == "io_submit" for call in calls):
        yield from blind_spots(MESSAGES, "messages that io_submit reads from standard input")
    if any(call["architecture"] in tables.COMPAT.values() for call in calls):
        yield from blind_spots(MESSAGES, "messages that 32-bit programs read from standard input")


def _end(peer: Sighting) -> tuple[object, object]:
    values = dict(peer.values)
    return values["protocol"], values["port"]


def _ports(ends: set[tuple[object, object]]) -> Iterator[str]:
    if {("tcp", _DNS_PORT), ("tcp", _DNS_OVER_TLS_PORT)} & ends:
        yield from blind_spots(("egress",), "names in DNS over TCP and TLS")
    if ("udp", _HTTPS_PORT) in ends:
        yield from blind_spots(MESSAGES, "messages over QUIC")
