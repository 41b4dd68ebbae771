"""The files behind an overlay, and that nothing of the overlay's own mount is named."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.containers import require

from recorder.kernel import load
from recorder.layers import RootFileSystem, identity, root_file_system
from recorder.tls import Libraries

pytestmark = pytest.mark.system

FILES = {
    "lower one/lib/only": "l",
    "lower one/lib/both": "l",
    "second/lib/both": "ss",
    "second/lib/top": "s",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """Layers in a file system of their own, which may have an upper folder wherever the tests run."""
    require("mount", "umount")
    folder = tmp_path / "store"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(folder)], check=True)
    try:
        for name, text in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        for name in ("upper", "work", "merged"):
            (folder / name).mkdir()
        yield folder
    finally:
        subprocess.run(["umount", "--recursive", str(folder)], check=True)


@pytest.mark.parametrize("relative", [True, False])
def test_files_of_an_overlay(store: Path, *, relative: bool) -> None:
    lower = [name if relative else str(store / name) for name in ("second", "lower one")]
    options = f"lowerdir={':'.join(lower)},upperdir={store / 'upper'},workdir={store / 'work'}"
    subprocess.run(
        ["mount", "-t", "overlay", "-o", options, "overlay", str(store / "merged")],
        check=True,
        cwd=store,
    )
    merged = store / "merged"
    (merged / "lib" / "new").write_text("n")
    (merged / "lib" / "only").write_text("changed")
    root = root_file_system(merged, Path("/"))
    behind = {path.name: root.behind(path) for path in (merged / "lib").iterdir()}
    assert behind == {
        "new": store / "upper/lib/new",
        "only": None,  # it was copied up, and shows the number of the one below
        "both": store / "second/lib/both",
        "top": store / "second/lib/top",
    }


def _library(folder: Path, lower: str, upper: str) -> RootFileSystem:
    """An overlay of a container over a layer with a library."""
    layer = folder / lower / "usr/lib"
    if not layer.exists():
        layer.mkdir(parents=True)
        (layer / "libssl.so.3").write_bytes((folder.parent / "libssl.so.3").read_bytes())
        os.utime(layer / "libssl.so.3", (1, 1))
    for name in ("upper", "work", "merged"):
        (folder / upper / name).mkdir(parents=True)
    options = f"lowerdir={folder / lower},upperdir={folder / upper / 'upper'},workdir={folder / upper / 'work'}"
    merged = folder / upper / "merged"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", str(merged)], check=True)
    return root_file_system(merged, Path("/"))


def test_a_file_of_another_device_is_another_file(tmp_path: Path) -> None:
    """Two file systems that were filled alike have the same numbers, sizes and times."""
    require("cc", "mount", "umount")
    command = ["cc", "-shared", "-o", str(tmp_path / "libssl.so.3"), "-x", "c", "-"]
    subprocess.run(command, input=b"int SSL_write(void) { return 0; }", check=True)
    with ExitStack() as stack:
        programs = load({})
        for device in ("one", "other"):
            (tmp_path / device).mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "none", str(tmp_path / device)], check=True)
            stack.callback(subprocess.run, ["umount", "--recursive", tmp_path / device], check=True)
        stack.callback(programs.close)
        roots = [
            _library(tmp_path / device, "layer", upper)
            for device, upper in (("one", "a"), ("one", "b"), ("other", "a"))
        ]
        shown = [root.path / "usr/lib/libssl.so.3" for root in roots]
        assert len({identity(path) for path in shown}) == 1
        libraries = Libraries(programs)
        libraries.attach_below(roots[0])
        first, replica, stranger = map(libraries.attach, shown, roots)
        assert first == replica < stranger


def test_a_mount_of_another_kind_names_nothing(store: Path) -> None:
    root = root_file_system(store, Path("/"))
    assert root.behind(store / "second/lib/top") is None


def test_a_folder_is_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert root_file_system(tmp_path, Path("/")).behind(tmp_path / "x") == tmp_path / "x"
