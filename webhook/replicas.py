"""Reviews that differ from one before in a few plain texts: the replicas of a workload.

A new pod has a uid of its own, a name, and a name for the volume of its token; all other bytes of its
review are those of the pod before it.  Where that is so, byte for byte, what it says is known:
the value of the one before, with other texts in these places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from policyc.admission.pods import WORDS, pod_of
from policyc.admission.replicas import Ground
from policyc.admission.request import Request
from policyc.admission.review import read_review
from policyc.audit.record import WRITTEN
from policyc.core.canonical import Json, canonical_json
from webhook.judge import Decision
from webhook.standing import Standing

LONGEST = 16 * 1024
_MOST = 64
"""Reviews that are kept, one of a length: with their values some 8 MiB at most."""
_MISSES = 8
"""So many in a row, and another review of the length is cut: two workloads that take turns do not
have it done at every turn, and what never comes again costs an eighth of it."""
_PLAIN = re.compile(rb"[a-z0-9-]{8,128}")
"""What stands in JSON as itself, whatever stands around it."""
_ESCAPED = re.compile(rb"(?i)\\u00(?:2d|3[0-9]|6[1-9a-f]|7[0-9a])")
"""A plain character that does not stand as itself: Go writes none so, JSON allows it."""
_TOKEN_VOLUME = b"kube-api-access-"  # plugin/pkg/admission/serviceaccount

T = TypeVar("T")
Plan = Mapping[Any, Any]  # key or index -> the number of a text, or the plan of what stands there


class Known:
    """The last reviews, one of each length."""

    def __init__(self) -> None:
        self._by_size: dict[int, _Like | None] = {}
        """None where the last one that was tried could not be cut."""
        self._misses: dict[int, int] = {}

    def find(self, data: bytes) -> Replica | None:
        """A review that is like a known one, or None."""
        like = self._by_size.get(len(data))
        texts = like.texts(data) if like is not None else None
        if like is None or texts is None:
            return None
        self._misses.pop(len(data), None)
        return Replica(like, texts)

    def keep(self, data: bytes, value: Json) -> None:
        """``value`` is a review, as it was read of the bytes, strictly.

        The second one of a length is kept: what comes once would push out what is of use.  It stays
        until so many others have come, one after the other, that it is of no use any longer.
        """
        size = len(data)
        if size > LONGEST or not _is_generated(value):
            return
        misses = self._misses.get(size, 0) + 1
        if misses < (_MISSES if size in self._by_size else 2):
            _put(self._misses, size, misses)
            return
        self._misses.pop(size, None)
        _put(self._by_size, size, _like(data, value))


class Replica:
    """A review that differs from a known one in its own texts alone."""

    __slots__ = ("_like", "_names", "_texts")

    def __init__(self, like: _Like, texts: list[bytes]) -> None:
        self._like = like
        self._texts = texts
        self._names = [text.decode() for text in texts]

    def request(self) -> Request:
        """What it asks; parts of it are shared with others."""
        return self._like.request(self._texts)

    def learn(self, decision: Decision) -> None:
        """What was decided about it, by validation."""
        self._like.standing.learn(self._names, decision)

    def decide(self, holds: Callable[[Ground, list[str]], bool]) -> Decision | None:
        """What was decided about those before, where that holds for it; else None."""
        return self._like.standing.decide(
            self._names, holds, lambda: self._like.written(self._texts)
        )


class _Like:
    """One review, cut where its own texts stand; ``texts`` are the plain ones, by number."""

    def __init__(self, data: bytes, value: Json, texts: list[bytes], plan: Plan) -> None:
        self._value = value
        self._plan = plan
        self._data = _Cut.at(data, texts)
        self._firsts = [data.index(b'"%b"' % text) + 1 for text in texts]
        self._sizes = [len(text) for text in texts]
        self._heads = [_TOKEN_VOLUME if text.startswith(_TOKEN_VOLUME) else b"" for text in texts]
        self.standing = Standing()
        own = read_review(value)
        self._object = _Cut.at(canonical_json(own.object), texts)
        self._words = self._words_in_common(own, texts)

    @property
    def count(self) -> int:
        """How often the texts stand in the review."""
        return len(self._data.pieces)

    @property
    def count_in_object(self) -> int:
        """How often they stand in the object, as it is written for the log."""
        return len(self._object.pieces)

    def texts(self, data: bytes) -> list[bytes] | None:
        """Its own texts, when nothing but them is another one; else None."""
        texts = [
            data[first : first + size]
            for first, size in zip(self._firsts, self._sizes, strict=True)
        ]
        if not all(map(_PLAIN.fullmatch, texts)) or not all(
            map(bytes.startswith, texts, self._heads)
        ):
            return None
        return texts if self._data.filled(texts) == data else None

    def request(self, texts: list[bytes]) -> Request:
        """The request with these texts.  It shares parts with others."""
        request = read_review(_filled(self._value, self._plan, [t.decode() for t in texts]))
        request.readings[WRITTEN] = lambda: self.written(texts)
        if self._words:
            request.readings[WORDS] = self._words
        return request

    def written(self, texts: list[bytes]) -> bytes:
        """The canonical JSON of the object with these texts."""
        return self._object.filled(texts)

    def _words_in_common(self, own: Request, texts: list[bytes]) -> bytes:
        """What the pods say that are like it; empty where one of the texts is a part of that."""
        others = [text[:-1] + (b"0" if text[-1:] != b"0" else b"1") for text in texts]
        other = read_review(_filled(self._value, self._plan, [t.decode() for t in others]))
        words = {pod.words() if (pod := pod_of(r)) is not None else b"" for r in (own, other)}
        return words.pop() if len(words) == 1 else b""


class _Cut(NamedTuple):
    """Bytes without the texts that stand in them: each piece is followed by the text of its number."""

    pieces: list[tuple[bytes, int]]
    last: bytes

    @classmethod
    def at(cls, data: bytes, texts: list[bytes]) -> _Cut:
        """Cut at every JSON string that is one of the texts."""
        places = sorted(
            (place, number) for number, text in enumerate(texts) for place in _places(data, text)
        )
        pieces, end = [], 0
        for start, number in places:
            pieces.append((data[end:start], number))
            end = start + len(texts[number])
        return cls(pieces, data[end:])

    def filled(self, texts: list[bytes]) -> bytes:
        parts = [part for piece, number in self.pieces for part in (piece, texts[number])]
        return b"".join([*parts, self.last])


def _places(data: bytes, text: bytes) -> Iterator[int]:
    """Where a text stands between quotation marks."""
    quoted = b'"%b"' % text
    found = data.find(quoted)
    while found >= 0:
        yield found + 1
        found = data.find(quoted, found + len(quoted))


def _like(data: bytes, value: Json) -> _Like | None:
    """None where one of the texts is not plain, is not there, or stands where it is no text of its own."""
    texts = [*dict.fromkeys(_own(value))]
    plain = [text.encode() for text in texts]
    if not plain or not all(map(_PLAIN.fullmatch, plain)) or _ESCAPED.search(data):
        return None
    numbers = {text: i for i, text in enumerate(texts)}
    plan, count = _planned(value, numbers)
    body = _of(_of(value, "request"), "object")
    like = _Like(data, value, plain, plan)
    # Each of the values stands in the bytes as it is.  A key, or the end of a text with a
    # quotation mark, would be found in the bytes and not among the values.
    if (like.count, like.count_in_object) != (count, _planned(body, numbers)[1]):
        return None
    return like


def _put(known: dict[int, T], size: int, kept: T) -> None:
    """What came first goes when there are too many."""
    known.pop(size, None)
    known[size] = kept
    if len(known) > _MOST:
        del known[next(iter(known))]


def _is_generated(value: Json) -> bool:
    """Whether it is about an object whose name somebody made for it."""
    return bool(_of(_of(_of(_of(value, "request"), "object"), "metadata"), "generateName"))


def _own(value: Json) -> Iterator[str]:
    """The texts that are another review's own: its uid, the object's name, the token's volume.

    Kubernetes adds one such volume (plugin/pkg/admission/serviceaccount): others are no replica's own.
    """
    request = _of(value, "request")
    body = _of(request, "object")
    volumes = _of(_of(body, "spec"), "volumes")
    names = (_of(v, "name") for v in (volumes if isinstance(volumes, list) else ()))
    token = (n for n in names if isinstance(n, str) and n.startswith(_TOKEN_VOLUME.decode()))
    for name in (_of(request, "uid"), _of(_of(body, "metadata"), "name"), next(token, None)):
        if isinstance(name, str):
            yield name


def _of(value: Json, key: str) -> Json:
    return value.get(key) if isinstance(value, dict) else None


def _planned(value: Json, numbers: Mapping[str, int]) -> tuple[Plan, int]:
    """Where the texts stand in a value, and how often."""
    plan: dict[Any, Any] = {}
    count = 0
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    )
    for key, item in inside:
        if isinstance(item, str):
            if item in numbers:
                plan[key] = numbers[item]
                count += 1
        elif isinstance(item, (dict, list)):
            below, more = _planned(item, numbers)
            if below:
                plan[key] = below
                count += more
    return plan, count


def _filled(value: Any, plan: Plan, texts: list[str]) -> Any:  # JSON, copied where the plan leads
    made = value.copy()
    for key, below in plan.items():
        made[key] = texts[below] if isinstance(below, int) else _filled(value[key], below, texts)
    return made
