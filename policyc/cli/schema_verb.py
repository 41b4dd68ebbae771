"""``policyc schema NAME``: the JSON Schema of a file that crosses a process."""

from __future__ import annotations

import argparse
from importlib import resources

import policyc
from policyc.cli.main import Exit
from policyc.core.errors import PolicycError
from policyc.core.suggest import closest

_SUFFIX = ".schema.json"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a schema such as agent-profile; none lists all")


def run(args: argparse.Namespace) -> int:
    folder = resources.files(policyc) / "schemas"
    names = sorted(
        entry.name.removesuffix(_SUFFIX)
        for entry in folder.iterdir()
        if entry.name.endswith(_SUFFIX)
    )
    if args.name is None:
        print("\n".join(names))
        return Exit.CLEAN
    if args.name not in names:
        near = closest(args.name, names)
        hint = f"did you mean `{near[0]}`?" if near else f"one of {', '.join(names)}"
        raise PolicycError("PC7057", f"there is no schema `{args.name}`", help=hint)
    print((folder / (args.name + _SUFFIX)).read_text(encoding="utf-8"), end="")
    return Exit.CLEAN
