"""Programs from the Go modules that a folder's go.mod pins, kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

FLAGS = ("-trimpath", "-buildvcs=false", "-mod=readonly")
SETTINGS = {"CGO_ENABLED": "0", "GOWORK": "off"}
"""With the flags: static programs, and the same bytes whatever the folder they are built in."""


def go(module: Path, *arguments: str) -> str:
    """What the go command prints; SystemExit says what it lacks or that it failed."""
    try:
        done = subprocess.run(
            ["go", *arguments],
            cwd=module,
            env=os.environ | SETTINGS,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        raise SystemExit(f"building {module.name} needs Go 1.26 or later") from None
    except subprocess.CalledProcessError as fault:
        raise SystemExit(f"go {arguments[0]} failed with {fault.returncode}") from None
    return done.stdout


def modules_digest(module: Path) -> str:
    """Another one for every set of modules: twelve digits of a SHA-256."""
    modules = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        modules.update((module / name).read_bytes())
    return modules.hexdigest()[:12]


def cache(environment: Mapping[str, str], *parts: str) -> Path:
    """A place in the user's cache."""
    home = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "policyc", *parts)
