"""An image is made of what its lock names, or of something else that is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from images.__main__ import main
from images.archive import ARCHITECTURES, Package
from images.build import Source, selection_of
from images.errors import ImageError, StaleLockError
from images.lock import Lock, Pin, behind, choose, path_of, read, text
from images.recipes import RECIPES, Recipe

FILE = Path("locks/case-amd64.txt")
NAMES = ("a", "b", "c")
VERSIONS = range(1, 6)


def package(name: str, version: int | str) -> Package:
    return Package(name, str(version), "amd64", name, f"{name}{version}".encode().hex().zfill(64))


def pin(name: str, version: int) -> Pin:
    return Pin(str(version), package(name, version).sha256)


LOCKS = st.fixed_dictionaries({n: st.sampled_from(VERSIONS).map(str) for n in NAMES}).map(
    lambda drawn: Lock(FILE, {name: pin(name, int(version)) for name, version in drawn.items()})
)
OFFERS = st.fixed_dictionaries(
    {
        n: st.sets(st.sampled_from(VERSIONS), min_size=1).map(
            lambda versions, n=n: [package(n, v) for v in sorted(versions, reverse=True)]
        )
        for n in NAMES
    }
)


@given(LOCKS, OFFERS, st.booleans())
def test_what_is_locked_or_the_newest_of_all_and_nothing_between(
    lock: Lock, offered: dict[str, list[Package]], take_newer: bool
) -> None:
    gone = {n for n, pin in lock.pins.items() if pin.version not in {p.version for p in offered[n]}}
    older = {n for n, pin in lock.pins.items() if offered[n][0].version < pin.version}
    if gone and not take_newer:
        with pytest.raises(StaleLockError) as refused:
            choose(lock, offered, take_newer=False)
        named = {n for n in NAMES if f"{n} {lock.pins[n].version} (now" in str(refused.value)}
        assert named == gone
        assert "make lock-images" in str(refused.value)
    elif gone and older:
        with pytest.raises(ImageError, match="older than"):
            choose(lock, offered, take_newer=True)
    else:
        choice = choose(lock, offered, take_newer=take_newer)
        assert [p.name for p in choice.packages] == list(NAMES)
        if gone:
            assert choice.packages == tuple(offered[n][0] for n in NAMES)
        else:
            assert {p.name: Pin(p.version, p.sha256) for p in choice.packages} == lock.pins
        told = {p.name for p in choice.packages if p.version != lock.pins[p.name].version}
        assert choice.newer == {name: lock.pins[name].version for name in told}


@pytest.mark.parametrize("take_newer", [False, True])
def test_another_file_of_the_same_version_is_never_taken(take_newer: bool) -> None:
    lock = Lock(FILE, {"a": pin("a", 1)})
    offered = {"a": [package("a", 2), replace(package("a", 1), sha256="f" * 64)]}
    with pytest.raises(ImageError, match="a version never changes") as refused:
        choose(lock, offered, take_newer=take_newer)
    assert not isinstance(refused.value, StaleLockError)


def test_versions_are_compared_as_debian_does() -> None:
    """`~` comes before the end, and 10 after 9 (Debian policy 4.6.2, 5.6.12)."""
    for locked, newest in (("1~deb12u9", "1~deb12u10"), ("2:1.0~rc1", "2:1.0")):
        lock = Lock(FILE, {"a": Pin(locked, "0" * 64)})
        found = choose(lock, {"a": [package("a", newest)]}, take_newer=True)
        assert found.newer == {"a": locked}
        lock = Lock(FILE, {"a": Pin(newest, "0" * 64)})
        with pytest.raises(ImageError, match="older than"):
            choose(lock, {"a": [package("a", locked)]}, take_newer=True)


@given(LOCKS, OFFERS)
def test_updates_are_what_a_renewal_changes(lock: Lock, offered: dict[str, list[Package]]) -> None:
    newest = {name: versions[0].version for name, versions in offered.items()}
    changed = {n: v for n, v in newest.items() if v != lock.pins[n].version}
    assert behind(lock, offered) == changed


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lock.txt"
    path.write_text(text([package("b", 2), package("a", 1)]))
    assert read(path, {"a", "b"}).pins == {"a": pin("a", 1), "b": pin("b", 2)}
    lines = path.read_text().splitlines()[1:]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("a 1", "`a 1` is not"),
        (f"a 1 {'F' * 64}", "is not"),
        (f"a 1 {'0' * 64}\na 1 {'0' * 64}", "twice"),
        ("", "`a`; `make lock-images`"),
        (f"a 1 {'0' * 64}\nb 1 {'0' * 64}", "`b`; `make lock-images`"),
    ],
)
def test_a_lock_that_cannot_be_used(lines: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "lock.txt"
    path.write_text(lines)
    with pytest.raises(ImageError, match=r"lock\.txt") as refused:
        read(path, {"a"})
    assert words in str(refused.value)


def test_no_lock_is_no_leave_to_take_anything(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="make lock-images"):
        read(tmp_path / "lock.txt", {"a"})


@pytest.mark.parametrize("architecture", ARCHITECTURES.values())
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_image_is_locked_for_every_architecture(recipe: Recipe, architecture: str) -> None:
    wanted = selection_of(recipe).names
    assert read(path_of(Source().locks, recipe.name, architecture), wanted).pins.keys() == wanted


@pytest.mark.parametrize("arguments", [["--lock", "--newer"], ["nonsense"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err
