"""The files behind an overlay, and that nothing of the overlay's own mount is named."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from collections.abc import Callable, Iterator
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


LIBC = ctypes.CDLL(None, use_errno=True)
NAMES = (
    "a:b",
    "c,d",
    "e f",
    "g\\h",
    "i\tj",
    "k\nl",
    "m=n",
    "o\\040p",
    "q\\:r",
    "s\\",
    "ü",
    "plain",
)
"""Of layers; what a mount's options and /proc write otherwise than it is called."""
FSOPEN, FSCONFIG, FSMOUNT, MOVE_MOUNT = 430, 431, 432, 429
SET_STRING, CREATE, EMPTY_PATH = 1, 6, 4
"""System calls of every architecture, FSCONFIG_... and MOVE_MOUNT_F_EMPTY_PATH (linux/mount.h)."""


def _mount_by_list(lower: list[Path], upper: Path, work: Path, place: Path) -> None:
    """As mount(2) has it: one text, in which backslashes escape."""

    def escaped(path: Path) -> str:
        return re.sub(r"[\\:,]", r"\\\g<0>", str(path))

    given = f"lowerdir={':'.join(map(escaped, lower))},upperdir={escaped(upper)},workdir={escaped(work)}"
    failed = LIBC.mount(b"overlay", os.fsencode(place), b"overlay", 0, os.fsencode(given))
    assert not failed, os.strerror(ctypes.get_errno())


def _mount_one_by_one(lower: list[Path], upper: Path, work: Path, place: Path) -> None:
    """As fsconfig(2) has it: each as it is called, and those above and beside as in a text."""

    def call(*arguments: object) -> int:
        result = LIBC.syscall(*arguments)
        assert result >= 0, os.strerror(ctypes.get_errno())
        return int(result)

    context = call(FSOPEN, b"overlay", 0)
    options = [("lowerdir+", path) for path in lower] + [("upperdir", upper), ("workdir", work)]
    for option, path in options:
        call(FSCONFIG, context, SET_STRING, option.encode(), os.fsencode(path), 0)
    call(FSCONFIG, context, CREATE, None, None, 0)
    mount = call(FSMOUNT, context, 0, 0)
    call(MOVE_MOUNT, mount, b"", -100, os.fsencode(place), EMPTY_PATH)
    os.close(mount)
    os.close(context)


@pytest.mark.parametrize("mount", [_mount_by_list, _mount_one_by_one])
def test_folders_of_any_name(
    store: Path, mount: Callable[[list[Path], Path, Path, Path], None]
) -> None:
    layers = [store / "layers" / name for name in NAMES]
    for number, layer in enumerate(layers):
        layer.mkdir(parents=True)
        (layer / f"file-{number}").write_text(str(number))
    is_list = mount is _mount_by_list
    upper, work, merged = (
        store / name for name in ("up:p er" if is_list else "up per", "wo rk", "mer\\ ge\td\n040")
    )
    for folder in (upper, work, merged):
        folder.mkdir()
    mount(layers, upper, work, merged)
    (merged / "new").write_text("n")
    root = root_file_system(merged, Path("/"))
    assert root.is_mount
    behind = {path.name: root.behind(path) for path in merged.iterdir()}
    expected = {f"file-{i}": layer / f"file-{i}" for i, layer in enumerate(layers)}
    assert behind == {"new": upper / "new", **expected}


def test_a_layer_that_has_only_a_file_s_metadata_is_not_behind_it(store: Path) -> None:
    """As where the files of an image were given to another owner: programs map the file of the layer below."""
    (store / "below/lib").mkdir(parents=True)
    (store / "below/lib/owned").write_text("o" * 10_000)
    for name in ("given", "work2", "upper2", "work3", "merged2"):
        (store / name).mkdir()
    merged = store / "merged"
    options = f"metacopy=on,lowerdir={store / 'below'},upperdir={store / 'given'},workdir={store / 'work2'}"
    _mount(options, merged)
    os.chown(merged / "lib/owned", 1234, 1234)
    subprocess.run(["umount", str(merged)], check=True)
    given = store / "given/lib/owned"
    assert (given.stat().st_size, given.stat().st_blocks) == (10_000, 0)
    lower = f"{store / 'given'}:{store / 'below'}"
    options = f"metacopy=on,lowerdir={lower},upperdir={store / 'upper2'},workdir={store / 'work3'}"
    _mount(options, store / "merged2")
    root = root_file_system(store / "merged2", Path("/"))
    assert root.behind(store / "merged2/lib/owned") in {None, store / "below/lib/owned"}


def _mount(options: str, place: Path) -> None:
    command = ["mount", "-t", "overlay", "-o", options, "overlay", str(place)]
    subprocess.run(command, check=True)


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
