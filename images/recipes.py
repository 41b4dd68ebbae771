"""The images of the project, one line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .python_tree import (
    compile_generated,
    copy_package,
    drop_asyncio_client,
    install_project,
    install_wheels,
)

SOURCE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Build:
    """What one build has at hand."""

    root: Path
    work: Path
    epoch: int
    machine: str
    """As `uname -m` names the architecture."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """``fill`` puts the program into a root that holds the Debian packages already."""

    name: str
    fill: Callable[[Build], None]

    @property
    def folder(self) -> Path:
        """Where the Containerfile and the list of packages are."""
        return SOURCE / self.name


def _recorder(build: Build) -> None:
    copy_package(SOURCE / "recorder", build.root, ("*.py", "*.tsv", "*.bpf.o"))


def _webhook(build: Build) -> None:
    install_wheels(SOURCE / "webhook" / "requirements.txt", build.root, build.machine)
    drop_asyncio_client(build.root)
    compile_generated(build.root)
    install_project(SOURCE, build.root, build.work, build.epoch)


RECIPES = (Recipe("recorder", _recorder), Recipe("webhook", _webhook))
