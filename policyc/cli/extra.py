"""The one optional part of the program, and what is said where it is missing."""

from __future__ import annotations

import importlib.util

from policyc.core.errors import PolicycError


def needs(what: str, *modules: str) -> None:
    """Libraries of the extra ``webhook``, which compiling does without; PolicycError PC7116."""
    for name in modules:
        if importlib.util.find_spec(name) is None:
            raise PolicycError(
                "PC7116",
                f"{what} needs `{name}`, which is not installed",
                help="pip install 'policyc[webhook]'",
            )
