"""What was found to be in order, so that the next replica of a workload is not read anew."""

from __future__ import annotations

from collections.abc import Hashable

LONGEST = 16 * 1024
_MOST = 4096
_MOST_BYTES = 16 * 1024 * 1024


class Remembered:
    """Who was in order with which words, and while what: it must be the same object still.

    It begins anew when it has grown large, so it stays small whatever is sent.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, dict[bytes, object]] = {}
        self._count = 0
        self._bytes = 0

    def holds(self, who: Hashable, words: bytes, state: object) -> bool:
        """Whether these words were in order in this very state."""
        known = self._known.get(who)
        return known is not None and known.get(words) is state

    def keep(self, who: Hashable, words: bytes, state: object) -> None:
        """Remember that they are; empty ones stand for nothing, and long ones are not kept."""
        if not 0 < len(words) <= LONGEST:
            return
        if self._count >= _MOST or self._bytes >= _MOST_BYTES:
            self._known.clear()
            self._count = self._bytes = 0
        self._count += 1
        self._bytes += len(words)
        self._known.setdefault(who, {})[words] = state
