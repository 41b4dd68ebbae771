"""Grants as a policy writes them: what a finding proposes can be pasted into a cap."""

from __future__ import annotations

import re
from collections.abc import Iterable

from policyc.envelope.patterns import escape

_BARE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:@-]*")


def quoted(text: str) -> str:
    """The text as a string of the language."""
    inside = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{inside}"'


def pattern(text: str) -> str:
    """The pattern that stands for this text only, quoted where it must be."""
    written = escape(text)
    return written if _BARE.fullmatch(written) else quoted(written)


def resource(group: str, name: str) -> str:
    """``plural[/sub][.group]``."""
    return f"{name}.{group}" if group else name


def pods(pod_labels: Iterable[tuple[str, str]], namespace_labels: Iterable[tuple[str, str]]) -> str:
    """``pods labeled a=b and c=d in namespace x``."""
    own = " and ".join(f"{k}={v}" for k, v in pod_labels)
    spaces = tuple(namespace_labels)
    if len(spaces) == 1 and spaces[0][0] == "kubernetes.io/metadata.name":
        where = f" in namespace {spaces[0][1]}"
    elif spaces:
        where = " in namespaces labeled " + " and ".join(f"{k}={v}" for k, v in spaces)
    else:
        where = " in any namespace"
    return "pods" + (f" labeled {own}" if own else "") + where
