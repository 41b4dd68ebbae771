"""What was found to be in order, so that the next replica of a workload is not read anew."""

from __future__ import annotations

from collections.abc import Hashable

_MOST = 4096


class Remembered:
    """Keys of what was in order, each with the state of the cluster in which it was.

    A key holds all that the answer follows from, but for what the state stands for.  It
    keeps the last few thousand keys and begins anew when there are more: so it stays small
    whatever is sent.
    """

    def __init__(self) -> None:
        self._states: dict[Hashable, object] = {}

    def holds(self, key: Hashable, state: object) -> bool:
        """Whether what the key stands for was in order in this very state."""
        return self._states.get(key) is state

    def keep(self, key: Hashable, state: object) -> None:
        if len(self._states) >= _MOST:
            self._states.clear()
        self._states[key] = state
