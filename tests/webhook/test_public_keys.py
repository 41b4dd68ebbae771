"""Keys are turned over while the webhook serves: the new one beside the old, then without it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support import admission
from support.admission import files, view
from support.webhook import Webhook, review, write_bundle
from support.webhooks import OneObject
from support.widening import AGENT, binding, network_policy

from policyc.bundle.load import Envelopes, load_envelopes
from policyc.bundle.sign import sign_folder
from policyc.bundle.statement import MOST_SERIAL, Statement
from policyc.core.errors import PolicycError, VerificationError
from policyc.deploy.configurations import SERIAL
from policyc.deploy.drift import namespaces
from policyc.deploy.reach import Reach, written
from policyc.envelope.index import PATH as INDEX
from policyc.envelope.index import Entry, read_index
from policyc.envelope.sealed import Packed
from policyc.signing.keys import Signer, Verifier
from policyc.signing.notes import sign_note, signers
from webhook.bundle_store import BundleStore, FolderSource
from webhook.guard import guards
from webhook.logs import Talk
from webhook.public_keys import PublicKeys
from webhook.settings import Serving

OLD = Signer("policy.example.com/bundles", bytes(range(32)))
NEW = Signer("policy.example.com/bundles", bytes(range(1, 33)))
THIRD = Signer("policy.example.com/bundles-3", bytes(range(2, 34)))


def write_keys(path: Path, *keys: Signer) -> Path:
    path.write_text("".join(f"{key.verifier}\n" for key in keys))
    return path


def signed(folder: Path, serial: int, key: Signer) -> Path:
    write_bundle(folder, files())
    folder.with_name(f"{folder.name}.sig").unlink(missing_ok=True)
    sign_folder(folder, key, serial)
    return folder


class Turned:
    """A store in a folder with a file of keys."""

    def __init__(self, folder: Path) -> None:
        self.path = write_keys(folder / "bundle.pub", OLD)
        self.bundle = signed(folder / "b", 5, OLD)
        self.keys = keys = PublicKeys([self.path], Talk())
        source = FolderSource(
            self.bundle, lambda f: load_envelopes(f, keys.current), lambda: keys.current
        )
        self.store = BundleStore(source, 0, Talk(), lambda: keys.current)
        self.store.start()

    def poll(self) -> tuple[int, bool]:
        """The serial in force, and whether it is the newest there is."""
        self.keys.poll()
        self.store.poll()
        return self.store.serial, not self.store.fault


def test_a_bundle_of_the_new_key_is_taken_up_as_soon_as_the_key_is_there(tmp_path: Path) -> None:
    turned = Turned(tmp_path)
    signed(turned.bundle, 6, NEW)
    assert turned.poll() == (5, False)
    write_keys(turned.path, OLD, NEW)
    assert turned.poll() == (6, True)
    write_keys(turned.path, NEW)
    assert turned.poll() == (6, True)
    assert turned.store.loaded == 2, "the same build is not taken up again"
    signed(turned.bundle, 7, OLD)
    assert turned.poll() == (6, False)
    assert turned.store.withdrawn == 0


def test_what_a_key_signed_goes_with_the_key_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    turned = Turned(tmp_path)
    write_keys(turned.path, NEW)
    assert turned.poll() == (0, False)
    assert turned.store.current is None
    assert turned.store.latest is not None, "what it guarded stays guarded"
    (said,) = [r for r in caplog.records if r.message.startswith("bundle withdrawn")]
    assert said.levelno == logging.ERROR
    assert vars(said)["fields"]["code"] == "PC7119"
    signed(turned.bundle, 6, NEW)
    assert turned.poll() == (6, True)
    assert turned.store.withdrawn == 1


def test_the_last_bundle_of_a_key_that_is_still_trusted_comes_back(tmp_path: Path) -> None:
    turned = Turned(tmp_path)
    write_keys(turned.path, OLD, NEW)
    signed(turned.bundle, 6, NEW)
    assert turned.poll() == (6, True)
    write_keys(turned.path, OLD)
    assert turned.poll() == (5, False)
    assert turned.store.latest is turned.store.current, "what it names is guarded"
    write_keys(turned.path, OLD, NEW)
    assert turned.poll() == (6, True), "put back by one who erred"


def test_a_build_that_was_signed_again_stays_when_its_first_key_goes(tmp_path: Path) -> None:
    turned = Turned(tmp_path)
    write_keys(turned.path, OLD, NEW)
    signed(turned.bundle, 5, NEW)
    assert turned.poll() == (5, True)
    write_keys(turned.path, NEW)
    assert turned.poll() == (5, True)
    assert (turned.store.loaded, turned.store.withdrawn) == (1, 0)


def test_the_serials_of_a_stolen_key_go_with_it(tmp_path: Path) -> None:
    turned = Turned(tmp_path)
    write_keys(turned.path, OLD, NEW)
    signed(turned.bundle, MOST_SERIAL, OLD)
    assert turned.poll() == (MOST_SERIAL, True)
    signed(turned.bundle, 6, NEW)
    assert turned.poll() == (MOST_SERIAL, False), "as long as the key is trusted, it is believed"
    write_keys(turned.path, NEW)
    assert turned.poll() == (6, True)
    signed(turned.bundle, 5, NEW)
    assert turned.poll() == (6, False)


@pytest.mark.parametrize("text", ["", "nonsense\n", f"{OLD.to_text()}\n"])
def test_keys_that_cannot_be_used_change_nothing_and_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    turned = Turned(tmp_path)
    turned.path.write_text(text)
    for _ in range(3):
        assert turned.poll() == (5, True)
    said = [r for r in caplog.records if r.message == "public keys refused, the old ones stay"]
    assert [r.levelno for r in said] == [logging.ERROR]
    assert OLD.to_text().strip() not in caplog.text
    assert not turned.keys.is_healthy
    write_keys(turned.path, OLD)
    assert turned.poll() == (5, True)
    assert turned.keys.is_healthy


def test_none_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicycError, match=r"bundle\.pub"):
        PublicKeys([tmp_path / "bundle.pub"], Talk())


def test_a_process_follows_its_file(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "bundle.pub", OLD)
    bundle = signed(tmp_path / "bundle", 5, OLD)
    good = review(admission.request(admission.pod()))
    with Webhook(tmp_path / "w", bundle=bundle, unsigned=None, public_keys=[keys]) as webhook:
        write_keys(keys, NEW)
        webhook.wait_until(lambda: webhook.metric("policyc_bundle_withdrawals") == 1)
        assert webhook.metric("policyc_bundle_healthy") == 0
        assert not webhook.is_ready()
        assert webhook.post(good).reasons == {"BUNDLE_UNAVAILABLE"}
        signed(bundle, 6, NEW)
        webhook.wait_until(lambda: webhook.metric("policyc_bundle_serial") == 6)
        assert webhook.is_ready()
        assert webhook.metric("policyc_keys_healthy") == 1
        loaded = [line for line in webhook.log() if line["message"] == "public keys loaded"]
        assert [line["keys"] for line in loaded] == [
            [f"{NEW.verifier.name}+{NEW.verifier.id.hex()}"]
        ]


# Builds that nobody has to write, and who trusts them.

KEYS = (OLD, NEW, THIRD)
_FILES = files()
_ENTRIES = read_index(_FILES[INDEX])
_PACKED = {e.subject.agent: Packed.of(_FILES[e.path], b"") for e in _ENTRIES}


def build(
    serial: int, variant: int, by: tuple[Signer, ...], entries: list[Entry] = _ENTRIES
) -> Envelopes:
    code = f"sha256:{variant:064x}"
    note = sign_note(Statement(serial, code, code).to_text(), *by)
    return Envelopes(entries, _PACKED, code, serial, note)


class Shown:
    """A source that shows one build, and verifies it as a folder would."""

    where = "the test"

    def __init__(self) -> None:
        self.build = build(1, 1, (OLD,))
        self.keys: tuple[Verifier, ...] = tuple(key.verifier for key in KEYS)

    def look(self) -> object:
        return self.build.note, self.keys

    def read(self) -> Envelopes:
        if not signers(self.build.note, self.keys):
            raise VerificationError("PC7101", "it is signed by none of the given keys")
        return self.build


def moved(entry: Entry, namespace: str) -> Entry:
    """The agent as if it ran in another namespace."""
    subject = entry.subject
    assert subject.workload is not None
    return replace(
        entry,
        subject=replace(
            subject,
            workload=replace(subject.workload, namespace=namespace),
            service_account=f"{namespace}/{subject.agent}",
        ),
    )


class Guarded:
    """A store and the guard of validation that follows it, one look at a time.

    The cluster has an agent with the ClusterRole ``a``, and a NetworkPolicy that chooses by ``team``.
    """

    def __init__(self) -> None:
        self.source = Shown()
        self.store = BundleStore(self.source, 0, Talk(), lambda: self.source.keys)
        self.store.start()
        self.api = OneObject()
        self.now = 0.0
        teams = [{"to": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}]
        cluster = view(binding(AGENT, role="ClusterRole/a"), network_policy(egress=teams))
        _, self.guard = guards(
            self.api,
            self.store,
            lambda: cluster,
            Serving(),
            lambda _: None,
            Talk(),
            lambda: self.now,
        )

    def look(self) -> frozenset[str]:
        """The namespaces that are guarded after it."""
        self.store.poll()
        self.guard.look()
        return namespaces(self.api.live)


def test_namespaces_that_a_thief_s_bundle_took_out_come_back_with_the_honest_one() -> None:
    guarded = Guarded()
    honest = guarded.source.build
    own = guarded.look()
    guarded.source.build = build(99, 2, (NEW,), [moved(entry, "x") for entry in _ENTRIES])
    assert guarded.look() == own - {"agents"} | {"x"}, (
        "as long as the key is trusted, it is believed"
    )
    guarded.source.keys = (OLD.verifier,)
    assert guarded.look() == own | {"x"}, "nothing goes while the object claims the higher serial"
    assert guarded.store.latest is guarded.store.current
    assert guarded.store.serial == honest.serial
    guarded.source.build = honest
    del guarded.api.live["metadata"]["annotations"][SERIAL]
    assert guarded.look() == own


def test_while_no_bundle_is_in_force_what_reaches_agents_stays_in_the_conditions() -> None:
    """For longer than what nobody knows of is kept, and also when the object is made again."""
    guarded = Guarded()
    guarded.look()
    named = written(guarded.api.live)
    assert Reach.of({"a"}, {"team"}) <= named
    guarded.source.keys = (THIRD.verifier,)
    for guarded.now in (0, 299, 301, 9999):
        guarded.look()
        assert guarded.store.current is None
        assert written(guarded.api.live) == named
    guarded.api.live = None
    guarded.look()
    assert written(guarded.api.live) == named


# A law: whatever is signed, shown and trusted in whatever order.


class TurnOver(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.source = Shown()
        self.store = BundleStore(self.source, 0, Talk(), lambda: self.source.keys)
        self.shown = [self.source.build]
        self.store.start()

    @rule(keys=st.sets(st.sampled_from(KEYS), min_size=1))
    def trust(self, keys: set[Signer]) -> None:
        self.source.keys = tuple(key.verifier for key in KEYS if key in keys)
        self.store.poll()

    @rule(
        serial=st.integers(1, 6),
        variant=st.integers(1, 2),
        by=st.lists(st.sampled_from(KEYS), min_size=1, max_size=2, unique=True),
    )
    def show(self, serial: int, variant: int, by: list[Signer]) -> None:
        before = self.store.serial
        self.source.build = build(serial, variant, tuple(by))
        self.shown.append(self.source.build)
        self.store.poll()
        assert self.store.serial >= before, "while keys stay, serials never go back"

    @rule(data=st.data())
    def show_again(self, data: st.DataObject) -> None:
        before = self.store.serial
        self.source.build = data.draw(st.sampled_from(self.shown))
        self.store.poll()
        assert self.store.serial >= before

    @rule()
    def an_honest_one_comes(self) -> None:
        """Its serial is above all that the keys that are trusted now ever signed."""
        keys = self.source.keys
        signer = next(key for key in KEYS if key.verifier in keys)
        seen = [e.serial for e in self.shown if signers(e.note, keys)]
        self.source.build = build(max(seen, default=0) + 1, 1, (signer,))
        self.shown.append(self.source.build)
        self.store.poll()
        assert self.store.serial == self.source.build.serial
        assert not self.store.fault

    @invariant()
    def a_trusted_key_signed_what_is_in_force(self) -> None:
        current = self.store.current
        if current is not None:
            assert any(
                signers(e.note, self.source.keys)
                for e in self.shown
                if (e.serial, e.digest) == (current.serial, current.digest)
            )

    @invariant()
    def what_is_in_force_is_what_is_guarded(self) -> None:
        assert self.store.current in (None, self.store.latest)

    @invariant()
    def without_a_bundle_what_is_shown_is_a_stranger_s_or_old(self) -> None:
        if self.store.current is None:
            shown, keys = self.source.build, self.source.keys
            others = [e.serial for e in self.shown[:-1] if signers(e.note, keys)]
            assert not signers(shown.note, keys) or shown.serial <= max(others)
            assert self.store.fault


TurnOver.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


class TestTurnOver(TurnOver.TestCase):  # type: ignore[misc,name-defined]  # made by Hypothesis
    """Keys, bundles and serials in any order."""
