"""What every run of one recorder has in common: the head of a profile's run."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from recorder import layout, profile, sightings
from recorder.kernel import Hooks


@dataclass(frozen=True, slots=True)
class Session:
    """The machine, the hooks, and the clock that turns boot time into wall time."""

    kernel: str
    node: str
    hooks: Hooks
    clock: sightings.Clock

    @staticmethod
    def of(hooks: Hooks) -> Session:
        machine = os.uname()
        return Session(machine.release, machine.nodename, hooks, sightings.Clock.now())

    def run(
        self, id_: str, subject: layout.Subject, loss: dict[str, int], blind: tuple[str, ...] = ()
    ) -> profile.Run:
        """The run of a subject, until now."""
        return profile.Run(
            id_,
            self.clock.wall(subject.first_ns),
            self.clock.wall(time.clock_gettime_ns(time.CLOCK_BOOTTIME)),
            "attached-late" if subject.late else "from-creation",
            self.kernel,
            self.node,
            self.hooks.attached,
            self.hooks.missing,
            tuple(sorted({*self.hooks.blind, *blind})),
            tuple(sorted(loss.items())),
        )
