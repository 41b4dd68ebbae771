"""A repository to start from: its files, and how they are written whole or not at all."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import policyc
from policyc.core.diagnostics import Severity
from policyc.core.errors import InternalError, PolicycError
from policyc.pipeline.compile import compile_root
from policyc.pipeline.output import replace_tree

_SUFFIX = ".in"
_FOLDER = Path(policyc.__file__).parent / "starter"

WHEEL = f"policyc-{policyc.__version__}-py3-none-any.whl"
"""What a wheel of this version is called."""


def starter(as_of: date) -> dict[str, bytes]:
    """Every file by its path: the templates, and what their policies compile to on a day."""
    files = {
        path.relative_to(_FOLDER).as_posix().removesuffix(_SUFFIX): _filled(path.read_bytes())
        for path in sorted(_FOLDER.rglob(f"*{_SUFFIX}"))
        if path.is_file()
    }
    with TemporaryDirectory() as name:
        for path, data in files.items():
            place = Path(name, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        compiled = compile_root(Path(name, "policies"), as_of=as_of, jobs=1)
    if not compiled.ok:
        first = next(d for d in compiled.diagnostics if d.severity is Severity.ERROR)
        raise InternalError(f"the policies to start from do not compile: {first.message}")
    return {**files, **{f"generated/{path}": data for path, data in compiled.files.items()}}


def _filled(template: bytes) -> bytes:
    names = template.replace(b"@VERSION@", policyc.__version__.encode())
    return names.replace(b"@WHEEL@", WHEEL.encode())


def write_starter(folder: Path, as_of: date) -> dict[str, bytes]:
    """Write the repository into a folder that is new or empty, and say what was written.

    PolicycError PC7070 when something is there, PC7053 when it cannot be written.
    """
    try:
        is_taken = (folder.exists() and not folder.is_dir()) or any(_listed(folder))
    except OSError as fault:
        raise PolicycError("PC7050", f"cannot read `{folder}`: {fault.strerror}") from fault
    if is_taken:
        raise PolicycError(
            "PC7070",
            f"`{folder}` is not empty" if folder.is_dir() else f"`{folder}` is not a folder",
            help="name a new folder; nothing was written",
        )
    files = starter(as_of)
    replace_tree(folder, files)
    return files


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []
