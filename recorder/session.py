"""What every run of one recorder has in common: the head of a profile's run."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from recorder import layout, profile, sightings
from recorder.journal import Open
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
            self.coverage(subject),
            self.kernel,
            self.node,
            self.hooks.attached,
            self.hooks.missing,
            tuple(sorted({*self.hooks.blind, *blind})),
            tuple(sorted(loss.items())),
            sessions=subject.sessions,
        )

    @staticmethod
    def coverage(subject: layout.Subject) -> str:
        return "attached-late" if subject.late else "from-creation"

    def cut_short(self, opened: Open, blind: tuple[str, ...]) -> profile.Run:
        """A run that the recorder before this one left open, and that lacks something in every domain.

        It ends as it starts, so what is in the profile of the run stays as it is.
        """
        return profile.Run(
            opened.container.id,
            opened.start,
            opened.start,
            opened.coverage,
            self.kernel,
            self.node,
            self.hooks.attached,
            self.hooks.missing,
            tuple(sorted({*self.hooks.blind, *blind})),
            tuple((domain, 1) for domain in sorted(layout.DOMAINS)),
            opened.container.template_hash,
            opened.container.image_digest,
        )
