"""Writes the decision log of one process: one epoch, from its start to its end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from policyc.admission.request import Request
from policyc.admission.verdict import Verdict
from policyc.audit.checkpoint import as_base64
from policyc.audit.epoch import Epoch
from policyc.audit.layout import LOCK, Left, epochs_in, high_water, left_by, recent_reviews
from policyc.audit.receipt import LogUnavailableError, Receipt
from policyc.audit.record import Kind, asked, decided, encode, refusal, time_text
from policyc.audit.seen import Seen, seen_as
from policyc.audit.syncing import Syncing
from policyc.core.canonical import Json
from policyc.core.errors import PolicycError
from policyc.signing.keys import Signer, checked_name

_UIDS_READ_BYTES = 32 << 20
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # random(4)


@dataclass(frozen=True, slots=True)
class Health:
    """``lost``: decisions of this process that are not in the log; ``fault``: the present one."""

    lost: int
    fault: str
    records: int
    signed: int


class DecisionLog:
    """An append-only log in ``folder``; one process writes a folder at a time.

    Each start begins an epoch whose first record names what the epoch before left.  By
    default a record is written before ``append`` returns, and synced and signed within a
    second or 256 records; with ``strict`` it is synced and signed before ``append``
    returns.  Thread-safe.  ``clock`` gives the time in UTC.
    """

    def __init__(
        self,
        folder: Path,
        key: Signer,
        name: str,
        *,
        strict: bool = False,
        sync_timeout_seconds: float = 5.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        boot: str | None = None,
    ) -> None:
        """Begin an epoch; PolicycError PC7104 when the folder cannot be written."""
        self._strict = strict
        self._timeout = sync_timeout_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._before = ""  # the hash of the last record
        self._lost = self._unsaid = 0
        self._write_fault = ""
        self._unwritable = ""  # why nothing may be written any more
        self._closing = False
        with contextlib.ExitStack() as undo:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._guard = _locked(folder / LOCK)
                undo.callback(os.close, self._guard)
                self._boot = _BOOT_ID.read_text().strip() if boot is None else boot
                self._time = high_water(folder) or datetime.fromtimestamp(0, UTC)
                self._seen = Seen(reversed([*recent_reviews(folder, _UIDS_READ_BYTES)]))
                last = max(epochs_in(folder), default=0)
                earlier = left_by(folder, last) if last else None
                self._epoch = Epoch(folder, checked_name(name), last + 1)
                undo.callback(self._epoch.discard)
                self._put(_first(name, last + 1, earlier, strict=strict))
                self._epoch.sync(key)
                self._epoch.write_tiles()
            except BlockingIOError as fault:
                raise _unbegun(
                    folder,
                    f"another process holds `{folder / LOCK}`",
                    "give each process a log folder of its own",
                ) from fault
            except OSError as fault:
                raise _unbegun(folder, fault.strerror or str(fault)) from fault
            except PolicycError as fault:
                raise _unbegun(folder, fault.message) from fault
            undo.pop_all()
        self._syncing = Syncing(self._epoch, key)

    def append(
        self,
        request: Request,
        verdict: Verdict,
        *,
        serial: int = 0,
        exception: str = "",
        webhook: str = "",
    ) -> Receipt | None:
        """Record a decision; in strict mode, return when a checkpoint covers it.

        ``serial`` is the bundle's, ``exception`` the ID of what permitted it against the
        rule, ``webhook`` the one that was asked.  A decision that cannot be recorded raises
        LogUnavailableError in strict mode; otherwise None is returned, it is counted in
        ``health``, and a ``gap`` record says so as soon as one can be written.
        """
        waiting = self.submit(request, verdict, serial=serial, exception=exception, webhook=webhook)
        if not isinstance(waiting, Future):
            return waiting
        try:
            return waiting.result(self._timeout)
        except TooSlow:
            raise LogUnavailableError(
                "PC7104",
                f"the decision log was not synced within {self._timeout} s",
                help="look at the disk below the log's folder",
            ) from None

    def submit(
        self,
        request: Request,
        verdict: Verdict,
        *,
        serial: int = 0,
        exception: str = "",
        webhook: str = "",
    ) -> Future[Receipt | None] | Receipt | None:
        """``append`` for event loops: the record is written on return, or the same error raised.

        In strict mode there is a future, done when a checkpoint covers the record; the caller
        sets the limit to its patience.
        """
        return self.submit_asked(
            asked(request), verdict, serial=serial, exception=exception, webhook=webhook
        )

    def submit_asked(
        self,
        fields: Mapping[str, Json],
        verdict: Verdict,
        *,
        serial: int = 0,
        exception: str = "",
        webhook: str = "",
    ) -> Future[Receipt | None] | Receipt | None:
        """``submit`` for who knows already what ``record.asked`` makes of the request."""
        return self._submit(
            decided(fields, verdict, serial=serial, exception=exception, webhook=webhook)
        )

    def refuse(
        self, verdict: Verdict, *, serial: int = 0, webhook: str = "", status: int = 200
    ) -> Future[Receipt | None] | Receipt | None:
        """``submit`` for a review that was refused unjudged, maybe with an HTTP error."""
        return self._submit(refusal(verdict, serial=serial, webhook=webhook, status=status))

    def _submit(self, fields: dict[str, Json]) -> Future[Receipt | None] | Receipt | None:
        receipt = self._write(fields)
        if self._strict and receipt is not None:
            return self._syncing.wait_for(receipt)
        return receipt

    def now(self) -> datetime:
        """The time for judging what has ended: never before the last record's."""
        return max(self._clock(), self._time)

    @property
    def checkpoint(self) -> bytes:
        """The newest signed checkpoint: publish it where this machine's owner cannot write."""
        return self._epoch.note

    @property
    def health(self) -> Health:
        """For metrics and readiness."""
        with self._lock:
            epoch = self._epoch
            return Health(
                self._lost,
                self._broken or self._write_fault or self._syncing.fault,
                epoch.records,
                epoch.signed.size,
            )

    @property
    def _broken(self) -> str:
        """Why nothing may be written any more."""
        return self._unwritable or self._syncing.broken

    def close(self) -> None:
        """Write the closing record, sign it, and let the folder go."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            try:
                if not self._broken:
                    self._put({"kind": Kind.CLOSE.value})
            except (OSError, PolicycError) as fault:
                self._unwritable = str(fault)
        self._syncing.close()
        self._epoch.close()
        os.close(self._guard)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, fields: dict[str, Json]) -> Receipt | None:
        with self._lock:
            try:
                receipt = self._put_decision(fields)
            except (OSError, PolicycError) as fault:
                self._lose(fault)
                return None
            self._write_fault = ""
            self._syncing.tell()
            return receipt

    def _put_decision(self, fields: dict[str, Json]) -> Receipt:
        if self._broken or self._closing:
            raise LogUnavailableError("PC7104", self._broken or "the log is closed")
        if self._unsaid:
            self._put({"kind": Kind.GAP.value, "lost": self._unsaid})
            self._unsaid = 0
        review = seen_as(str(fields.get("webhook", "")), str(fields.get("uid", "")))
        if review and review in self._seen:
            fields["repeat"] = True
        sequence = self._epoch.records
        self._put(fields)
        if review:
            self._seen.add(review)
        epoch = self._epoch
        return Receipt(sequence, epoch.signed.size, epoch.origin, self._before)

    def _put(self, fields: dict[str, Json]) -> None:
        clock = self._clock()
        moment = max(clock, self._time)
        record = {
            **fields,
            "sequence": self._epoch.records,
            "time": time_text(moment),
            "boot": self._boot,
            "before": self._before,
        }
        if clock < moment:
            record["clock"] = time_text(clock)
        self._epoch.write(encode(record))
        self._before = as_base64(self._epoch.head)
        self._time = moment

    def _lose(self, fault: OSError | PolicycError) -> None:
        """Count a decision that is not in the log; raises in strict mode."""
        self._lost += 1
        self._unsaid += 1
        why = str(fault)
        if isinstance(fault, PolicycError) and not isinstance(fault, LogUnavailableError):
            self._unwritable = why  # half a record stands in the file: nothing may follow it
        self._write_fault = why
        if self._strict:
            raise LogUnavailableError(
                "PC7104",
                f"the decision cannot be recorded: {why}",
                help="free space below the log's folder; restart when the disk had a fault",
            ) from fault


def _first(name: str, number: int, earlier: Left | None, *, strict: bool) -> dict[str, Json]:
    return {
        "kind": Kind.EPOCH.value,
        "log": name,
        "epoch": number,
        "earlier": earlier.to_json() if earlier is not None else None,
        "strict": strict,
    }


_ROOM = "check the permissions and the free space"


def _unbegun(folder: Path, why: str, help: str = _ROOM) -> LogUnavailableError:
    return LogUnavailableError(
        "PC7104",
        f"no decision log can be begun in `{folder}`: {why}",
        help=help,
    )


def _locked(path: Path) -> int:
    """Hold the folder as long as the process lives; BlockingIOError when another one does."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle
