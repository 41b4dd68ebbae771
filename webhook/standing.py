"""What was decided about a replica, and stands for the next one of the same workload.

Two reviews whose own texts are all other ones, and which are in order on the same ground, show
that the ground does not depend on these texts: it is made of the words of a request, and a text
that were one of them would make it another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from policyc.admission.replicas import IN_ORDER, Ground
from policyc.admission.verdict import Verdict
from policyc.audit.record import asked
from policyc.core.canonical import Json, digest
from webhook.judge import Decision

Texts = list[str]
"""A review's own texts, by number; the first one is its uid."""


class _Shown(NamedTuple):
    """A review that was in order: ``said`` is what its record says of it."""

    texts: Texts
    ground: Ground
    said: dict[str, Json]


@dataclass(slots=True)
class Standing:
    """Of all reviews that differ in their own texts alone."""

    _first: _Shown | None = None
    _ground: Ground | None = None
    _verdict: Verdict | None = None
    _said: Mapping[str, Json] = field(default_factory=dict)
    _places: Mapping[str, int] = field(default_factory=dict)
    """Field of the record -> number of the text that it is."""

    def learn(self, texts: Texts, decision: Decision) -> None:
        """Remember a decision that was made on a review, if another one confirms it.

        One of whose texts two are the same does not tell which of them a field of the record is.
        """
        if len(set(texts)) < len(texts):
            return
        request = decision.request
        ground = request.readings.get(IN_ORDER) if request is not None else None
        if request is None or ground is None or decision.verdict.findings:
            self._first = self._ground = None
            return
        first, self._first = self._first, _Shown(texts, ground, dict(asked(request)))
        if first is None or first.ground != ground or any(map(str.__eq__, first.texts, texts)):
            return
        places = _places(first, self._first)
        if places is not None:
            self._ground, self._said, self._places = ground, self._first.said, places
            self._verdict = decision.verdict

    def decide(
        self, texts: Texts, holds: Callable[[Ground, Texts], bool], written: Callable[[], bytes]
    ) -> Decision | None:
        """The decision on another one; None where it has to be made.

        ``holds`` says whether the ground is still the same, and none of the texts a name that
        means something; ``written`` gives the object's canonical JSON.
        """
        ground, old = self._ground, self._verdict
        # Held from before it is compared: a bundle that is replaced meanwhile is not gone.
        bundle = ground.bundle() if ground is not None else None
        if ground is None or bundle is None or old is None or not holds(ground, texts):
            return None
        said = {**self._said, "object": digest(written())}
        for name, number in self._places.items():
            said[name] = texts[number]
        verdict = Verdict(texts[0], (), old.agent, old.stage, old.bundle)
        return Decision(None, verdict, bundle, asked=said)


def _places(one: _Shown, other: _Shown) -> dict[str, int] | None:
    """The fields that differ, each with the text that it is; None where one is something else."""
    if one.said.keys() != other.said.keys():
        return None
    found: dict[str, int] = {}
    for name, value in one.said.items():
        if value == other.said[name] or name == "object":
            continue
        numbers = [i for i, text in enumerate(one.texts) if text == value]
        if not numbers or other.texts[numbers[0]] != other.said[name]:
            return None
        found[name] = numbers[0]
    return found
