"""What is written of a container's subject: what it did, what of that is lost, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from recorder import blind, layout, profile, sets, shims, sightings
from recorder.kernel import Programs
from recorder.owners import NOBODY_TOLD
from recorder.session import Session
from recorder.strangers import WORDS, Strangers
from recorder.subjects import UNEXECUTED, Known

KILLED = "the time between the end of a recorder that was killed and the start of this one"


@dataclass(frozen=True, slots=True)
class Reports:
    """Those of one recorder."""

    programs: Programs
    session: Session
    names: sightings.Names
    strangers: Strangers
    asks_owners: bool
    """Whoever knows the owners of pods is asked."""
    after_kill: bool
    """The recorder before this one was killed, so what was running then has a gap."""

    def document(
        self, known: Known, subject: layout.Subject, entries: sightings.Entries
    ) -> profile.Document | None:
        """The profile of its run so far; None where there is no container."""
        container = known.container
        if container is None:
            return None
        if known.network and (subject.netns or subject.made_in) != known.network:
            entries = entries.unanswered()
        found, loss = sets.read(
            subject,
            entries,
            self.names,
            self.session.clock,
            self._lost_elsewhere(known, subject),
            known.phases,
        )
        known.lost = loss
        spots = (*container.blind, *blind.of_run(subject.id, found, entries, self.names))
        spots = (*spots, *self._whys(known, subject))
        domains = self.session.hooks.domains
        if container.has_own_kernel:
            found, domains = [], ()
            spots = (*spots, shims.blindness(container.runtime))
        run = replace(
            self.session.run(container.id, subject, loss, spots),
            template_hash=container.template_hash,
            image_digest=container.image_digest,
        )
        return profile.report(container.workload, run, found, domains)

    def _lost_elsewhere(self, known: Known, subject: layout.Subject) -> dict[str, int]:
        """By domain, what is lost of no single subject that the kernel could name."""
        everywhere = self._has_gap(subject) + self._strangers(known) + known.is_unexecuted
        return {
            domain: count - known.missed.get(domain, 0) + everywhere
            for domain, count in sightings.missed(self.programs).items()
        }

    def _whys(self, known: Known, subject: layout.Subject) -> Iterator[str]:
        if self._has_gap(subject):
            yield KILLED
        if self._strangers(known):
            yield WORDS
        if known.is_unexecuted:
            yield UNEXECUTED
        if self.asks_owners and known.container and known.container.pod:
            yield NOBODY_TOLD

    def _has_gap(self, subject: layout.Subject) -> bool:
        return self.after_kill and bool(subject.late)

    def _strangers(self, known: Known) -> int:
        """How many there were beside it."""
        return self.strangers.met - known.strangers_before
