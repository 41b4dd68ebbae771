"""The optional parts of the program, and what is said where one is missing."""

from __future__ import annotations

import importlib.util

from policyc.core.errors import PolicycError

EXTRAS = {"webhook": "PC7116", "prove": "PC3151"}
"""Extra of the package -> the code of its absence."""

LOCKS = {"webhook": "webhook/requirements.txt", "prove": "requirements-dev.txt"}
"""Extra of the package -> the file of a clone that locks what it needs."""


def needs(what: str, *modules: str, extra: str = "webhook") -> None:
    """Libraries of an extra, which compiling does without; PolicycError with the extra's code."""
    for name in modules:
        if importlib.util.find_spec(name) is None:
            raise PolicycError(
                EXTRAS[extra],
                f"{what} needs `{name}`, which is not installed",
                help=f"in a clone: `.venv/bin/pip install --require-hashes -r {LOCKS[extra]}`; "
                f"elsewhere: install the wheel with its extra, `WHEEL[{extra}]`",
            )
