"""The bundle in force: read from a folder, replaced in one step, never by a worse one."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from policyc.admission.bundle import Bundle, assemble
from policyc.bundle.load import Envelopes, load_envelopes
from policyc.bundle.statement import MANIFEST, place_of
from policyc.core.errors import PolicycError, VerificationError
from policyc.signing.keys import Verifier
from policyc.signing.notes import signers
from webhook.logs import Talk

Load = Callable[[Path], Envelopes]
"""The verified envelopes of a folder; raises VerificationError or PolicycError."""

_RETRY_POLLS = 30


def load_unsigned(folder: Path) -> Envelopes:
    """The envelopes of a folder that nobody signed; PolicycError PC7113 when it is not whole."""
    try:
        return load_envelopes(folder, None)
    except VerificationError as fault:
        raise PolicycError("PC7113", fault.message, help=_WRITE_AGAIN) from None


_WRITE_AGAIN = "write it again with `policyc compile`"


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What changes when a file is replaced."""

    inode: int
    size_bytes: int
    changed_ns: int


class _Mark(NamedTuple):
    """Which build this is, in the order of builds."""

    serial: int
    digest: str


class Source(Protocol):
    """Where builds appear; ``where`` names it for people."""

    @property
    def where(self) -> str: ...

    def look(self) -> object:
        """What differs when something has changed there; cheap."""

    def read(self) -> Envelopes:
        """The verified envelopes; raises VerificationError or PolicycError."""


class FolderSource:
    """A folder that ``load`` reads and verifies; ``keys`` are those that it verifies with now."""

    def __init__(self, folder: Path, load: Load, keys: Callable[[], object] = lambda: None) -> None:
        self._folder = folder
        self._load = load
        self._keys = keys

    @property
    def where(self) -> str:
        return f"`{self._folder}`"

    def look(self) -> object:
        """The stamps of the two files that every build and every signature write anew, and the keys."""
        try:
            place = place_of(self._folder)
        except VerificationError:
            return ()
        return (*map(_stamp, (place.folder / MANIFEST, place.signature)), self._keys())

    def read(self) -> Envelopes:
        if not self._folder.is_dir():
            raise PolicycError(
                "PC7113",
                f"there is no bundle folder `{self._folder}`",
                help="name the output folder of `policyc compile` with --bundle",
            )
        return self._load(self._folder)


class BundleStore:
    """Args:
    source: Where builds appear.
    minimum_serial: Older bundles are refused even when nothing is loaded.
    talk: Where changes and refusals are said.
    keys: Those that are trusted now; None where bundles are not signed.

    A bundle is in force only as long as a trusted key signed it.  A serial binds those who come
    after it as long as a key that signed it is trusted (docs/adr/0021-keys-are-turned-over.md).
    """

    def __init__(
        self,
        source: Source,
        minimum_serial: int,
        talk: Talk,
        keys: Callable[[], Collection[Verifier]] | None = None,
    ) -> None:
        self._source = source
        self._minimum_serial = minimum_serial
        self._talk = talk
        self._keys = keys
        self._judged_by = keys() if keys else ()
        self._newest: dict[Verifier, Envelopes] = {}
        """By trusted key, the last bundle of it that was in force: what is left when another key goes."""
        self._seen: dict[Verifier, _Mark] = {}
        """By key, trusted or not, the mark of that bundle."""
        self._stamp: object = None
        self._polls_to_retry = 0
        self.current: Bundle | None = None
        self.latest: Bundle | None = None
        """The one in force; while there is none, the last that was: what it named stays guarded."""
        self.refused = 0
        self.loaded = 0
        self.withdrawn = 0
        self.fault = ""

    @property
    def digest(self) -> str:
        """Of the bundle in force; empty while there is none."""
        return self.current.digest if self.current else ""

    @property
    def serial(self) -> int:
        return self.current.serial if self.current else 0

    def start(self) -> None:
        """Load the first bundle; PolicycError PC7113 says why there is none."""
        self._stamp = self._source.look()
        self._take_up()

    def poll(self) -> None:
        """Take up a new build; one that does not verify is refused, and the last good one stays.

        Unless no key that is still trusted signed that: it goes before anything is read.
        A refused folder is read again when it changes, and every 30th time in case it was
        being written.
        """
        self._judge_again()
        stamp = self._source.look()
        self._polls_to_retry -= 1
        if stamp == self._stamp and not (self.fault and self._polls_to_retry <= 0):
            return
        self._stamp = stamp
        try:
            self._take_up()
            self.fault = ""
        except PolicycError as fault:
            self._polls_to_retry = _RETRY_POLLS
            self.refused += 1
            self.fault = fault.message
            stays = "the last good one stays" if self.current else "and none is in force"
            self._talk.error(f"bundle refused, {stays}", detail=fault.message)

    def _judge_again(self) -> None:
        """After a change of keys: what none of them signed is not in force any longer."""
        if self._keys is None or (keys := self._keys()) == self._judged_by:
            return
        self._judged_by = keys
        kept = sorted((e for e in self._newest.values() if signers(e.note, keys)), key=_mark)
        self._newest = {}
        for envelopes in kept:
            self._remember(envelopes)
        old = self.current
        if old is None or _mark(old) in map(_mark, kept):
            return
        self.current = _assembled(kept[-1]) if kept else None
        # One that comes back guards what it names: the one that goes may have named too little.
        self.latest = self.current or self.latest
        self._stamp = None  # what lies there may be signed by another key
        self.withdrawn += 1
        self._talk.error(
            "bundle withdrawn: no trusted key signed it",
            code="PC7119",
            digest=old.digest,
            serial=old.serial,
            inForce=self.serial if self.current else "none, so everything is refused",
        )

    def _take_up(self) -> None:
        # Reading makes many objects that live and no cycles; collections in between would
        # walk them all and stop every thread each time.
        is_collecting = gc.isenabled()
        gc.disable()
        try:
            self._take(self._source.read())
        except ValueError as fault:
            raise VerificationError(
                "PC7113",
                f"the bundle in {self._source.where} does not verify: {fault}",
                help=_WRITE_AGAIN,
            ) from fault
        finally:
            if is_collecting:
                gc.enable()

    def _take(self, found: Envelopes) -> None:
        if self.current is not None and _mark(found) == _mark(self.current):
            self._remember(found)  # another key may have signed it
            return
        seen = self._least()
        least = max(self._minimum_serial, seen.serial)
        if found.serial < least:
            raise VerificationError(
                "PC7113", f"the bundle has serial {found.serial}, older than {least}"
            )
        if found.serial and found.serial == seen.serial and found.digest != seen.digest:
            raise VerificationError("PC7113", f"two bundles have serial {found.serial}")
        self.current = self.latest = new = _assembled(found)
        self._remember(found)
        self.loaded += 1
        self._talk.info(
            "bundle loaded", digest=new.digest, serial=new.serial, agents=len(new.agents)
        )

    def _least(self) -> _Mark:
        """The newest of all that was in force and is signed by a key that is trusted now."""
        seen = [self._seen[key] for key in self._judged_by if key in self._seen]
        if self._keys is None and self.current is not None:
            seen = [_mark(self.current)]
        return max(seen, default=_Mark(0, ""))

    def _remember(self, envelopes: Envelopes) -> None:
        mark = _mark(envelopes)
        for key in signers(envelopes.note, self._judged_by):
            self._newest[key] = envelopes
            self._seen[key] = max(mark, self._seen.get(key, mark))


def _mark(build: Envelopes | Bundle) -> _Mark:
    return _Mark(build.serial, build.digest)


def _assembled(found: Envelopes) -> Bundle:
    return assemble(found.entries, found.packed, found.digest, found.serial)


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Stamp(found.st_ino, found.st_size, found.st_mtime_ns)
