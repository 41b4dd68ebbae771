"""What the kernel holds of subjects, read in the order in which nothing can be believed that is not true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from recorder import layout, sightings
from recorder.kernel import Programs


@dataclass(frozen=True, slots=True)
class Reading:
    """A subject, and what it did until then."""

    subject: layout.Subject
    entries: sightings.Entries

    def is_all_of(self, later: Reading) -> bool:
        """Whether a later one shows no more than this, and nobody has entered the subject in between."""
        return self._signature() == later._signature()

    def _signature(self) -> tuple[int, int]:
        return self.subject.entered, sightings.signature(self.subject, self.entries)


def readings(
    programs: Programs, keys: Mapping[int, layout.SubjectKey], drain: Callable[[], None]
) -> dict[int, Reading]:
    """Read these subjects, by id; ``drain`` takes what is in the ring.  One pass over the maps for all of them.

    None of them may be removed by others.
    """
    # Whoever is read goes on meanwhile, so what judges is read after what it judges.  The entries come first: each
    # has its name in the ring already, or was not sent.  Then the ring, whose answers of name servers count unless
    # the subject used a capability to forge them.  The subject is last, so it knows of every loss and of every
    # capability that was used until then; at worst it tells of some that concern only what is read next time.
    entries = sightings.entries_of(programs, keys.keys())
    drain()
    return {id_: Reading(found, entries[id_]) for id_, found in _subjects(programs, keys)}


def _subjects(
    programs: Programs, keys: Mapping[int, layout.SubjectKey]
) -> Iterator[tuple[int, layout.Subject]]:
    for id_, key in keys.items():
        found = programs.get("subjects", key, layout.Subject)
        assert found is not None, "only this program removes subjects"
        yield id_, found
