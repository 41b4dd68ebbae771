"""What can be wrong with a log."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from policyc.core.canonical import Json


class Reason(StrEnum):
    """Stable words, for scripts."""

    EDIT = "edit"  # a record is not the one that was written
    REMOVAL = "removal"  # a record is gone, and later ones are there
    ORDER = "order"  # a record stands in another place
    TRUNCATION = "truncation"  # the last records are gone
    GAP = "gap"  # a whole epoch is gone
    FORK = "fork"  # there was another log under the same name
    SIGNATURE = "signature"  # a checkpoint is missing, or nobody known has signed it
    TILE = "tile"  # a derived file is not what the records give


@dataclass(frozen=True, slots=True)
class Fault:
    """``sequence`` is the first bad record of the epoch, None where it is not about one."""

    epoch: int
    sequence: int | None
    reason: Reason
    message: str

    def to_json(self) -> dict[str, Json]:
        """For ``--format json``."""
        return {
            "epoch": self.epoch,
            "sequence": self.sequence,
            "reason": self.reason.value,
            "message": self.message,
        }

    def __str__(self) -> str:
        where = f", record {self.sequence}" if self.sequence is not None else ""
        return f"epoch {self.epoch:06}{where}: {self.reason}: {self.message}"
