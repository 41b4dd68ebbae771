"""The bundle in force: only ever replaced by a newer one that verifies."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.admission import files
from support.webhook import write_bundle

from policyc.bundle.load import load_envelopes
from policyc.bundle.sign import sign_folder
from policyc.core.errors import PolicycError
from policyc.signing.keys import Signer
from webhook.bundle_store import BundleStore, FolderSource
from webhook.logs import Talk

KEY = Signer("policy.example.com/bundles", bytes(range(32)))
STRANGER = Signer("policy.example.com/bundles", bytes(range(1, 33)))


def signed(folder: Path, serial: int, key: Signer = KEY) -> Path:
    write_bundle(folder, files())
    folder.with_name(f"{folder.name}.sig").unlink(missing_ok=True)
    sign_folder(folder, key, serial)
    return folder


def store(folder: Path, minimum: int = 0) -> BundleStore:
    return BundleStore(
        FolderSource(folder, lambda f: load_envelopes(f, [KEY.verifier])), minimum, Talk()
    )


def started(folder: Path) -> BundleStore:
    made = store(signed(folder, 5))
    made.start()
    return made


def test_the_first_bundle_comes_with_its_serial(tmp_path: Path) -> None:
    made = started(tmp_path / "b")
    assert made.serial == 5
    assert set(made.current.agents) == {"research", "summary", "digest"}


def test_a_newer_one_replaces_it_and_an_unchanged_one_is_not_read_again(tmp_path: Path) -> None:
    made = started(tmp_path / "b")
    first = made.current
    made.poll()
    assert made.current is first
    signed(tmp_path / "b", 6)
    made.poll()
    assert made.serial == 6
    assert made.loaded == 2


def changed(folder: Path) -> None:
    (folder / "research" / "envelope.json").write_text("{}")
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())


BREAKS = {
    "J6-unsigned": lambda folder: folder.with_name("b.sig").unlink(),
    "J6-wrong-key": lambda folder: signed(folder, 7, STRANGER),
    "J6-older": lambda folder: signed(folder, 4),
    "J6-changed-file": changed,
    "J7-empty": lambda folder: (folder / "manifest.json").write_text("{}"),
    "J7-gone": lambda folder: folder.rename(folder.with_name("elsewhere")),
    "another-with-the-same-serial": lambda folder: (
        write_bundle(folder, dict(list(files().items())[:0]) | _fewer()),
        folder.with_name("b.sig").unlink(),
        sign_folder(folder, KEY, 5),
    ),
}


def _fewer() -> dict[str, bytes]:
    """The same folder with a manifest of other bytes."""
    return {"manifest.json": files()["manifest.json"] + b"\n"}


@pytest.mark.parametrize("fault", BREAKS)
def test_a_worse_one_is_refused_and_the_last_good_one_stays(
    tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = started(tmp_path / "b")
    good = made.current
    BREAKS[fault](tmp_path / "b")
    made.poll()
    assert made.current is good
    assert made.refused == 1
    assert made.fault
    assert "bundle refused, the last good one stays" in caplog.messages
    made.poll()
    assert made.refused == 1, "an unchanged folder is not tried at every poll"


def test_after_a_refusal_a_good_one_is_taken(tmp_path: Path) -> None:
    made = started(tmp_path / "b")
    BREAKS["J6-wrong-key"](tmp_path / "b")
    made.poll()
    signed(tmp_path / "b", 8)
    made.poll()
    assert made.serial == 8
    assert made.fault == ""


def test_a_refused_one_is_tried_again_now_and_then(tmp_path: Path) -> None:
    """It may have been read while it was written, and nothing of it changes any more."""
    made = started(tmp_path / "b")
    envelope = tmp_path / "b" / "research" / "envelope.json"
    whole = envelope.read_bytes()
    signed(tmp_path / "b", 6)
    envelope.write_bytes(whole[:100])
    made.poll()
    assert made.fault
    envelope.write_bytes(whole)
    for _ in range(30):
        made.poll()
    assert made.serial == 6
    assert made.fault == ""


@pytest.mark.parametrize("fault", ["J6-unsigned", "J6-wrong-key", "J6-changed-file", "J7-empty"])
def test_none_at_the_start_is_an_error(tmp_path: Path, fault: str) -> None:
    folder = signed(tmp_path / "b", 5)
    BREAKS[fault](folder)
    with pytest.raises(PolicycError):
        store(folder).start()


def test_a_serial_below_the_floor_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(PolicycError, match="older than 6"):
        store(signed(tmp_path / "b", 5), minimum=6).start()
