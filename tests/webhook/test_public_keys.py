"""Keys are turned over while the webhook serves: the new one beside the old, then without it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from support.admission import files
from support.webhook import Webhook, write_bundle

from policyc.bundle.load import load_envelopes
from policyc.bundle.sign import sign_folder
from policyc.core.errors import PolicycError
from policyc.signing.keys import Signer
from webhook.bundle_store import BundleStore, FolderSource
from webhook.logs import Talk
from webhook.public_keys import PublicKeys

OLD = Signer("policy.example.com/bundles", bytes(range(32)))
NEW = Signer("policy.example.com/bundles", bytes(range(1, 33)))


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
        self.store = BundleStore(source, 0, Talk())
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


def test_a_key_that_is_taken_away_is_said_and_what_it_signed_stays(tmp_path: Path) -> None:
    turned = Turned(tmp_path)
    write_keys(turned.path, NEW)
    assert turned.poll() == (5, False)
    signed(turned.bundle, 6, NEW)
    assert turned.poll() == (6, True)


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
    with Webhook(tmp_path / "w", bundle=bundle, unsigned=None, public_keys=[keys]) as webhook:
        signed(bundle, 6, NEW)
        webhook.wait_until(lambda: webhook.metric("policyc_bundle_healthy") == 0)
        write_keys(keys, NEW)
        webhook.wait_until(lambda: webhook.metric("policyc_bundle_serial") == 6)
        assert webhook.metric("policyc_keys_healthy") == 1
        loaded = [line for line in webhook.log() if line["message"] == "public keys loaded"]
        assert [line["keys"] for line in loaded] == [
            [f"{NEW.verifier.name}+{NEW.verifier.id.hex()}"]
        ]
