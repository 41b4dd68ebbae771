"""Which reviews were seen lately, by uid: a replay is answered the same, and marked."""

from __future__ import annotations

from collections.abc import Iterable

_GENERATION = 1 << 17


def seen_as(webhook: str, uid: str) -> str:
    """How a review is remembered: one that both webhooks are asked about is no replay."""
    return f"{webhook} {uid}" if uid else ""


class Seen:
    """Remembers at least the last 131,072 uids, and at most twice as many (some 18 MB).

    By their 64-bit hashes: with the process's random hash seed a false mark has a chance
    of about one in 10^13 a request, and nobody can aim at it.
    """

    def __init__(self, oldest_first: Iterable[str] = ()) -> None:
        self._now: set[int] = set()
        self._before: set[int] = set()
        for uid in oldest_first:
            self.add(uid)

    def __contains__(self, uid: str) -> bool:
        code = hash(uid)
        return code in self._now or code in self._before

    def add(self, uid: str) -> None:
        """Remember one more."""
        self._now.add(hash(uid))
        if len(self._now) >= _GENERATION:
            self._before, self._now = self._now, set()
