"""Which packages an image has is decided by hand, and the decision is complete."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from images.build import HERE
from images.errors import ImageError
from images.recipes import RECIPES, Recipe
from images.selection import Selection, check_closed, read

NAMES = st.sets(st.sampled_from("abcdefgh"), min_size=1)


@given(NAMES, NAMES, st.data())
def test_closed_means_that_each_dependency_is_there_or_left_out(
    names: set[str], needed: set[str], data: st.DataObject
) -> None:
    without = data.draw(st.sets(st.sampled_from("abcdefgh")))
    selection = Selection(frozenset(names), {n: frozenset[str]() for n in without - names})
    depends = {min(names): ", ".join(f"{n} (>= 1)" for n in sorted(needed))}
    open_ones = needed - names
    if open_ones == without - names:
        check_closed(selection, depends, frozenset())
    else:
        with pytest.raises(ImageError):
            check_closed(selection, depends, frozenset())


def test_one_alternative_is_enough_and_a_provided_name_counts() -> None:
    selection = Selection(frozenset({"a"}), {})
    check_closed(selection, {"a": "b | c:any (>= 2), d"}, frozenset({"c", "d"}))


def test_a_package_stands_in_the_lists_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("a # why\nwithout b mod\n")
    (tmp_path / "two").write_text("b\n")
    assert read(tmp_path / "one") == Selection(frozenset("a"), {"b": frozenset({"mod"})})
    with pytest.raises(ImageError, match="`b`"):
        read(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_lists_of_every_image_can_be_read(recipe: Recipe) -> None:

    assert "libc6" in read(HERE / "python.txt", recipe.folder / "packages.txt").names


def test_the_webhooks_lock_has_the_versions_that_are_tested() -> None:
    root = HERE.parent
    tested = _pinned(root / "requirements-dev.txt")
    shipped = _pinned(root / "webhook" / "requirements.txt")
    assert "fastapi" in shipped
    assert {name: tested.get(name) for name in shipped} == shipped


def _pinned(path: Path) -> dict[str, str]:
    lines = (line.split(" ")[0] for line in path.read_text().splitlines() if "==" in line)
    return dict(line.split("==", 1) for line in lines if not line.startswith("#"))
