"""``python -m grammar``: compile agentpol.lark to agentpol.json.

Lark builds the LALR(1) tables and the contextual lexer's states, strictly; the
compiler at run time only reads them.  See docs/adr/0005-compiled-grammar.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def tables() -> dict[str, Any]:  # Any: Lark's tables are untyped
    """The compiled grammar; raises lark's GrammarError or LexError on any ambiguity."""
    from lark import Lark

    parser = Lark(
        (HERE / "agentpol.lark").read_text(encoding="utf-8"),
        parser="lalr",
        lexer="contextual",
        strict=True,
        start="file",
        maybe_placeholders=False,
        propagate_positions=False,
    )
    table = parser.parser.parser._parse_table  # noqa: SLF001  # Lark has no public access
    terminals = sorted(
        (t for t in parser.terminals if t.name not in parser.ignore_tokens),
        # The order in which Lark's own lexer tries terminals.
        key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name),
    )
    names = [t.name for t in terminals]
    number = {name: i for i, name in enumerate([*names, "$END"])}
    rules = sorted(
        set(parser.rules), key=lambda r: (r.origin.name, r.order, len(r.expansion), str(r))
    )
    rule_number = {rule: i for i, rule in enumerate(rules)}
    states = _in_order(table)
    place = {state: i for i, state in enumerate(states)}
    return {
        "terminals": [[t.name, t.pattern.to_regexp()] for t in terminals],
        "rules": [[r.alias or r.origin.name, r.origin.name, len(r.expansion)] for r in rules],
        "start": place[table.start_states["file"]],
        "accept": place[table.end_states["file"]],
        "states": [_state(table.states[state], number, rule_number, place) for state in states],
    }


def _in_order(table: Any) -> list[int]:  # Any: Lark's tables are untyped
    """The states as a walk from the start reaches them: Lark's own numbers change from run to run."""
    found = [table.start_states["file"]]
    for state in found:
        for _, (_, argument) in sorted(table.states[state].items(), key=lambda item: item[0]):
            if isinstance(argument, int) and argument not in found:
                found.append(argument)
    return found


def _state(
    actions: Mapping[str, Any],  # Any: Lark's (action, argument) pairs
    number: Mapping[str, int],
    rule_number: Mapping[Any, int],
    place: Mapping[int, int],
) -> list[dict[str, int]]:
    """Terminal -> state + 1 to shift, or -(rule + 1) to reduce; non-terminal -> state."""
    on_terminal: dict[str, int] = {}
    on_rule: dict[str, int] = {}
    for symbol, (action, argument) in sorted(actions.items()):
        is_shift = (
            action.__name__ == "Shift" if hasattr(action, "__name__") else str(action) == "Shift"
        )
        if symbol in number:
            value = place[argument] + 1 if is_shift else -(rule_number[argument] + 1)
            on_terminal[str(number[symbol])] = value
        else:
            on_rule[symbol] = place[argument]
    return [on_terminal, on_rule]


def compiled() -> str:
    """The text of agentpol.json: one state a line, so that a change can be reviewed."""
    t = tables()
    rows = ",\n".join(json.dumps(state, separators=(",", ":")) for state in t.pop("states"))
    head = json.dumps(t, indent=0, separators=(",", ":"))
    return f'{head[:-2]},\n"states":[\n{rows}\n]}}\n'


if __name__ == "__main__":
    (HERE / "agentpol.json").write_text(compiled(), encoding="utf-8")
