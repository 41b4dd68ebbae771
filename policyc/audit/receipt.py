"""What a writer of the decision log gets: where its record stands, or that there is none."""

from __future__ import annotations

from typing import NamedTuple

from policyc.core.errors import PolicycError


class LogUnavailableError(PolicycError):
    """A decision that could not be recorded; in strict mode the request must be denied."""


class Receipt(NamedTuple):
    """Where a decision stands: ``hash`` commits to the record and to all before it.

    ``tree_size`` is the size of the newest checkpoint; in strict mode it covers the record.
    """

    sequence: int
    tree_size: int
    origin: str
    hash: str

    def annotations(self) -> dict[str, str]:
        """Audit annotations: in the API server's own log they witness the record."""
        return {
            "log": f"{self.origin} {self.sequence} {self.hash}",
            "checkpoint": str(self.tree_size),
        }
