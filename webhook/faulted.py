"""Requests that end in a refusal before they are judged."""

from __future__ import annotations

TOO_LATE = "the decision would come too late; try again"


class Faulted(Exception):  # noqa: N818  # not an error of ours: a request that ends in a refusal
    """A request that is refused before it was judged; no uid known means a 4xx."""

    def __init__(self, status: int, reason: str, message: str, uid: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.uid = uid


def late(uid: str) -> Faulted:
    """It did not arrive in time."""
    return Faulted(408, "READ_TIMEOUT", "the review did not arrive in time", uid)


def too_late(uid: str) -> Faulted:
    """It arrived, and nobody waits for the decision any more."""
    return Faulted(408, "DEADLINE", TOO_LATE, uid)


def overloaded(uid: str) -> Faulted:
    """There is too much to do, or too much is held."""
    return Faulted(429, "OVERLOADED", "the webhook has too much to do; try again", uid)


def too_large(limit_bytes: int, uid: str) -> Faulted:
    """It is longer than any may be."""
    return Faulted(413, "TOO_LARGE", f"the review is longer than {limit_bytes} bytes", uid)


def too_many(uid: str) -> Faulted:
    """Its values would take too much memory."""
    return Faulted(413, "TOO_LARGE", "the review has too many values", uid)


def malformed(why: str, uid: str) -> Faulted:
    """It is no review."""
    return Faulted(400, "MALFORMED", why, uid)
