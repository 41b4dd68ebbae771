"""A bundle in a mounted ConfigMap or Secret: all of one version, and nothing from outside."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.admission import files
from support.webhook import write_bundle

from policyc.bundle.load import load_envelopes
from policyc.bundle.sign import sign_folder
from policyc.bundle.statement import MOUNTED_SIGNATURE
from policyc.core.errors import VerificationError
from policyc.signing.keys import Signer
from webhook.bundle_store import BundleStore, FolderSource
from webhook.logs import Talk

KEY = Signer("policy.example.com/bundles", bytes(range(32)))


def version(mount: Path, serial: int) -> str:
    """A new version of the volume's files, as the kubelet lays one out; its name."""
    name = f"..2026_09_01_{serial}"
    sign_folder(write_bundle(mount.with_name(f"build-{serial}"), files()), KEY, serial)
    shutil.copytree(mount.with_name(f"build-{serial}"), mount / name)
    shutil.copy(mount.with_name(f"build-{serial}.sig"), mount / name / MOUNTED_SIGNATURE)
    return name


def turn_over(mount: Path, name: str) -> None:
    (mount / "..data_tmp").symlink_to(name)
    (mount / "..data_tmp").replace(mount / "..data")


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """A volume with serial 5, every file a link through ``..data``."""
    path = tmp_path / "mount"
    turn_over(path, version(path, 5))
    for file in (path / "..data").iterdir():
        (path / file.name).symlink_to(f"..data/{file.name}")
    return path


def store(folder: Path) -> BundleStore:
    made = BundleStore(FolderSource(folder, lambda f: load_envelopes(f, [KEY.verifier])), 0, Talk())
    made.start()
    return made


def test_it_is_read_behind_its_link_and_taken_up_when_the_link_turns(mount: Path) -> None:
    made = store(mount)
    assert (made.serial, set(made.current.agents)) == (5, {"research", "summary", "digest"})
    turn_over(mount, version(mount, 6))
    made.poll()
    assert (made.serial, made.fault) == (6, "")


def test_a_folder_in_the_volume_is_read_with_the_signature_beside_it(mount: Path) -> None:
    """Where `items` of the volume give the keys paths such as `own/manifest.json`."""
    behind = mount / "..data"
    shutil.copytree(behind, behind / "own", ignore=shutil.ignore_patterns(MOUNTED_SIGNATURE))
    shutil.copy(behind / MOUNTED_SIGNATURE, behind / "own.sig")
    (mount / "own").symlink_to("..data/own")
    assert store(mount / "own").serial == 5


def leads_out(mount: Path) -> None:
    shutil.move(mount / "..2026_09_01_5", mount.with_name("elsewhere"))
    turn_over(mount, "../elsewhere")


def leads_to_itself(mount: Path) -> None:
    turn_over(mount, "..data")


def leads_deeper(mount: Path) -> None:
    (mount / "deep").mkdir()
    shutil.move(mount / "..2026_09_01_5", mount / "deep")
    turn_over(mount, "deep/..2026_09_01_5")


def signature_beside(mount: Path) -> None:
    """One that no turn of the link brings up to date is not looked at."""
    shutil.move(mount / "..data" / MOUNTED_SIGNATURE, mount.with_name("mount.sig"))


def link_behind(mount: Path) -> None:
    path = mount / "..data" / "research" / "envelope.json"
    path.rename(mount.with_name("elsewhere"))
    path.symlink_to(mount.with_name("elsewhere"))


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(f, id=f"J6-{f.__name__}")
        for f in (leads_out, leads_to_itself, leads_deeper, signature_beside, link_behind)
    ],
)
def test_what_the_kubelet_does_not_do_is_refused(
    mount: Path, tamper: Callable[[Path], None]
) -> None:
    made = store(mount)
    tamper(mount)
    with pytest.raises(VerificationError):
        load_envelopes(mount, [KEY.verifier])
    turn_over(mount, version(mount, 7))
    made.poll()
    assert (made.serial, made.fault) == (7, "")
