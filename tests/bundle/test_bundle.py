"""A folder is loaded as it was signed, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.logs import KEY, OTHER_KEY
from support.samples import ROOT

from policyc.admission.bundle import read_bundle
from policyc.bundle import statement
from policyc.bundle.load import load_signed
from policyc.bundle.sign import sign_folder
from policyc.bundle.statement import MOST_SERIAL, Statement, parse_statement, signature_path
from policyc.core.canonical import Json, canonical_json, digest
from policyc.core.errors import PolicycError, VerificationError
from policyc.envelope.index import PATH as INDEX
from policyc.pipeline.output import MANIFEST, read_tree
from policyc.signing.notes import sign_note

KEYS = (KEY.verifier,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small output folder, signed with serial 1."""
    path = tmp_path / "out"
    write(path, {"a/envelope.json": b"{}", "a/seccomp.json": b"[]", "b/envelope.json": b"{1}"})
    sign_folder(path, KEY)
    return path


def write(folder: Path, files: dict[str, bytes]) -> None:
    """An output folder with these files, and an index that loaders of whole folders never read."""
    shutil.rmtree(folder, ignore_errors=True)
    files = {INDEX: b"[]", **files}
    listed: dict[str, Json] = {name: digest(data) for name, data in files.items()}
    manifest: Json = {"apiVersion": "policyc.dev/v1", "kind": "Manifest", "files": listed}
    for name, data in {**files, MANIFEST: canonical_json(manifest)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def refusal(folder: Path, **more: int) -> str:
    with pytest.raises(VerificationError) as caught:
        load_signed(folder, KEYS, **more)
    return f"{caught.value.code} {caught.value.message}"


def test_a_signed_folder_is_read_as_it_is(folder: Path) -> None:
    files, serial = load_signed(folder, KEYS)
    assert (files, serial) == (read_tree(folder), 1)
    assert statement.MANIFEST == MANIFEST


def test_the_committed_output_can_be_signed_and_enforced(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ROOT / "generated", tmp_path / "generated"))
    before = read_tree(folder)
    sign_folder(folder, KEY, 41)
    files, serial = load_signed(folder, KEYS, 41)
    assert (read_tree(folder), serial) == (before, 41)
    assert read_bundle(files, serial).serial == 41


def unsigned(folder: Path) -> None:
    signature_path(folder).unlink()


def bad_signature(folder: Path) -> None:
    path = signature_path(folder)
    path.write_bytes(path.read_bytes().replace(b"serial 1", b"serial 9"))


def wrong_key(folder: Path) -> None:
    text = Statement(1, digest((folder / MANIFEST).read_bytes()), digest(b"[]")).to_text()
    signature_path(folder).write_bytes(sign_note(text, OTHER_KEY))


def another_note(folder: Path) -> None:
    signature_path(folder).write_bytes(sign_note("serial 1\n", KEY))


def another_index(folder: Path) -> None:
    """A note whose two digests are not of one build."""
    text = Statement(1, digest((folder / MANIFEST).read_bytes()), digest(b"[ ]")).to_text()
    signature_path(folder).write_bytes(sign_note(text, KEY))


def another_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes() + b"\n")


def changed(folder: Path) -> None:
    (folder / "a" / "envelope.json").write_bytes(b"{ }")


def missing(folder: Path) -> None:
    (folder / "a" / "envelope.json").unlink()


def added(folder: Path) -> None:
    (folder / "a" / "more.json").write_bytes(b"{}")


def hidden(folder: Path) -> None:
    (folder / ".hidden").write_bytes(b"")


def link_out(folder: Path) -> None:
    target = folder.with_name("elsewhere")
    (folder / "a" / "envelope.json").rename(target)
    (folder / "a" / "envelope.json").symlink_to(target)


def folder_link_out(folder: Path) -> None:
    (folder / "a").rename(folder.with_name("elsewhere"))
    (folder / "a").symlink_to(folder.with_name("elsewhere"))


def manifest_link(folder: Path) -> None:
    (folder / MANIFEST).rename(folder.with_name("m"))
    (folder / MANIFEST).symlink_to(folder.with_name("m"))


def pipe(folder: Path) -> None:
    (folder / "a" / "envelope.json").unlink()
    os.mkfifo(folder / "a" / "envelope.json")


def folder_for_file(folder: Path) -> None:
    (folder / "a" / "envelope.json").unlink()
    (folder / "a" / "envelope.json").mkdir()


def half_written(folder: Path) -> None:
    """A build that was stopped while it wrote in place: some files are new, some old."""
    write(folder, {"a/envelope.json": b"{2}", "b/envelope.json": b"{1}"})
    (folder / MANIFEST).unlink()


def next_build(folder: Path) -> None:
    """Compiled again, and not signed yet."""
    write(folder, {"a/envelope.json": b"{2}"})


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


REFUSED: dict[Callable[[Path], None], str] = {
    unsigned: "no signature",
    bad_signature: "does not hold",
    wrong_key: "none of the given keys",
    another_note: "not one about a bundle",
    another_index: "about another agents.json",
    another_manifest: "about another manifest.json",
    changed: "its digest is not the listed one",
    missing: "it is missing",
    added: "`a/more.json`: it is not listed",
    hidden: "`.hidden`: it is not listed",
    link_out: "`a/envelope.json`: it is a link",
    folder_link_out: "`a`: it is a link",
    manifest_link: "it cannot be read",
    pipe: "it is no regular file",
    folder_for_file: "it is missing",
    half_written: "it cannot be read",
    next_build: "about another manifest.json",
    gone: "it cannot be read",
}


@pytest.mark.parametrize("tamper", REFUSED, ids=lambda tamper: tamper.__name__)
def test_what_is_not_as_it_was_signed_is_refused(
    folder: Path, tamper: Callable[[Path], None]
) -> None:
    tamper(folder)
    said = refusal(folder)
    assert said.startswith("PC7101 ")
    assert REFUSED[tamper] in said


@given(st.data())
def test_every_changed_byte_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("bundle") / "out"
    write(folder, {"a/envelope.json": b'{"a": 1}'})
    sign_folder(folder, KEY)
    path = data.draw(
        st.sampled_from([folder / "a/envelope.json", folder / MANIFEST, signature_path(folder)])
    )
    before = path.read_bytes()
    at = data.draw(st.integers(0, len(before) - 1))
    mask = data.draw(st.integers(1, 255))
    path.write_bytes(bytes([*before[:at], before[at] ^ mask, *before[at + 1 :]]))
    refusal(folder)


@pytest.mark.parametrize("name", ["../out.sig", "/etc/hostname", "a//b", "./a", "", "..", MANIFEST])
def test_a_manifest_names_files_of_its_folder(folder: Path, name: str) -> None:
    manifest: Json = {
        "apiVersion": "policyc.dev/v1", "kind": "Manifest", "files": {name: digest(b"")},
    }  # fmt: skip
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / MANIFEST).write_bytes(canonical_json(manifest))
    text = Statement(1, digest(canonical_json(manifest)), digest(b"")).to_text()
    signature_path(folder).write_bytes(sign_note(text, KEY))
    assert "no file of the folder" in refusal(folder)


def test_an_older_build_does_not_come_back(folder: Path) -> None:
    old = Path(shutil.copytree(folder, folder.with_name("old")))
    shutil.copy(signature_path(folder), signature_path(old))
    write(folder, {"a/envelope.json": b"{2}"})
    assert sign_folder(folder, KEY).serial == 2
    assert load_signed(folder, KEYS, 2).serial == 2
    assert refusal(old, least_serial=2).startswith("PC7102 ")
    assert load_signed(old, KEYS, 1).serial == 1


def test_serials_only_grow(folder: Path) -> None:
    assert sign_folder(folder, KEY).serial == 1
    write(folder, {"a/envelope.json": b"{2}"})
    for serial in (-1, 0, 1, MOST_SERIAL + 1):
        with pytest.raises(PolicycError, match="the serial"):
            sign_folder(folder, KEY, serial)
    assert sign_folder(folder, KEY, MOST_SERIAL).serial == MOST_SERIAL
    assert sign_folder(folder, KEY).serial == MOST_SERIAL
    write(folder, {"a/envelope.json": b"{3}"})
    with pytest.raises(PolicycError, match="not between"):
        sign_folder(folder, KEY)


@pytest.mark.parametrize("serial", [5, 6])
def test_the_same_build_may_be_signed_again(folder: Path, serial: int) -> None:
    sign_folder(folder, KEY, 5)
    assert sign_folder(folder, OTHER_KEY, serial).serial == serial
    with pytest.raises(PolicycError, match="does not grow"):
        sign_folder(folder, KEY, 4)


def test_what_is_not_whole_is_not_signed(folder: Path) -> None:
    added(folder)
    with pytest.raises(VerificationError, match="not listed"):
        sign_folder(folder, KEY)


def test_a_build_without_an_index_is_not_signed(folder: Path) -> None:
    """Of a compiler that made none: the webhook could not read it."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    del manifest["files"][INDEX]
    (folder / MANIFEST).write_bytes(canonical_json(manifest))
    (folder / INDEX).unlink()
    with pytest.raises(VerificationError, match="has no agents"):
        sign_folder(folder, KEY)


def test_a_signature_that_says_nothing_is_not_gone_on_from(folder: Path) -> None:
    signature_path(folder).write_bytes(b"junk")
    with pytest.raises(PolicycError, match="holds no serial"):
        sign_folder(folder, KEY)


def test_a_link_to_the_folder_is_followed_with_its_signature(folder: Path) -> None:
    """As a mounted ConfigMap has it: one link is turned over from one version to the next."""
    link = folder.with_name("current")
    link.symlink_to(folder)
    assert load_signed(link, KEYS).serial == 1
    assert signature_path(link) == signature_path(folder)


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_other_texts_are_no_statement(text: str) -> None:
    with pytest.raises(ValueError, match="not one about a bundle"):
        parse_statement(text)


@given(st.integers(1, MOST_SERIAL), st.binary(), st.binary())
def test_a_statement_survives_its_text(serial: int, manifest: bytes, index: bytes) -> None:
    said = Statement(serial, digest(manifest), digest(index))
    assert parse_statement(said.to_text()) == said
