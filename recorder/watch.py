"""Record every container of the machine until told to stop."""

from __future__ import annotations

import ctypes as c
import os
import select
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recorder import layout, profile, sightings, store, tls
from recorder.identity import Container, Host
from recorder.journal import Journal, Open
from recorder.kernel import Programs
from recorder.layers import root_file_system
from recorder.mirror import Mirror
from recorder.naming import Network
from recorder.owners import Owners
from recorder.reading import Reading, readings
from recorder.reports import KILLED, Reports
from recorder.session import Session
from recorder.shims import Shims
from recorder.strangers import Strangers
from recorder.subjects import Known, Subjects, phases_in

SETTLE_SECONDS = 0.5
"""How long a subject must have no task before it counts as ended: `runc exec` may come."""
REST = 20
"""After a write it waits so many times as long as that took, so that writing takes a twentieth of a processor;"""
MANY = 512
"""unless so many containers wait for it: the kernel's map of them must not fill up."""
NOTHING_MISSED: Mapping[str, int] = {}
KEPT_RUNTIMES = 4096
PATIENCE_SECONDS = 600.0
"""How long what has ended is kept in the kernel's maps while nobody says whose pod it was."""
STUCK_SECONDS = 60.0


@dataclass(slots=True)
class Counts:
    """What `python -m recorder status` and the metrics say."""

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
    journal: Journal
    owners: Owners | None = None
    """Whom to ask for the owners of pods."""
    mirror: Mirror | None = None
    """Who brings the files to an API server."""
    name_servers: tuple[Network, ...] = ()
    """That are believed of every container, besides those that it was given."""
    after_kill: bool = False
    """The recorder before this one was killed, so what was running then has a gap."""
    names: sightings.Names = field(default_factory=sightings.Names)
    subjects: Subjects = field(default_factory=Subjects)
    leaving: dict[int, tuple[Reading, layout.Subject]] = field(default_factory=dict)
    """By id, what was written of those that left the kernel's map of subjects, and as what they left it."""
    present: dict[int, Container] = field(default_factory=dict)
    """What was running before, by the inode number of its mount namespace."""
    missed: Mapping[str, int] = field(default_factory=dict)
    """What the kernel had lost of no single subject before the last poll."""
    counts: Counts = field(default_factory=Counts)
    listening: str = ""
    """Where metrics are served."""
    strangers: Strangers = field(default_factory=Strangers)
    """What no runtime accounts for."""
    reports: Reports = field(init=False)
    """What is written of subjects."""
    shims: Shims = field(init=False)
    """What runs beside this kernel."""
    step_ends: float = field(default_factory=time.monotonic)
    """When the step that is being taken should end at the latest, on the monotonic clock."""
    failure: str = ""
    """Why files could not be written the last time; "" when they could."""
    rest_until: float = 0
    """Nobody who ended is written before, on the monotonic clock."""

    def begin(self) -> None:
        """Tell the kernel what to record, and listen."""
        self.programs.teach()
        self.programs.listen(self.names.receive)
        config = layout.Config(
            started_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            watch=1,
            host_inum=self.host.own_mntns,
            own_inum=self.host.mntns(os.getpid()),
        )
        self.programs.put("settings", c.c_uint32(0), config)
        self.present = self.host.present()
        self.reports = Reports(
            self.programs,
            self.session,
            self.names,
            self.strangers,
            asks_owners=self.owners is not None,
            after_kill=self.after_kill,
        )
        self.shims = Shims(self.host.root, self.session, self.owners, self.subjects.is_met)
        if self.mirror:
            self.mirror.begin()

    def faults(self) -> list[str]:
        """Why profiles are not where they should be: empty when all is well."""
        objects = self.mirror.reason if self.mirror else ""
        return [fault for fault in (self.failure, objects) if fault]

    def is_alive(self) -> bool:
        """Whether it still takes steps: each says how long it waits."""
        return time.monotonic() < self.step_ends + STUCK_SECONDS

    def bequeath(self, left: Collection[Open]) -> None:
        """Write what the recorder before this one can no longer: that it lost something of these containers."""
        documents: list[profile.Document] = []
        for opened in left:
            now = time.monotonic()
            owned = self.owners.resolve(opened.container, now) if self.owners else opened.container
            run = self.session.cut_short(opened, (KILLED,))
            documents.append(profile.report(owned.workload, run, (), self.session.hooks.domains))
        self._store(documents)

    def step(self, news: select.epoll, seconds: float, *, may_write: bool) -> None:
        """Wait for news, at most so long; look up who is new, and write who is gone."""
        self.step_ends = time.monotonic() + seconds
        # Who is told of by this wait began after the one before it had begun.
        before, self.missed = self.missed, sightings.missed(self.programs)
        news.poll(self._patience(seconds, may_write))
        self._drain()
        now = time.monotonic()
        begun, self.names.begun = self.names.begun, []
        for told in begun:
            self._meet_told(told, before)
        self.names.forget_runtimes(KEPT_RUNTIMES)
        ended, self.names.ended = self.names.ended, set()
        for subject in ended & self.subjects.here.keys():
            self.subjects.here[subject].ended = now
        if may_write:
            self.journal.write()
            self._write_ended(now)
            self.journal.write()

    def _patience(self, seconds: float, may_write: bool) -> float:
        """How long there is nothing to do without an event, but at most so many seconds."""
        now = time.monotonic()
        ended = [self._due(known, now) for known in self.subjects.here.values() if known.ended]
        if not ended or not may_write:
            return seconds
        due = max(min(ended), self.rest_until if len(ended) < MANY else 0)
        return min(seconds, max(0.0, due - now))

    def _due(self, known: Known, now: float) -> float:
        """When what has ended can be written; while nobody says whose it was, when they are asked again."""
        settled = known.ended + SETTLE_SECONDS
        if self.owners and self._waits(known, now):
            return max(settled, self.owners.silent_until)
        return settled

    def _write_ended(self, now: float) -> None:
        due = [s for s, k in self.subjects.here.items() if k.ended and self._due(k, now) <= now]
        if not due or (now < self.rest_until and len(due) < MANY):
            return
        self.write(due)
        done = time.monotonic()
        self.rest_until = done + REST * (done - now)

    def write(self, wanted: Collection[int], *, final: bool = False) -> None:
        """Write what was seen of these subjects; those that have ended leave the kernel's maps.

        A subject that lives, and of which nothing is new, waits for the final write.
        """
        self._forget_leaving()
        now = time.monotonic()
        wanted = [id_ for id_ in wanted if id_ in self.subjects.here]
        for id_ in wanted:
            self._own(id_, now)
        keys = {
            id_: self.subjects.here[id_].key
            for id_ in wanted
            if final or not self._waits(self.subjects.here[id_], now)
        }
        found = readings(self.programs, keys, self._drain)
        self.subjects.judge(
            {id_: read.subject for id_, read in found.items()}, self._get, is_final=final
        )
        self.strangers.judge(self._get)
        documents: list[profile.Document] = []
        signatures: dict[int, int] = {}
        for id_, read in sorted(found.items()):
            known = self.subjects.here[id_]
            news = sightings.signature(read.subject, read.entries)
            signature = hash((news, self.strangers.met, known.is_unexecuted))
            if signature == known.written and not (known.ended or final):
                continue
            signatures[id_] = signature
            document = self.reports.document(known, read.subject, read.entries)
            if document:
                documents.append(document)
        self._store(documents)
        for id_, signature in signatures.items():
            self.subjects.here[id_].written = signature
        for id_, read in found.items():
            if self._is_gone(id_, read.subject):
                self._take(id_, read)
        self._forget_leaving()

    def _store(self, documents: Collection[profile.Document]) -> None:
        groups: dict[str, list[profile.Document]] = {}
        for document in documents:
            groups.setdefault(store.name_of(document), []).append(document)
        for group in groups.values():
            store.write(self.output, *group)
        if self.mirror and groups:
            self.mirror.wake()

    def write_all(self, *, final: bool) -> None:
        """Write everything, also subjects whose first event the ring had no room for."""
        for subject in self._meet_all():
            if subject.alive <= 0 and not self.subjects.here[subject.id].ended:
                self.subjects.here[subject.id].ended = time.monotonic()
        self.write(list(self.subjects.here), final=final)
        for document in self.shims.documents(is_final=final):
            store.write(self.output, document)

    def _drain(self) -> None:
        """Take what is in the ring, and look at the libraries that were opened."""
        self.programs.drain()
        tls.follow(self.names, self.libraries, self.host.proc, self._root_of)

    def _get(self, id_: int) -> layout.Subject:
        if id_ in self.leaving:
            return self.leaving[id_][1]
        found = self.programs.get("subjects", self.subjects.here[id_].key, layout.Subject)
        assert found is not None, "only this program removes subjects"
        return found

    def _meet_all(self) -> list[layout.Subject]:
        """Also those whose first event the ring had no room for."""
        found = self.programs.entries("subjects", layout.SubjectKey, layout.Subject)
        # Whoever made one was there before it.
        ordered = sorted(found, key=lambda entry: entry[1].id)
        for key, subject in ordered:
            self._meet(subject, key, NOTHING_MISSED)
        return [subject for _, subject in ordered]

    def _meet_told(self, told: layout.SubjectEvent, missed: Mapping[str, int]) -> None:
        subject = self.programs.get("subjects", told.key, layout.Subject)
        if subject is None or subject.id != told.event.subject:
            return
        if subject.origin and self.subjects.origin(subject) is None:
            self._meet_all()
        self._meet(subject, told.key, missed)

    def _meet(
        self, subject: layout.Subject, key: layout.SubjectKey, missed: Mapping[str, int]
    ) -> None:
        id_, origin = subject.id, self.subjects.origin(subject)
        if id_ in self.subjects.here:
            return
        found = self._resolve(subject, key, origin)
        container = None if found is None or found.is_sandbox else found
        known = Known(
            key,
            container,
            missed,
            self.strangers.gone,
            self._network(origin),
            phases_in(subject, origin),
            has_program=bool(subject.late),
        )
        self.subjects.add(id_, known)
        if found is None:
            self.counts.unresolved += 1
            self.strangers.add(subject, key.mntns)
        self._own(id_, time.monotonic())
        if container:
            self.counts.containers += 1
            self.names.naming.believe(id_, container.name_servers, self.name_servers)
            if container.rootfs:
                root = self._below(container.rootfs)
                self.libraries.attach_below(root_file_system(root, self.host.root))

    def _root_of(self, id_: int) -> Path | None:
        known = self.subjects.here.get(id_)
        found = known.container.rootfs if known and known.container else ""
        return self._below(found) if found else None

    def _below(self, path: str) -> Path:
        return self.host.root / path.lstrip("/")

    def _own(self, id_: int, now: float) -> None:
        """Ask whose pod it is, when that is not known yet, and note what is known now."""
        known = self.subjects.here[id_]
        if known.container is None:
            return
        owned = self.owners.resolve(known.container, now) if self.owners else known.container
        if owned != known.container or not known.is_noted:
            subject = self._get(id_)
            start = self.session.clock.wall(subject.first_ns)
            self.journal.begin(id_, Open(owned, start, self.session.coverage(subject)))
        known.container, known.is_noted = owned, True

    def _waits(self, known: Known, now: float) -> bool:
        """Whether it is kept in the maps until somebody says whose pod it is: its profile has no name yet."""
        if self.owners is None or known.container is None or not known.container.pod:
            return False
        return not known.ended or now - known.ended < PATIENCE_SECONDS

    def _resolve(
        self, subject: layout.Subject, key: layout.SubjectKey, origin: Known | None
    ) -> Container | None:
        if origin is not None and origin.container is not None:
            # A process of a container made itself a mount namespace: it is still that container, whatever it is called.
            return origin.container
        same = self.subjects.container(key.mntns)
        if same is not None:
            return same
        found = self.host.container(
            tuple(zip(subject.pids, subject.begun_ns, strict=True)),
            self.names.runtimes,
            subject.mntns_inum,
            subject.first_ns,
        )
        if found is None and subject.late:
            found = self.present.get(subject.mntns_inum)
        return found

    def _network(self, origin: Known | None) -> int:
        """That of the container when a process of it made itself the subject; 0 when the subject is one."""
        if origin is None or origin.container is None:
            return 0
        made_in = self.programs.get("subjects", origin.key, layout.Subject)
        return origin.network or (made_in.netns if made_in else 0)

    def _is_gone(self, id_: int, written: layout.Subject) -> bool:
        """Whether it had ended when what was written was read, and nobody has entered it since."""
        known, now = self.subjects.here[id_], self._get(id_)
        if known.ended and now.alive > 0:
            known.ended = 0
        return bool(known.ended) and written.alive <= 0 and written.entered == now.entered

    def _take(self, id_: int, read: Reading) -> None:
        """Out of the kernel's map; of who enters it in that moment, something may be lost."""
        taken = self.programs.take("subjects", self.subjects.here[id_].key, layout.Subject)
        assert taken is not None, "only this program removes subjects"
        for domain in range(len(layout.DOMAINS)):
            taken.lost[domain] += int(taken.entered != read.subject.entered)
        self.leaving[id_] = read, taken

    def _forget_leaving(self) -> None:
        """Write what they did since they were read, and forget them; RecorderError leaves all for the next time."""
        if not self.leaving:
            return
        # A packet needs nobody alive.
        left = sightings.entries_of(self.programs, self.leaving.keys())
        self._drain()
        documents: list[profile.Document] = []
        for id_, (read, taken) in self.leaving.items():
            if not read.is_all_of(Reading(taken, left[id_])):
                document = self.reports.document(self.subjects.here[id_], taken, left[id_])
                documents.extend([document] if document else ())
        self._store(documents)
        gone, self.leaving = self.leaving, {}
        for id_, (_, taken) in gone.items():
            left[id_].remove(self.programs)
            self._forget(id_, taken)
        self.names.forget(gone.keys())
        self.strangers.remove(gone)

    def _forget(self, id_: int, taken: layout.Subject) -> None:
        known = self.subjects.remove(id_)
        # Of who comes back, nobody saw how it came to its network.
        known.network = known.network or taken.netns
        self.journal.end(id_)
        self.counts.ended += known.container is not None
        for domain, count in known.lost.items():
            self.counts.lost[domain] += count
