"""Brings what is written of an epoch to the disk and signs it, in a thread behind its writers."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

from policyc.audit.epoch import Epoch
from policyc.audit.receipt import LogUnavailableError, Receipt
from policyc.core.errors import PolicycError
from policyc.signing.keys import Signer

_EVERY_SECONDS = 1.0
_EVERY_RECORDS = 256


class Syncing:
    """A checkpoint each second, each 256 records, and whenever somebody waits for one."""

    def __init__(self, epoch: Epoch, key: Signer) -> None:
        self._epoch = epoch
        self._key = key
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._waiting: list[tuple[Receipt, Future[Receipt | None]]] = []
        self._sync_fault = self._tile_fault = ""
        self._tiles_due, self._tiled_size = 0.0, 0
        self._closing = False
        self.broken = ""
        """Why nothing may be written any more: nobody knows what is on the disk."""
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str:
        """The present one."""
        return self._sync_fault or self._tile_fault

    def tell(self) -> None:
        """A record was written."""
        if self._epoch.unsigned >= _EVERY_RECORDS:
            self._wake.set()

    def wait_for(self, receipt: Receipt) -> Future[Receipt | None]:
        """Done when a checkpoint covers the record, or LogUnavailableError."""
        future: Future[Receipt | None] = Future()
        # Who loses patience cancels it, and the thread that syncs for all would end with that.
        future.set_running_or_notify_cancel()
        with self._lock:
            self._waiting.append((receipt, future))
        self._wake.set()
        return future

    def close(self) -> None:
        """Sync what is left; nothing is written any more."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(_EVERY_SECONDS)
            self._wake.clear()
            self._sync()
        self._sync()

    def _sync(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if waiting or self._epoch.unsigned:
            self._sync_fault = self._checkpointed(waiting)
        is_tiled = self._tiled_size >= self._epoch.signed.size
        if not (self._sync_fault or is_tiled) and self._are_tiles_due():
            self._tile_fault = self._tiled()

    def _checkpointed(self, waiting: list[tuple[Receipt, Future[Receipt | None]]]) -> str:
        """What went wrong, if anything; those who wait are told."""
        fault = self.broken or self._synced()
        size = self._epoch.signed.size
        for receipt, future in waiting:
            if receipt.sequence < size:
                future.set_result(receipt._replace(tree_size=size))
            else:
                future.set_exception(
                    LogUnavailableError("PC7104", f"the log was not synced: {fault}")
                )
        return fault

    def _synced(self) -> str:
        """What went wrong, if anything."""
        try:
            self._epoch.sync(self._key)
        except PolicycError as fault:
            return fault.message
        except Exception as fault:  # noqa: BLE001  # the thread must outlive it, and say so
            # After a failed fsync nobody knows what is on disk, and a second one may
            # succeed without writing anything (fsync(2), EIO): only a new epoch is honest.
            self.broken = f"records could not be synced: {fault}"
            return self.broken
        return ""

    def _are_tiles_due(self) -> bool:
        """Once a second: they follow from the records, and under load each checkpoint's own, which
        the next one's replace, would take as long as all the rest of it.
        """
        now = time.monotonic()
        if self._closing or now >= self._tiles_due:
            self._tiles_due = now + _EVERY_SECONDS
            return True
        return False

    def _tiled(self) -> str:
        size = self._epoch.signed.size
        try:
            self._epoch.write_tiles()
        except (PolicycError, OSError) as fault:
            return str(fault)
        self._tiled_size = size
        return ""
