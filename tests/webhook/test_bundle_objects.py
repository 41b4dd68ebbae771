"""Envelopes from objects of the cluster: what counts is who signed, and that all are there."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import random
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import admission
from support.admission import files
from support.api_server import ApiServer
from support.builds import KEY, STRANGER, built
from support.webhook import Webhook, review, write_bundle

from policyc.admission.bundle import Bundle
from policyc.admission.evaluate import evaluate
from policyc.admission.view import key_of, kind_of
from policyc.bundle.objects import objects_of, read_envelope
from policyc.bundle.sign import sign_folder
from policyc.core.canonical import canonical_json, digest
from policyc.core.errors import VerificationError
from policyc.kube.client import ApiFault, Event, Resource, connect
from webhook.bundle_objects import BUNDLES, ENVELOPES, ObjectSource
from webhook.bundle_store import BundleStore
from webhook.logs import Talk

Json = Any


class Nobody:
    """A cluster that is never asked: the tests hand its events over."""

    def resource(self, group: str, kind: str) -> Resource | None:
        raise NotImplementedError

    def list(self, resource: Resource, keep: Any = None) -> tuple[list[Json], str]:
        raise NotImplementedError

    def watch(self, resource: Resource, version: str, seconds: int) -> Any:
        raise NotImplementedError


class Held:
    """A store over the objects that are put into it and taken out of it."""

    def __init__(self, minimum: int = 0) -> None:
        self._now = 0.0
        self.source = ObjectSource(Nobody(), lambda: [KEY.verifier], 1e9, Talk())
        self.source.watch._clock = self._tick
        self.store = BundleStore(self.source, minimum, Talk())
        for kind in self.source.watch._kept:
            self.source.watch._replace(kind, [])

    def _tick(self) -> float:
        self._now += 1.0
        return self._now

    def put(self, *bodies: Json) -> Held:
        return self._tell("ADDED", bodies)

    def remove(self, *bodies: Json) -> Held:
        return self._tell("DELETED", bodies)

    def _tell(self, word: str, bodies: tuple[Json, ...]) -> Held:
        for body in bodies:
            self.source.watch._apply(kind_of(body), Event(word, copy.deepcopy(body)))
        self.store.poll()
        return self

    @property
    def serial(self) -> int:
        return self.store.serial


def index_of(serial: int) -> Json:
    return built(serial)[-1]


def test_a_build_is_in_force_when_all_of_it_is_there() -> None:
    held = Held()
    for body in built(5):
        assert held.store.current is None
        held.put(body)
    assert (held.serial, held.store.fault) == (5, "")
    bundle = held.store.current
    assert bundle is not None
    assert set(bundle.agents) == {"research", "summary", "digest"}
    for request in (admission.request(admission.pod()), admission.request(changed_pod())):
        verdict = evaluate(request, bundle, admission.view(), admission.SETTINGS, admission.TODAY)
        assert verdict.findings == admission.judge(request).findings


def changed_pod() -> Json:
    body = admission.pod()
    body["spec"]["hostNetwork"] = True
    return body


@settings(max_examples=30, deadline=None)
@given(st.permutations([*built(6), *(("gone", b) for b in built(5))]))
def test_whatever_comes_first_one_build_is_in_force_and_whole(steps: list[Any]) -> None:
    """The new objects come and the old ones go in any order; a replica may start at any time."""
    held = Held().put(*built(5))
    there = {key_of(body): body for body in built(5)}
    new = {key_of(body) for body in built(6)}
    for step in steps:
        if not isinstance(step, tuple):
            held.put(step)
            there[key_of(step)] = step
        elif key_of(step[1]) not in new:  # an envelope of both builds stays
            held.remove(step[1])
            del there[key_of(step[1])]
        assert is_whole(held.store.current)
        started = Held().put(*there.values()).store
        assert is_whole(started.current) or (started.current is None and started.fault)
    assert (held.serial, held.store.fault) == (6, "")


def is_whole(bundle: Bundle | None) -> bool:
    """Whether every envelope is of the build that the serial names."""
    return bundle is not None and all(
        agent.envelope.subject.owner == f"team-{bundle.serial}@corp.example"
        for agent in bundle.agents.values()
        if agent.name != "digest"
    )


def tampered(body: Json, change: Callable[[Json], object]) -> Json:
    made = copy.deepcopy(body)
    change(made)
    return made


def research(serial: int) -> Json:
    return next(b for b in built(serial) if b["metadata"]["name"].startswith("research."))


def without_signature(body: Json) -> None:
    body["spec"]["signature"] = ""


def with_another_serial(body: Json) -> None:
    body["spec"]["signature"] = body["spec"]["signature"].replace("serial 6", "serial 7")


def with_another_index(body: Json) -> None:
    body["spec"]["agents"] = index_of(4)["spec"]["agents"]


def with_half_an_index(body: Json) -> None:
    body["spec"]["agents"] = body["spec"]["agents"][:-40]


def without_spec(body: Json) -> None:
    body["spec"] = None


def widened(body: Json) -> None:
    body["spec"]["domains"]["tools"] = [{}]


def renamed_agent(body: Json) -> None:
    body["spec"]["subject"]["agent"] = "summary"


BROKEN: dict[str, Callable[[], tuple[Json, ...]]] = {
    "J6-unsigned": lambda: (*built(6)[:-1], tampered(index_of(6), without_signature)),
    "J6-bad-signature": lambda: (*built(6)[:-1], tampered(index_of(6), with_another_serial)),
    "J6-wrong-key": lambda: built(6, STRANGER),
    "J6-older": lambda: built(4),
    "J6-another-index": lambda: (*built(6)[:-1], tampered(index_of(6), with_another_index)),
    "J6-cut-index": lambda: (*built(6)[:-1], tampered(index_of(6), with_half_an_index)),
    "J6-changed-envelope": lambda: (*built(6)[1:], tampered(built(6)[0], widened)),
    "J6-envelope-of-another": lambda: (*built(6)[1:], tampered(built(6)[0], renamed_agent)),
    "J7-no-envelopes": lambda: (index_of(6),),
    "J7-no-index": lambda: built(6)[:-1],
    "J7-nothing-in-them": lambda: tuple(tampered(body, without_spec) for body in built(6)),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_no_known_key_signed_changes_nothing(fault: str) -> None:
    held = Held().put(*built(5))
    good = held.store.current
    held.put(*BROKEN[fault]())
    assert held.store.current is good
    if fault != "J6-older":
        held.put(*built(6))
        assert (held.serial, held.store.fault) == (6, "")


@pytest.mark.parametrize("fault", [f for f in BROKEN if f != "J6-older"])
def test_without_a_last_good_one_there_is_none(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A restart in the middle: nothing is taken, and why is said."""
    held = Held().put(*BROKEN[fault]())
    assert held.store.current is None
    assert held.store.fault
    assert "bundle refused, and none is in force" in caplog.messages
    assert "the last good one" not in caplog.text


@pytest.mark.parametrize("gone", ["J7-index", "J7-envelope", "J7-all"])
def test_what_is_deleted_stays_in_force_and_is_said(gone: str) -> None:
    held = Held().put(*built(5))
    good = held.store.current
    held.remove(*{"J7-index": built(5)[-1:], "J7-envelope": built(5)[:1]}.get(gone, built(5)))
    assert held.store.current is good
    assert held.store.refused == 1
    assert held.store.fault


def test_j6_an_older_build_in_the_place_of_the_newer_is_refused() -> None:
    held = Held().put(*built(6))
    good = held.store.current
    held.remove(*built(6)).put(*built(5))
    assert held.store.current is good
    assert "older than 6" in held.store.fault
    assert Held(minimum=6).put(*built(5)).store.current is None


@pytest.mark.parametrize(
    "junk",
    [{}, {"spec": []}, {"spec": {"subject": {"agent": 7}}}, {"spec": {"subject": {"agent": "a", "x": float("nan")}}},
     {"spec": {"subject": {"agent": "\ud800"}}}, {"spec": {"agents": "!", "signature": "\ud800"}}],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["AgentEnvelope", "EnvelopeBundle"])
def test_objects_of_any_form_are_passed_over(kind: str, junk: Json) -> None:
    body = {"apiVersion": "policyc.dev/v1", "kind": kind, "metadata": {"name": "junk"}, **junk}
    assert Held().put(body, *built(5)).serial == 5


def test_an_index_that_unpacks_to_too_much_is_refused() -> None:
    bomb = base64.b64encode(zlib.compress(b"[" * (65 << 20), 9)).decode()
    body = tampered(index_of(6), lambda b: b["spec"].update(agents=bomb))
    assert Held().put(*built(6)[:-1], body).store.current is None


class Listing(Nobody):
    """A cluster that lists a build and breaks every watch off."""

    def __init__(self, bodies: Iterable[Json]) -> None:
        self._bodies = list(bodies)
        self.lists = 0

    def resource(self, group: str, kind: str) -> Resource | None:
        return Resource(group, "v1", kind, kind)

    def list(self, resource: Resource, keep: Any = None) -> tuple[list[Json], str]:
        self.lists += 1
        return [keep(copy.deepcopy(b)) for b in self._bodies if b["kind"] == resource.kind], "1"

    def watch(self, resource: Resource, version: str, seconds: int) -> Any:
        raise ApiFault(500, "broken off")


def test_a_key_that_comes_later_is_asked_about_what_was_refused() -> None:
    keys = [STRANGER.verifier]
    source = ObjectSource(Listing(built(5)), lambda: tuple(keys), 1e9, Talk())
    ticks = itertools.count()
    source.watch._clock = lambda: float(next(ticks))
    store = BundleStore(source, 0, Talk(), lambda: tuple(keys))
    for kind in (ENVELOPES, BUNDLES):
        with pytest.raises(ApiFault):
            source.watch.follow(kind)
    store.poll()
    assert (store.serial, bool(store.fault)) == (0, True)
    keys.append(KEY.verifier)
    store.poll()
    assert (store.serial, store.fault) == (5, "")
    keys.clear()
    store.poll()
    assert (store.serial, bool(store.fault)) == (0, True)
    keys.append(KEY.verifier)
    store.poll()
    assert (store.serial, store.fault) == (5, "")


def junk(number: int, size: int = 1_400_000) -> Json:
    """An EnvelopeBundle as somebody writes it who has no key; listed before those that have."""
    body = copy.deepcopy(index_of(5))
    body["metadata"]["name"] = f"junk-{number:03}"
    body["spec"] = {"signature": "\n\n", "agents": "A" * size}
    return body


def kept_bytes(source: ObjectSource) -> int:
    """Of the texts of all EnvelopeBundles that are not believed."""
    bodies: list[Any] = list(source.watch.view().all(*BUNDLES))
    return sum(len(t) for b in bodies for t in b["claim"]._body.get("spec", {}).values())


@pytest.mark.parametrize("size", [1_400_000, 60_000])
def test_what_nobody_signed_takes_a_few_mib_however_much_there_is(size: int) -> None:
    held = Held().put(*built(5))
    held.put(*(junk(i, size) for i in range(100)))
    assert 2 << 20 < kept_bytes(held.source) <= 4 << 20
    held.put(*(junk(i, size) for i in range(100)))
    assert 2 << 20 < kept_bytes(held.source) <= 4 << 20
    held.put(*(junk(i, 10) for i in range(100)))
    assert kept_bytes(held.source) < 1 << 20
    assert held.put(*built(6)).serial == 6


def envelope(number: int, size: int) -> Json:
    """An AgentEnvelope as somebody writes it who has no key; it cannot be packed."""
    body = copy.deepcopy(built(5)[0])
    body["metadata"]["name"] = f"a-{number:06}"
    body["spec"]["subject"]["owner"] = random.Random(number).randbytes(size // 2).hex()
    return body


def envelope_bytes(source: ObjectSource) -> int:
    """What is kept of all AgentEnvelopes, about."""
    bodies: list[Any] = list(source.watch.view().all(*ENVELOPES))
    return sum(len(b["packed"].data) + 1024 for b in bodies)


@pytest.mark.parametrize(("size", "count"), [(300_000, 20), (16, 1500)])
def test_envelopes_that_no_signed_index_names_have_so_much_room_however_many_there_are(
    size: int, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held().put(*built(5))
    source, room = held.source, 1 << 20
    source._unnamed.left_bytes -= (32 << 20) - room  # at its own size it would take a minute
    for body in (envelope(i, size) for i in range(count)):
        source.watch._apply(ENVELOPES, Event("ADDED", body))
    assert room // 2 < envelope_bytes(source) <= room + 3 * 8192
    assert source.dropped == count - len([*source.watch.view().all(*ENVELOPES)]) + 3
    assert len([r for r in caplog.records if getattr(r, "fields", {}).get("code") == "PC7120"]) == 1
    assert held.serial == 5
    held.remove(*(envelope(i, size) for i in range(count)))
    assert source._unnamed.left_bytes == room
    assert held.put(*built(6)).serial == 6
    assert source._unnamed.left_bytes == room


def test_copies_of_a_signed_envelope_take_room_as_any_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    held = Held().put(*built(5))
    source, room, own = held.source, 1 << 20, built(5)[0]
    source._unnamed.left_bytes -= (32 << 20) - room
    copies = [copy.deepcopy(own) for _ in range(2000)]
    for i, body in enumerate(copies):
        body["metadata"]["name"] = f"copy-{i:06}"
    for body in copies:
        source.watch._apply(ENVELOPES, Event("ADDED", body))
    kept = len([*source.watch.view().all(*ENVELOPES)])
    assert source.dropped == len(copies) - kept + 3 > 900
    assert len([r for r in caplog.records if getattr(r, "fields", {}).get("code") == "PC7120"]) == 1
    left = source._unnamed.left_bytes
    assert held.put(*built(5)).serial == 5  # the signed ones themselves come again
    assert source.dropped == len(copies) - kept + 3
    assert source._unnamed.left_bytes == left
    held.remove(own)  # a copy is in its place
    assert (held.serial, held.store.fault) == (5, "")
    assert left < source._unnamed.left_bytes < left + 8192
    held.put(own).remove(*copies)  # and now it is in theirs
    assert source._unnamed.left_bytes == room
    assert held.put(*built(6)).serial == 6


def test_an_envelope_for_which_there_was_no_room_is_listed_again_when_an_index_names_it() -> None:
    """The index of a build comes last: until then nobody knows which envelopes are its own."""
    crowd = Listing([envelope(0, 16), *built(5)[:-1]])
    source = ObjectSource(crowd, lambda: (KEY.verifier,), 1e9, Talk())
    ticks = itertools.count()
    source.watch._clock = lambda: float(next(ticks))
    source._unnamed.left_bytes = 0
    store = BundleStore(source, 0, Talk(), lambda: (KEY.verifier,))

    def follow() -> None:
        for kind in (ENVELOPES, BUNDLES):
            with pytest.raises(ApiFault):
                source.watch.follow(kind)
        store.poll()

    follow()
    follow()
    assert (crowd.lists, store.serial) == (2, 0)
    source.watch._apply(BUNDLES, Event("ADDED", index_of(5)))
    store.poll()
    assert (store.serial, bool(store.fault)) == (0, True)
    follow()
    assert (crowd.lists, store.serial, store.fault) == (3, 5, "")
    follow()
    assert crowd.lists == 3


def test_a_crowd_of_large_objects_is_listed_in_small_pages(tmp_path: Path) -> None:
    """All of them at once would take more than the process has."""
    crowd = [*(junk(i) for i in range(40)), *built(5)]
    with ApiServer(crowd) as server:
        cluster = connect(server.kubeconfig(tmp_path))
        resource = cluster.resource(*BUNDLES)
        assert resource is not None
        names, _ = cluster.list(resource, lambda body: {"name": key_of(body)[1]})
        assert max(server.page_bytes.values()) <= 16 << 20
    assert [row["name"] for row in names] == [key_of(b)[1] for b in crowd if kind_of(b) == BUNDLES]


def test_what_had_no_room_is_listed_again_when_keys_change() -> None:
    keys = [STRANGER.verifier]
    crowd = Listing([junk(0, (4 << 20) - 2200), *built(5)])
    source = ObjectSource(crowd, lambda: tuple(keys), 1e9, Talk())
    ticks = itertools.count()
    source.watch._clock = lambda: float(next(ticks))
    store = BundleStore(source, 0, Talk(), lambda: tuple(keys))

    def follow() -> None:
        for kind in (ENVELOPES, BUNDLES):
            with pytest.raises(ApiFault):
                source.watch.follow(kind)
        store.poll()

    follow()
    assert crowd.lists == 2
    follow()
    assert (crowd.lists, store.serial) == (2, 0)
    keys.append(KEY.verifier)
    store.poll()
    assert store.serial == 0
    follow()
    assert (crowd.lists, store.serial) == (3, 5)
    follow()
    assert crowd.lists == 3


def test_what_is_kept_of_an_object_is_small() -> None:
    held = Held().put(*built(5))
    for body in held.source.watch.view().all(*ENVELOPES):
        assert set(body) == {"metadata", "digest", "packed", "place"}


def test_objects_are_made_of_a_signed_folder_only(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b", files())
    with pytest.raises(VerificationError, match=r"b\.sig"):
        list(objects_of(folder))
    sign_folder(folder, KEY)
    assert [body["kind"] for body in objects_of(folder)] == [
        *["AgentEnvelope"] * 3,
        "EnvelopeBundle",
    ]
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes() + b"\n")
    with pytest.raises(VerificationError, match="another build"):
        list(objects_of(folder))


def test_a_process_takes_them_up_and_keeps_them(tmp_path: Path) -> None:
    keys = tmp_path / "bundle.pub"
    keys.write_text(f"{KEY.verifier}\n")
    with ApiServer([*admission.cluster(), *built(5)]) as server:
        webhook = Webhook(
            tmp_path,
            cluster=True,
            kubeconfig=server.kubeconfig(tmp_path),
            unsigned=None,
            public_keys=[keys],
            bundle_objects=True,
        )
        with webhook:
            assert webhook.metric("policyc_bundle_serial") == 5
            good = review(admission.request(admission.pod()))
            webhook.wait_until(lambda: webhook.post(good).response["allowed"])
            server.put(tampered(index_of(6), with_another_serial))
            for body in built(6):
                server.put(body)
            webhook.wait_until(lambda: webhook.metric("policyc_bundle_serial") == 6)
            refused = [line for line in webhook.log() if line["message"] == "object refused"]
            assert [line["name"] for line in refused] == ["serial-6"]
            for body in built(6):
                server.remove(body)
            webhook.wait_until(lambda: webhook.metric("policyc_bundle_healthy") == 0)
            assert webhook.is_ready()
            assert webhook.post(good).response["allowed"]


def test_rights_that_are_missing_are_named(tmp_path: Path) -> None:
    keys = tmp_path / "bundle.pub"
    keys.write_text(f"{KEY.verifier}\n")
    with ApiServer([*admission.cluster(), *built(5)]) as server:
        server.forbidden.add(ENVELOPES)
        webhook = Webhook(
            tmp_path,
            cluster=True,
            kubeconfig=server.kubeconfig(tmp_path),
            unsigned=None,
            public_keys=[keys],
            bundle_objects=True,
        )
        webhook.daemon.start()
        try:
            webhook.wait_until(lambda: "agentenvelopes is forbidden" in said(webhook))
            assert webhook.probe("/readyz")[0] == 503
            answer = webhook.post(review(admission.request(admission.pod())))
            assert answer.reasons == {"BUNDLE_UNAVAILABLE"}
        finally:
            webhook.daemon.stop()


def said(webhook: Webhook) -> str:
    try:
        return webhook.probe("/readyz")[1]
    except OSError:
        return ""


KEYS = st.sampled_from(["a", "b", "é", "\U0001f600", '"', "\x7f", "<"])
SPECS = st.dictionaries(
    KEYS,
    st.recursive(
        st.integers() | KEYS | st.booleans() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=10,
    ),
    max_size=4,
)


@given(SPECS, st.sampled_from(["true", "false", "none", "of other bytes"]))
def test_an_envelope_is_read_as_its_canonical_json(spec: Json, claim: str) -> None:
    """Whatever the object says of itself; what it says truly of other bytes is no name of an envelope."""
    spec = {**spec, "subject": {"agent": "bot"}}
    code = digest(canonical_json(spec))
    claims = {
        "true": code,
        "false": digest(b""),
        "none": 1,
        "of other bytes": digest(json.dumps(spec, separators=(",", ":"), ensure_ascii=False).encode()),
    }  # fmt: skip
    found = read_envelope({"spec": spec, "digest": claims[claim]})
    assert found is not None
    named, document = found
    own = {
        "apiVersion": "policyc.dev/v1", "kind": "AgentEnvelope",
        "metadata": {"name": "bot"}, "spec": spec, "digest": named,
    }  # fmt: skip
    if claim == "of other bytes":
        assert named in (code, claims[claim])
        assert json.loads(document) == own
    else:
        assert (named, document) == (code, canonical_json(own))
