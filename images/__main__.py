"""``python -m images``: build the images into `build/images`; `make images` calls it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .build import build
from .errors import ImageError
from .recipes import RECIPES

DATE = 1767225600
"""What everything in an image is dated with, 2026-01-01, unless SOURCE_DATE_EPOCH is set
(https://reproducible-builds.org/specs/source-date-epoch/, 1.1)."""


def main() -> int:
    """0, or 2 with the reason when an image cannot be built."""
    parser = argparse.ArgumentParser(prog="images", description="build the container images")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--output", type=Path, default=Path("build/images"))
    options = parser.parse_args()
    known = {recipe.name: recipe for recipe in RECIPES}
    if unknown := sorted(set(options.names) - known.keys()):
        parser.error(f"there is no image `{unknown[0]}`; there are {', '.join(known)}")
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or DATE)
    try:
        for name in options.names or known:
            image = build(known[name], options.output.resolve(), epoch)
            print(f"{name} {image.digest} {image.size_bytes / 1e6:.0f} MB", flush=True)
    except ImageError as fault:
        print(f"images: {fault}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
