"""What was taken out of the maps that containers share: none may hold more of their entries than are free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recorder import layout
from recorder.kernel import Programs

_EVERYBODY = layout.SubjectKey()


@dataclass(slots=True)
class Shares:
    """Tells the kernel side, which only counts what it puts there; nobody else writes that map."""

    programs: Programs
    _taken_out: dict[bytes, layout.Holding] = field(default_factory=dict)
    """By the key of the subject that had paid for it."""

    def give_back(
        self, key: layout.SubjectKey, subject: layout.Subject, entries: Mapping[str, int]
    ) -> None:
        """Note that a subject was removed, with so many entries of its own by map."""
        removed = {"subjects": 1, **entries}
        self._note(_EVERYBODY, removed)
        if bytes(subject.payer) == bytes(key):
            # What it had paid for is forgotten with it.
            self._taken_out.pop(bytes(key), None)
            self.programs.remove("taken_out", key)
        elif self.programs.get("subjects", subject.payer, layout.Subject):
            self._note(subject.payer, removed)

    def _note(self, payer: layout.SubjectKey, removed: Mapping[str, int]) -> None:
        taken_out = self._taken_out.setdefault(bytes(payer), layout.Holding())
        for place, name in enumerate(layout.COMMON_MAPS):
            taken_out.entries[place] += removed.get(name, 0)
        self.programs.put("taken_out", payer, taken_out)
