"""``python -m images``: build the images into `build/images`; `make images` calls it.

Exit codes: 0; 1 when Debian has moved on since the locks were written; 2 when an image cannot be built.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import archive, lock
from .build import Image, Source, build, renew_lock, updates
from .errors import ImageError, StaleLockError
from .recipes import RECIPES, Recipe

DATE = 1767225600
"""What everything in an image is dated with, 2026-01-01, unless SOURCE_DATE_EPOCH is set
(https://reproducible-builds.org/specs/source-date-epoch/, 1.1)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, or one of the options that look after the locks instead."""
    options = _parser().parse_args(arguments)
    recipes = [recipe for recipe in RECIPES if recipe.name in (options.names or _NAMES)]
    source = Source(options.archive, options.newer)
    try:
        match options:
            case argparse.Namespace(lock=True):
                return _lock(recipes, source)
            case argparse.Namespace(updates=True):
                return _updates(recipes, source)
            case _:
                return _build(recipes, options.output, source)
    except StaleLockError as fault:
        print(f"images: {fault}", file=sys.stderr)
        return 1
    except ImageError as fault:
        print(f"images: {fault}", file=sys.stderr)
        return 2


_NAMES = [recipe.name for recipe in RECIPES]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="images", description="build the container images")
    parser.add_argument(
        "names", nargs="*", choices=[[], *_NAMES], metavar="NAME", help="only these"
    )
    parser.add_argument("--output", type=Path, default=Path("build/images"), metavar="DIR")
    parser.add_argument(
        "--archive",
        default=archive.ADDRESS,
        metavar="URL",
        help="where Debian's archives are, with {archive} for debian and debian-security",
    )
    does = parser.add_mutually_exclusive_group()
    does.add_argument(
        "--newer",
        action="store_true",
        help="when Debian no longer has what the lock names, take what it has today",
    )
    does.add_argument("--lock", action="store_true", help="write the locks anew, build nothing")
    does.add_argument(
        "--updates", action="store_true", help="say what Debian has newer than the locks"
    )
    return parser


def _build(recipes: Sequence[Recipe], output: Path, source: Source) -> int:
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or DATE)
    for recipe in recipes:
        image = build(recipe, output.resolve(), epoch, source)
        _warn(recipe, image)
        print(f"{recipe.name} {image.digest} {image.size_bytes / 1e6:.0f} MB", flush=True)
    return 0


def _warn(recipe: Recipe, image: Image) -> None:
    now = {package.name: package.version for package in image.debian.packages}
    for name, locked in image.debian.newer.items():
        moved = f"{name} {now[name]}, the lock has {locked}"
        print(f"images: warning: {recipe.name} is not what is locked: {moved}", file=sys.stderr)
    if image.debian.newer:
        print(f"images: {lock.RENEW}", file=sys.stderr)


def _lock(recipes: Sequence[Recipe], source: Source) -> int:
    for recipe in recipes:
        for architecture in archive.ARCHITECTURES.values():
            state = "renewed" if renew_lock(recipe, architecture, source) else "as it was"
            print(f"{recipe.name} {architecture}: {state}", flush=True)
    return 0


def _updates(recipes: Sequence[Recipe], source: Source) -> int:
    found = [
        f"{recipe.name} {architecture}: {name} {version}"
        for recipe in recipes
        for architecture in archive.ARCHITECTURES.values()
        for name, version in updates(recipe, architecture, source).items()
    ]
    print("\n".join([*found, f"images: {lock.RENEW}"]) if found else "the locks are of today")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
