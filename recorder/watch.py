"""Record every container of the machine until told to stop."""

from __future__ import annotations

import ctypes as c
import os
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from recorder import blind, layout, owners, profile, sightings, store, tls
from recorder.identity import Container, Host
from recorder.kernel import Programs
from recorder.session import Session

POLL_MS = 200
SETTLE_SECONDS = 0.5
"""How long a subject must have no task before it counts as ended: `runc exec` may come."""
NOTHING_MISSED: Mapping[str, int] = {}
KEPT_RUNTIMES = 4096
KILLED = "the time between the end of a recorder that was killed and the start of this one"


@dataclass(slots=True)
class Known:
    """A subject that is being recorded; without a container its sets are read by nobody."""

    key: layout.SubjectKey
    container: Container | None
    missed: Mapping[str, int]
    """What the kernel had lost of no single subject, by domain, at a time before this one began."""
    written: int = 0
    """The signature of what was written last."""
    ended: float = 0
    """When its last task left, on the monotonic clock; 0 while it has any."""


@dataclass(slots=True)
class Counts:
    """What `recorder status` and the metrics say."""

    containers: int = 0
    ended: int = 0
    unresolved: int = 0
    lost: dict[str, int] = field(default_factory=lambda: dict.fromkeys(layout.DOMAINS, 0))


@dataclass(slots=True)
class Watch:
    """The subjects, and what is to be written of them."""

    programs: Programs
    host: Host
    output: Path
    session: Session
    libraries: tls.Libraries
    fetch: owners.Fetch | None = None
    """How to ask for the owners of pods."""
    after_kill: bool = False
    """The recorder before this one was killed, so what was running then has a gap."""
    names: sightings.Names = field(default_factory=sightings.Names)
    known: dict[int, Known] = field(default_factory=dict)
    present: dict[int, Container] = field(default_factory=dict)
    """What was running before, by the inode number of its mount namespace."""
    missed: Mapping[str, int] = field(default_factory=dict)
    """What the kernel had lost of no single subject before the last poll."""
    counts: Counts = field(default_factory=Counts)
    listening: str = ""
    """Where metrics are served."""

    def begin(self) -> None:
        """Tell the kernel what to record, and listen."""
        self.programs.teach()
        self.programs.listen(self.names.receive)
        config = layout.Config(
            started_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            watch=1,
            host_inum=self.host.mntns(1),
            own_inum=self.host.mntns(os.getpid()),
        )
        self.programs.put("settings", c.c_uint32(0), config)
        self.present = self.host.present()

    def step(self, *, may_write: bool) -> None:
        """Wait a little for events; look up who is new, and write who is gone."""
        # Who is told of by this poll began after the one before it had begun.
        before, self.missed = self.missed, sightings.missed(self.programs)
        self.programs.poll(POLL_MS)
        tls.follow(self.names, self.libraries, self.host.proc)
        now = time.monotonic()
        begun, self.names.begun = self.names.begun, []
        for told in begun:
            self._meet(told.event.subject, told.key, before)
        self.names.forget_runtimes(KEPT_RUNTIMES)
        ended, self.names.ended = self.names.ended, set()
        for subject in ended & self.known.keys():
            self.known[subject].ended = now
        due = [s for s, k in self.known.items() if k.ended and now - k.ended >= SETTLE_SECONDS]
        if due and may_write:
            self.write(due)

    def write(self, wanted: Collection[int], *, final: bool = False) -> None:
        """Write what was seen of these subjects; those that have ended leave the kernel's maps.

        A subject that lives, and of which nothing is new, waits for the final write.
        """
        subjects = {id_: self._get(id_) for id_ in wanted}
        self.programs.drain()
        entries = sightings.entries_of(self.programs, subjects.keys())
        groups: dict[str, list[profile.Document]] = {}
        for id_, subject in sorted(subjects.items()):
            known, signature = self.known[id_], sightings.signature(subject, entries[id_])
            if signature == known.written and not (known.ended or final):
                continue
            known.written = signature
            document = self._document(known, subject, entries[id_])
            if document:
                groups.setdefault(store.name_of(document), []).append(document)
        for group in groups.values():
            store.write(self.output, *group)
        for id_ in subjects:
            self._settle(id_, entries[id_])

    def write_all(self, *, final: bool) -> None:
        """Write everything, also subjects whose first event the ring had no room for."""
        for key, subject in self.programs.entries("subjects", layout.SubjectKey, layout.Subject):
            if subject.id not in self.known:
                self._meet(subject.id, key, NOTHING_MISSED)
            if subject.alive <= 0 and not self.known[subject.id].ended:
                self.known[subject.id].ended = time.monotonic()
        self.write(list(self.known), final=final)

    def _get(self, id_: int) -> layout.Subject:
        found = self.programs.get("subjects", self.known[id_].key, layout.Subject)
        assert found is not None, "only this program removes subjects"
        return found

    def _meet(self, id_: int, key: layout.SubjectKey, missed: Mapping[str, int]) -> None:
        subject = self.programs.get("subjects", key, layout.Subject)
        if subject is None or id_ in self.known:
            return
        container = self._resolve(subject)
        if container and self.fetch:
            container = owners.resolve(container, self.fetch)
        self.known[id_] = Known(key, container, missed)
        if container:
            self.counts.containers += 1
            if container.rootfs:
                self.libraries.attach_below(self.host.root / container.rootfs.lstrip("/"))

    def _resolve(self, subject: layout.Subject) -> Container | None:
        found = self.host.container(
            subject.pids, self.names.runtimes, subject.mntns_inum, subject.first_ns
        )
        if found is None and subject.late:
            found = self.present.get(subject.mntns_inum)
        origin = self.known.get(subject.origin)
        if found is None and origin is not None:
            # A process of a container made itself a mount namespace: it is still that container.
            return origin.container
        if found is None:
            self.counts.unresolved += 1
            sys.stderr.write(
                f"recorder: no runtime tells whose the mount namespace {subject.mntns_inum} is; "
                "it is not recorded\n"
            )
        return found

    def _document(
        self, known: Known, subject: layout.Subject, entries: sightings.Entries
    ) -> profile.Document | None:
        container = known.container
        if container is None:
            return None
        gap = int(self.after_kill and bool(subject.late))
        now = sightings.missed(self.programs)
        lost = {domain: count - known.missed.get(domain, 0) + gap for domain, count in now.items()}
        found, loss = sightings.read(subject, entries, self.names, self.session.clock, lost)
        for domain, count in loss.items():
            self.counts.lost[domain] += count if known.ended else 0
        spots = tuple(blind.of_run(subject.id, found, entries, self.names))
        spots = (*spots, KILLED) if gap else spots
        domains = self.session.hooks.domains
        if container.has_own_kernel:
            found, domains = [], ()
            spots = (*spots, f"everything: `{container.runtime}` gives a container its own kernel")
        run = replace(
            self.session.run(container.id, subject, loss, spots),
            template_hash=container.template_hash,
            image_digest=container.image_digest,
        )
        return profile.profile(container.workload, run, found, domains)

    def _settle(self, id_: int, entries: sightings.Entries) -> None:
        known = self.known[id_]
        if not known.ended:
            return
        if self._get(id_).alive > 0:
            known.ended = 0
            return
        entries.remove(self.programs)
        self.programs.remove("subjects", known.key)
        self.names.forget(id_)
        del self.known[id_]
        self.counts.ended += known.container is not None
