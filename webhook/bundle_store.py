"""The bundle in force: read from a folder, replaced in one step, never by a worse one."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from policyc.admission.bundle import Bundle, assemble
from policyc.bundle.load import Envelopes, load_envelopes
from policyc.bundle.statement import MANIFEST, place_of
from policyc.core.errors import PolicycError, VerificationError
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

    """

    def __init__(self, source: Source, minimum_serial: int, talk: Talk) -> None:
        self._source = source
        self._minimum_serial = minimum_serial
        self._talk = talk
        self._stamp: object = None
        self._polls_to_retry = 0
        self.current: Bundle | None = None
        self.refused = 0
        self.loaded = 0
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
        self._take(self._read())

    def poll(self) -> None:
        """Take up a new build; one that does not verify is refused, and the last good one stays.

        A refused folder is read again when it changes, and every 30th time in case it was
        being written.
        """
        stamp = self._source.look()
        self._polls_to_retry -= 1
        if stamp == self._stamp and not (self.fault and self._polls_to_retry <= 0):
            return
        self._stamp = stamp
        try:
            self._take(self._read())
            self.fault = ""
        except PolicycError as fault:
            self._polls_to_retry = _RETRY_POLLS
            self.refused += 1
            self.fault = fault.message
            self._talk.error("bundle refused, the last good one stays", detail=fault.message)

    def _read(self) -> Bundle:
        # Reading makes many objects that live and no cycles; collections in between would
        # walk them all and stop every thread each time.
        is_collecting = gc.isenabled()
        gc.disable()
        try:
            found = self._source.read()
            old = self.current
            if old is not None and (old.serial, old.digest) == (found.serial, found.digest):
                return old
            return assemble(*found)
        except ValueError as fault:
            raise VerificationError(
                "PC7113",
                f"the bundle in {self._source.where} does not verify: {fault}",
                help=_WRITE_AGAIN,
            ) from fault
        finally:
            if is_collecting:
                gc.enable()

    def _take(self, new: Bundle) -> None:
        old = self.current
        if new is old:
            return
        least = max(self._minimum_serial, old.serial if old else 0)
        if new.serial < least:
            raise VerificationError(
                "PC7113", f"the bundle has serial {new.serial}, older than {least}"
            )
        if old and new.serial == old.serial and new.serial and new.digest != old.digest:
            raise VerificationError("PC7113", f"two bundles have serial {new.serial}")
        self.current = new
        self.loaded += 1
        self._talk.info(
            "bundle loaded", digest=new.digest, serial=new.serial, agents=len(new.agents)
        )


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Stamp(found.st_ino, found.st_size, found.st_mtime_ns)
