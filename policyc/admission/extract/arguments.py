"""Command lines: flags that mean what variables of the same name mean, URLs, and shells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from policyc.admission.extract.atoms import DOMAIN, marked, plain_asks, shown, url_asks
from policyc.admission.extract.environment import Room, expand, unresolved
from policyc.admission.extract.lists import words_of
from policyc.admission.extract.names import Meaning, meaning
from policyc.admission.request import Object
from policyc.admission.requested import Ask, Unknown
from policyc.catalog.agent_signs import UNGUARDED_FLAGS

_SHELLS = frozenset("sh bash dash ash zsh ksh mksh fish busybox".split())
_INTERPRETERS = re.compile(r"(python|pypy)[0-9.]*|node|nodejs|deno|bun|perl|ruby|php|lua|tclsh")
_SHELL_FLAG = re.compile(r"-[a-zA-Z]*c[a-zA-Z]*")
_CODE_FLAGS = frozenset({"-c", "-e", "-E", "-r", "-p", "-pe", "--eval", "--print", "eval"})
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_MOST_WORDS = 4096


def command_line(body: Object, path: str) -> list[tuple[str, str]]:
    """The words of ``command`` and ``args`` with their JSON paths."""
    found: list[tuple[str, str]] = []
    for field in ("command", "args"):
        value = body.get(field)
        if isinstance(value, str):
            found += [(word, f"{path}.{field}") for word in value.split()]
        for i, word in enumerate(value if isinstance(value, list) else ()):
            if isinstance(word, str):
                found.append((word, f"{path}.{field}[{i}]"))
    return found


def command_asks(body: Object, path: str) -> Iterator[Ask]:
    """What the command line of an MCP server asks for, which its client starts."""
    yield from argument_asks(body, path, {}, has_list=True)


def flags(body: Object, path: str) -> Iterator[tuple[str, str, str]]:
    """The flags of the command line that have a value: name, value as written, JSON path of it."""
    words = command_line(body, path)
    for i, (word, where) in enumerate(words):
        flag, equals, value = word.partition("=")
        if equals and flag.startswith("-"):
            yield flag, value, where
        elif flag.startswith("-") and i + 1 < len(words) and not words[i + 1][0].startswith("-"):
            yield flag, *words[i + 1]


def names_tools(body: Object, path: str) -> bool:
    """Whether a flag of the command line lists tools, at least one."""
    return any(
        meaning(flag) is Meaning.TOOLS and words_of(value) for flag, value, _ in flags(body, path)
    )


def argument_asks(
    body: Object, path: str, known: Mapping[str, str | None], *, has_list: bool
) -> Iterator[Ask]:
    """What flags, assignments and URLs of the command line ask for, after expansion."""
    words = command_line(body, path)
    if not words:
        return
    if len(words) > _MOST_WORDS:
        yield Ask("runtime", "args", path, Unknown("NOT_A_LIST", "it has too many arguments"))
        return
    yield from _scripts(words)
    taken = False
    room = Room()
    for i, (written, where) in enumerate(words):
        if taken:
            taken = False
            continue
        flag, equals, value = written.partition("=")
        # A word that is a flag itself is read as one: no program is trusted to swallow it.
        follows = not equals and i + 1 < len(words) and not words[i + 1][0].startswith("-")
        if written.startswith("-"):
            if flag in UNGUARDED_FLAGS:
                why = f"`{flag}` lets it use every tool that it has"
                yield Ask("tools", flag, where, Unknown("ALL_TOOLS", why))
            elif meaning(flag) not in (None, Meaning.RUNTIME) and (equals or follows):
                taken = not equals
                given, place = (value, where) if equals else words[i + 1]
                yield from _valued(flag, given, place, known, room, has_list=has_list)
            elif equals:
                yield from _valued(flag, value, where, known, room, has_list=has_list)
        elif assigned := _ASSIGNMENT.fullmatch(written):
            yield from _valued(assigned[1], assigned[2], where, known, room, has_list=has_list)
        else:
            yield from _valued("", written, where, known, room, has_list=has_list)


def _valued(
    name: str,
    written: str,
    path: str,
    known: Mapping[str, str | None],
    room: Room,
    *,
    has_list: bool,
) -> Iterator[Ask]:
    value, missing = expand(written, known, room)
    means = meaning(name) if name else None
    if missing and (means is not None or "://" in written):
        domain = DOMAIN[means] if means is not None else "egress"
        why = unresolved(missing, known)
        yield Ask(domain, shown(written), path, Unknown("UNRESOLVED", why))
    elif value is not None:
        yield from (
            plain_asks(name, value, path, has_list=has_list) if name else url_asks(value, path)
        )


def _scripts(words: list[tuple[str, str]]) -> Iterator[Ask]:
    """Shells and interpreters that are handed a program as an argument."""
    for i, (word, _) in enumerate(words):
        program = word.rpartition("/")[2]
        is_shell = program in _SHELLS
        if not is_shell and not _INTERPRETERS.fullmatch(program):
            continue
        for flag, where in words[i + 1 : i + 6]:
            if (is_shell and _SHELL_FLAG.fullmatch(flag)) or (not is_shell and flag in _CODE_FLAGS):
                rest = marked("\0".join(text for text, _ in words[i:]))
                why = f"`{program} {flag}` runs a script, which cannot be judged: name the program itself ({rest})"
                yield Ask("runtime", program, where, Unknown("SHELL_WRAPPER", why))
                return
