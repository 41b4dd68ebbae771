"""Which Debian packages an image is made of: `python.txt` here, `packages.txt` beside its Containerfile.

A line is `name`, or `without name [modules...]`: a package that another one depends on and that
is left out on purpose, with the extension modules of Python that cannot be loaded without
it.  What follows `#` is the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import ImageError


@dataclass(frozen=True, slots=True)
class Selection:
    """``without`` maps a package that is left out to the extension modules that go with it."""

    names: frozenset[str]
    without: Mapping[str, frozenset[str]]

    @property
    def lost_modules(self) -> frozenset[str]:
        return frozenset().union(*self.without.values())


def read(*paths: Path) -> Selection:
    """The lists together; ImageError for a package that stands there twice."""
    names: set[str] = set()
    without: dict[str, frozenset[str]] = {}
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        match line.partition("#")[0].split():
            case []:
                continue
            case ["without", name, *modules] if name not in names | without.keys():
                without[name] = frozenset(modules)
            case [name] if name not in names | without.keys():
                names.add(name)
            case _:
                raise ImageError(f"`{line}` is no package, or stands there twice")
    return Selection(frozenset(names), without)


def check_closed(
    selection: Selection, depends: Mapping[str, str], provided: frozenset[str]
) -> None:
    """Every dependency is in the image or left out by name.

    Args:
        selection: What the list says.
        depends: Package -> its Depends and Pre-Depends (Debian policy 4.6.2, 7.1).
        provided: Virtual packages that those of the image provide.

    Raises:
        ImageError: A dependency was never decided, or is left out although nothing asks for it.

    """
    known = selection.names | provided
    groups = {
        frozenset(alternative.split("(")[0].split(":")[0].strip() for alternative in g.split("|"))
        for fields in depends.values()
        for g in fields.split(",")
        if g.strip()
    }
    open_groups = [group for group in groups if not group & known]
    for group in sorted(open_groups, key=sorted):
        if not group & selection.without.keys():
            raise ImageError(f"nothing is said of the dependency `{' | '.join(sorted(group))}`")
    asked = frozenset().union(*open_groups)
    if idle := sorted(selection.without.keys() - asked):
        raise ImageError(f"nothing needs `{idle[0]}`, which is left out")
