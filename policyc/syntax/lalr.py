"""The engine of the parser: Lark's tables, a contextual lexer, shift and reduce.

Lark itself compiles the grammar (``python -m grammar``); at run time only its tables
are read, which takes a hundredth of the time and needs no pickle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

from policyc.core.strict_json import loads

Token: TypeAlias = tuple[str, str, int, int]
"""Terminal, text, first offset, end offset."""

Reduce: TypeAlias = Callable[[list[Any]], Any]  # Any: a node or a token, by the rule
"""What a rule makes of its children, which are tokens and what other rules made."""

END = "$END"
# What may stand between two tokens of a line.
_GAP = r"[ \t]*(?:#[^\n]*)?"


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    origin: str
    length: int

    @property
    def is_inlined(self) -> bool:
        """Rules whose name begins with an underscore give their children to their parent."""
        return self.origin.startswith("_")


class State:
    """One state of the automaton; its lexer tries only the terminals that it accepts."""

    __slots__ = ("actions", "gotos", "match", "terminals")

    def __init__(
        self, actions: Mapping[str, int], gotos: Mapping[str, int], terminals: Sequence[str]
    ) -> None:
        self.actions = actions
        self.gotos = gotos
        self.terminals = terminals
        self.match: Callable[[str, int], re.Match[str] | None] | None = None


@dataclass(frozen=True, slots=True)
class Tables:
    terminals: Mapping[str, str]
    rules: Sequence[Rule]
    plans: Sequence[tuple[str, int, str]]
    """Of each rule: its origin, its length, and its name unless it is inlined."""
    states: Sequence[State]
    start: int
    accept: int

    def matcher(self, state: State) -> Callable[[str, int], re.Match[str] | None]:
        """The state's lexer, compiled when the state is first reached."""
        if state.match is None:
            state.match = _compiled(
                tuple((name, self.terminals[name]) for name in state.terminals)
            ).match
        return state.match


@cache
def _compiled(terminals: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    choices = "|".join(f"(?P<{name}>{pattern})" for name, pattern in terminals)
    return re.compile(f"{_GAP}(?:{choices})" if choices else f"{_GAP}(?!)")


@dataclass(frozen=True, slots=True)
class Failure(Exception):  # noqa: N818  # carries a place, not a fault of the program
    """The text cannot go on at ``offset``; ``state`` tells what could have stood there."""

    offset: int
    state: int
    stack: tuple[int, ...]


@cache
def tables() -> Tables:
    """The compiled grammar, read once."""
    raw: Any = loads(
        (resources.files("grammar") / "agentpol.json").read_bytes()
    )  # Any: our own file, checked by a test
    names = [*(name for name, _ in raw["terminals"]), END]
    states = [
        State(
            {names[int(key)]: action for key, action in on_terminal.items()},
            on_rule,
            [names[key] for key in sorted(map(int, on_terminal)) if names[key] != END],
        )
        for on_terminal, on_rule in raw["states"]
    ]
    rules = [Rule(*rule) for rule in raw["rules"]]
    plans = [(r.origin, r.length, "" if r.is_inlined else r.name) for r in rules]
    return Tables(dict(raw["terminals"]), rules, plans, states, raw["start"], raw["accept"])


_GAP_MATCH = re.compile(_GAP).match


def parse(text: str, reducers: Mapping[str, Reduce]) -> Any:  # Any: what the start rule makes
    """The value of the start rule over all of ``text``; raises Failure at the first misfit.

    Time is linear in the text.
    """
    table = tables()
    states, plans, matcher = table.states, table.plans, table.matcher
    stack = [table.start]
    values: list[Any] = []
    offset, length = 0, len(text)
    while True:
        state = states[stack[-1]]
        match = (state.match or matcher(state))(text, offset)
        if match is not None and match.lastgroup is not None:
            terminal = match.lastgroup
            begin, end = match.span(terminal)
            token: Token = (terminal, match.group(terminal), begin, end)
        else:
            gap = _GAP_MATCH(text, offset)
            offset = gap.end() if gap else offset
            if offset < length:
                raise Failure(offset, stack[-1], tuple(stack))
            terminal, end, token = END, length, (END, "", length, length)
        while True:
            action = states[stack[-1]].actions.get(terminal)
            if action is None:
                raise Failure(token[2], stack[-1], tuple(stack))
            if action > 0:
                stack.append(action - 1)
                values.append(token)
                offset = end
                break
            origin, size, name = plans[-action - 1]
            children = values[len(values) - size :] if size else []
            if size:
                del stack[-size:], values[-size:]
            if list in map(type, children):
                children = _flat(children)
            values.append(reducers[name](children) if name else children)
            target = states[stack[-1]].gotos[origin]
            stack.append(target)
            if target == table.accept and terminal == END:
                return values[-1]


def _flat(children: list[Any]) -> list[Any]:  # Any: see Reduce
    """Children of inlined rules take the place of their list."""
    out: list[Any] = []
    for child in children:
        if type(child) is list:
            out += child
        else:
            out.append(child)
    return out
