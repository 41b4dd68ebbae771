"""``policyc explain CODE``: the page of a diagnostic."""

from __future__ import annotations

import argparse
import posixpath
import re

from policyc.cli.main import Exit
from policyc.core.codes import CODES
from policyc.core.errors import PolicycError
from policyc.core.pages import page
from policyc.core.suggest import closest

_LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+)(?:#[^)]*)?\)")
_PAGES = "docs/reference/diagnostics"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", help="a code such as PC1001 or 1001; none lists all")


def run(args: argparse.Namespace) -> int:
    if args.code is None:
        for code in sorted(CODES):
            print(f"{code}  {CODES[code]}")
        return Exit.CLEAN
    code = f"PC{args.code}" if args.code.isdecimal() else args.code.upper()
    if code not in CODES:
        near = closest(code, sorted(CODES))
        hint = f"did you mean `{near[0]}`?" if near else "`policyc explain` lists all codes"
        raise PolicycError("PC7057", f"there is no diagnostic `{args.code}`", help=hint)
    print(_LINK.sub(_plain, page(code)), end="")
    return Exit.CLEAN


def _plain(link: re.Match[str]) -> str:
    """A Markdown link as a terminal can show it: its words, and the file from the repository's root."""
    return f"{link[1]} ({posixpath.normpath(posixpath.join(_PAGES, link[2]))})"
