"""The public keys of those who sign bundles, out of files that may change while we serve."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from policyc.core.errors import PolicycError
from policyc.signing.keys import Verifier, read_verifiers
from webhook.logs import Talk


class PublicKeys:
    """Args:
    paths: One key a line; all of all files count.
    talk: Where changes and faults are said.

    Raises PolicycError PC7050 or PC7103 when there are no usable keys at the start.

    """

    def __init__(self, paths: Iterable[Path], talk: Talk) -> None:
        self._paths = tuple(paths)
        self._talk = talk
        self._fault = ""
        self.current: tuple[Verifier, ...] = read_verifiers(self._paths)

    @property
    def is_healthy(self) -> bool:
        """Whether the newest keys are the ones in use."""
        return not self._fault

    def poll(self) -> None:
        """Take up keys that changed; what cannot be used is said, and the old ones stay."""
        try:
            found = read_verifiers(self._paths)
        except PolicycError as fault:
            if fault.message != self._fault:
                self._fault = fault.message
                self._talk.error("public keys refused, the old ones stay", detail=fault.message)
            return
        self._fault = ""
        if found != self.current:
            self.current = found
            self._talk.info("public keys loaded", keys=[f"{k.name}+{k.id.hex()}" for k in found])
