"""Files are replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from policyc.core.errors import PolicycError
from policyc.core.files import files_below, make_folder, read_file, write_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for data in (b"", b"one\r\n", bytes(range(256)) * 1000):
        write_file(path, data)
        assert read_file(path) == data
        assert names(tmp_path) == ["a"]


def test_a_new_file_is_readable_and_an_old_one_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_file(path, b"1")
    assert path.stat().st_mode & 0o7777 == 0o644
    path.chmod(0o600)
    write_file(path, b"2")
    assert path.stat().st_mode & 0o7777 == 0o600


class Interruption(BaseException):
    """What a signal handler could raise at any moment."""


@pytest.mark.parametrize("step", ["fsync", "rename"])
@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), Interruption()])
def test_a_failure_leaves_the_old_content_and_nothing_beside_it(
    step: str, fault: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*args: object, **kwargs: object) -> None:
        raise fault

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises((PolicycError, Interruption)) as caught:
        write_file(path, b"new")
    if isinstance(caught.value, PolicycError):
        assert caught.value.code == "PC7053"
        assert "No space left on device" in caught.value.message
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_readers_see_the_old_or_the_new_content(tmp_path: Path) -> None:
    """An open reader keeps the old file: the new one takes its name, not its place."""
    path = tmp_path / "a"
    write_file(path, b"old")
    with path.open("rb") as reader:
        write_file(path, b"new and longer")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new and longer"


@pytest.mark.parametrize("name", ["nowhere/a", "file/a"])
def test_a_folder_that_is_none_is_a_fault_of_the_environment(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(PolicycError) as written:
        write_file(tmp_path / name, b"x")
    assert written.value.code == "PC7053"
    with pytest.raises(PolicycError) as read:
        read_file(tmp_path / name)
    assert read.value.code == "PC7050"
    assert read.value.help


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(PolicycError, match="Is a directory"):
        read_file(tmp_path)


def test_files_are_listed_by_suffix_in_order(tmp_path: Path) -> None:
    for name in ("b/x.json", "b/a.yaml", "a.json", "c.txt"):
        make_folder((tmp_path / name).parent)
        write_file(tmp_path / name, b"")
    make_folder(tmp_path / "folder.json")
    found = files_below(tmp_path, ".json", ".yaml")
    assert found == [tmp_path / "a.json", tmp_path / "b/a.yaml", tmp_path / "b/x.json"]
    assert len(files_below(tmp_path)) == 4


def test_a_folder_that_cannot_be_listed_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(PolicycError) as failure:
        files_below(tmp_path / "none")
    assert failure.value.code == "PC7050"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"")
    with pytest.raises(PolicycError) as failure:
        make_folder(tmp_path / "a")
    assert failure.value.code == "PC7053"
