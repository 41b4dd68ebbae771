"""``policyc why FILE#/json/pointer``: the evidence behind a line of an artifact."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from policyc.cli.main import Exit
from policyc.cli.report import add_format
from policyc.core.canonical import Json
from policyc.core.errors import PolicycError
from policyc.core.files import read_file
from policyc.core.render import visible
from policyc.core.strict_json import loads
from policyc.core.suggest import closest
from policyc.emit.backstop import STATIC
from policyc.emit.base import line_for
from policyc.envelope.provenance import Derivation
from policyc.pipeline.artifacts import from_bytes
from policyc.pipeline.sidecar import SIDECAR, Explained, decode


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "line",
        metavar="FILE#/pointer",
        help="an artifact and an RFC 6901 pointer into it; no pointer explains every line",
    )
    parser.add_argument(
        "--root", type=Path, default=Path("policies"), help="the policy root (policies)"
    )
    add_format(parser, ("text", "json"))


def run(args: argparse.Namespace) -> int:
    name, _, pointer = args.line.partition("#")
    found = explain(Path(name), pointer)
    root = args.root
    if not root.is_dir():
        print(f"note: there is no policy root `{root}`: name it with `--root`", file=sys.stderr)
        root = Path()
    if args.format == "json":
        print(json.dumps([_plain(line) for line in found], indent=2, ensure_ascii=False))
    else:
        print("\n\n".join(_text(line, root) for line in found))
    return Exit.CLEAN


def explain(path: Path, pointer: str) -> list[Explained]:
    """The lines at and below ``pointer``; PolicycError PC7057 when there are none."""
    _refuse_others(path, pointer)
    data = read_file(path)
    sidecar, name = _sidecar(path)
    try:
        lines = decode(loads(read_file(sidecar))).get(name)
    except ValueError as fault:
        raise PolicycError("PC7057", f"`{sidecar}` is no provenance file: {fault}") from fault
    if lines is None:
        raise PolicycError(
            "PC7057",
            f"`{sidecar}` does not explain `{path.name}`",
            help="name an artifact that `policyc compile` wrote beside it",
        )
    document = from_bytes(path.name, data)
    if not _exists(document, pointer):
        near = closest(pointer, list(lines))
        hint = f"did you mean `{near[0]}`?" if near else "give no pointer to see all lines"
        raise PolicycError("PC7057", f"`{path}` has nothing at `{pointer}`", help=hint)
    below = pointer + "/"
    found = [line for at, line in lines.items() if at.startswith(below)]
    if pointer in lines or not found:
        found.insert(0, line_for(pointer, lines))
    return found


def _refuse_others(path: Path, pointer: str) -> None:
    """PolicycError PC7057 for what is no artifact, or no pointer."""
    if path.is_dir():
        beside = sorted(path.glob(SIDECAR)) or sorted(path.glob(f"*/{SIDECAR}"))
        named = (s.parent / "networkpolicy.yaml" for s in beside)
        artifacts = [artifact for artifact in named if artifact.is_file()]
        such = f", such as `{artifacts[0]}`" if artifacts else ""
        raise PolicycError(
            "PC7057",
            f"`{path}` is a folder",
            help=f"name a file that `policyc compile` wrote{such}",
        )
    if path.is_file() and not _sidecar(path)[0].is_file():
        raise PolicycError(
            "PC7057",
            f"`{path}` is no artifact: no `{SIDECAR}` lies beside it",
            help="name a file that `policyc compile` wrote, in its folder",
        )
    if pointer and not pointer.startswith("/"):
        raise PolicycError(
            "PC7057",
            f"`#{pointer}` is no pointer: it begins with `/`",
            help=f"write `{path}#/{pointer}`",
        )


def _sidecar(path: Path) -> tuple[Path, str]:
    """The sidecar that explains an artifact, and the artifact's name in it."""
    beside = path.parent / SIDECAR
    if path.parent.name == STATIC and not beside.is_file():
        # An API server reads every file of that folder, so its sidecar is one folder up.
        return path.parent.parent / SIDECAR, f"{STATIC}/{path.name}"
    return beside, path.name


def _exists(document: Json, pointer: str) -> bool:
    """Whether an RFC 6901 pointer leads to something in the document."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return False
    return True


def _text(line: Explained, root: Path) -> str:
    reasons = [f"  {row}" for derivation in line.derivations for row in _reason(derivation, root)]
    return "\n".join(map(visible, [line.pointer, f"  {line.says}", *reasons]))


def _reason(derivation: Derivation, root: Path) -> list[str]:
    head = f"because: {derivation.step.value}"
    if derivation.note:
        head += f" ({derivation.note})"
    rows = [head]
    rows += [
        f"  policy   {root / place.path}:{place.line}:{place.column}{_quote(root, place.path, place.line)}"
        for place in derivation.places
    ]
    rows += [f"  evidence {root / e.path}#{e.pointer}" for e in derivation.evidence]
    if derivation.needed and derivation.needed < len(derivation.evidence):
        rows.append(f"  (any {derivation.needed} of these are enough)")
    return rows


def _quote(root: Path, path: str, line: int) -> str:
    """The policy line itself, when the policies are at hand."""
    try:
        text = (root / path).read_text(encoding="utf-8").split("\n")[line - 1]
    except (OSError, ValueError, IndexError):
        return ""
    return f"  {text.strip()}"


def _plain(line: Explained) -> dict[str, object]:
    return {
        "pointer": line.pointer,
        "says": line.says,
        "because": [
            {
                "step": d.step.value,
                "note": d.note,
                "policy": [str(place) for place in d.places],
                "evidence": [str(evidence) for evidence in d.evidence],
                "needed": d.needed,
            }
            for d in line.derivations
        ],
    }
