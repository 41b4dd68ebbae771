"""A review that is like a known one says what it would say if it were read."""

from __future__ import annotations

import copy
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import pytest
from support.admission import pod, request
from support.bent_bytes import bent
from support.drawn_replicas import replica, written
from support.scale import MANY
from support.webhook import review

from policyc.admission.pods import WORDS, pod_of
from policyc.admission.request import Request
from policyc.admission.review import ReviewError, read_review
from policyc.audit.record import WRITTEN, asked
from policyc.core import strict_json
from policyc.core.canonical import canonical_json
from webhook.replicas import Known

Json = Any


def read(data: bytes) -> Request | None:
    try:
        return read_review(strict_json.loads(data))
    except (ReviewError, ValueError):
        return None


class Words:
    """What pods said that were given the same words."""

    def __init__(self) -> None:
        self._said: dict[bytes, str] = {}

    def agree(self, made: Request) -> None:
        found = pod_of(made)
        if WORDS in made.readings and found is not None:
            said = repr((found.spec_with(()), found.annotations))
            assert self._said.setdefault(made.readings[WORDS], said) == said


def requested(known: Known, data: bytes) -> Request | None:
    found = known.find(data)
    return found.request() if found is not None else None


def agree(known: Known, data: bytes, words: Words) -> bool:
    """Whether the review was known, and then says what a reader finds in it."""
    plain, found = read(data), requested(known, data)
    if found is None:
        if plain is not None:
            known.keep(data, strict_json.loads(data))
        return False
    assert plain is not None
    assert repr(found) == repr(plain)
    assert found.readings[WRITTEN]() == canonical_json(plain.object)
    words.agree(found)
    assert asked(found) == asked(plain)
    return True


@pytest.mark.parametrize("seed", range(4))
def test_whatever_was_read_before(seed: int) -> None:
    """One after the other, bent now and then: what is known says what it would say if it were read."""
    rng, known, words = random.Random(seed), Known(), Words()
    hits = 0
    for _ in range(MANY // 2):
        data = written(replica(rng), rng)
        hits += agree(known, data, words)
        agree(known, bent(rng, data), words)
    assert hits > MANY // 20


def plain(ending: str, token: str = "kube-api-access-abcde", **spec: Json) -> bytes:
    body = pod()
    body["metadata"] |= {"name": f"bot-{ending}", "generateName": "bot-"}
    body["spec"] |= {"volumes": [{"name": token, "emptyDir": {}}], **spec}
    return written(review(request(body), f"00000000-{ending}"))


def warmed() -> Known:
    known = Known()
    for ending in ("aaaaa", "bbbbb"):
        assert not agree(known, plain(ending), Words())
    assert agree(known, plain("ccccc"), Words())
    return known


@pytest.mark.parametrize(
    "other",
    [
        plain("AAAAA"), plain('a"b",'), plain("ccccc", "kube-apx-access-abcde"), plain("ccccc", hostNetwork=1),
        plain("ccccc").replace(b"bot-ccccc", b"bot-ddddd", 1), plain("ccccc").replace(b"research", b"rosearch", 1),
        plain("ccccc")[:-2] + b"]\n", b"x" * len(plain("ccccc")),
    ],
)  # fmt: skip
def test_anything_else_is_read(other: bytes) -> None:
    assert warmed().find(other) is None


@pytest.mark.parametrize("value", ['x"bot-bbbbb', "bot-bbbbb", '"bot-bbbbb"'])
@pytest.mark.parametrize("mark", ['\\"', "\\u0022"])
def test_a_text_that_ends_as_the_name_does(value: str, mark: str) -> None:
    """In the canonical form it may stand where the name was not found in the review."""
    known = Known()
    variable = {"name": "c", "image": "x", "env": [{"name": "E", "value": value}]}
    for ending in ("aaaaa", "bbbbb", "ccccc", "ddddd"):
        data = plain(ending, containers=[variable]).replace(b'\\"', mark.encode())
        agree(known, data, Words())


@pytest.mark.parametrize("stem", ["00000000-", "bot-", "kube-api-access-"])
@pytest.mark.parametrize("place", range(0, 9, 2))
def test_a_text_that_is_written_with_escapes_is_read(stem: str, place: int) -> None:
    known = Known()
    for i in range(12):
        own = f"{stem}{i:05}"
        other = f"{own[:place]}\\u{ord(own[place]):04X}{own[place + 1 :]}"
        data = plain(f"{i:05}", f"kube-api-access-{i:05}")
        assert own.encode() in data
        assert not agree(known, data.replace(own.encode(), other.encode()), Words())


def test_a_key_is_not_the_text_that_is_written_with_escapes() -> None:
    known = Known()
    for key in ("a0000000-00000", "a0000000-00000", "a0000000-00001"):
        body = json.loads(plain("00000"))
        body["request"]["userInfo"]["extra"] = {key: ["x"]}
        body["request"]["uid"] = "a0000000-00000"
        data = written(body).replace(b'"uid":"a', b'"uid":"\\u0061', 1)
        assert not agree(known, data, Words())


def test_what_is_shared_is_left_as_it_was() -> None:
    known = warmed()
    first = requested(known, plain("ddddd"))
    assert first is not None
    before = copy.deepcopy(first.object)
    second = requested(known, plain("eeeee"))
    assert second is not None
    assert second.object is not None
    assert second.object["metadata"]["name"] == "bot-eeeee"
    assert first.object == before


def work(action: Callable[[], object]) -> Counter[str]:
    """How often what was called, functions of C too."""
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, called: Any) -> None:  # Any: as sys.setprofile has it
        if event in ("call", "c_call"):
            calls[frame.f_code.co_name if event == "call" else called.__name__] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return calls


def kept(reviews: Iterable[bytes]) -> Counter[str]:
    """The work of keeping what is not known."""
    known, calls = Known(), Counter[str]()
    for data in reviews:
        value = strict_json.loads(data)
        if known.find(data) is None:
            calls += work(lambda d=data, v=value: known.keep(d, v))  # type: ignore[misc]  # bound now
    return calls


def test_volumes_that_are_called_like_the_tokens_cost_no_more_than_others() -> None:
    """One of them is a replica's own, however many there are."""

    def work_of(stem: str) -> int:
        volumes = [{"name": f"{stem}-{i:05}"} for i in range(300)]
        reviews = [plain(ending, volumes=volumes) for ending in ("aaaaa", "bbbbb")]
        return kept(reviews).total()

    assert work_of("kube-api-access") < 1.1 * work_of("kube-apo-access")


def test_what_always_differs_is_cut_now_and_then() -> None:
    """One of eight that are not known, not each of them."""
    reviews = [plain("aaaaa", hostname=f"host-{i:05}") for i in range(82)]
    assert kept(reviews)["_like"] == 11


def test_two_workloads_of_one_length_that_take_turns_are_cut_once() -> None:
    reviews = [plain(f"{i:05}", hostname=f"host-{i % 2}") for i in range(40)]
    assert kept(reviews)["_like"] == 1


def test_a_workload_that_comes_after_another_is_known_in_the_end() -> None:
    known = warmed()
    other = [plain(f"{i:05}").replace(b"research", b"rosearch") for i in range(12)]
    assert [agree(known, data, Words()) for data in other] == [False] * 8 + [True] * 4
