"""What the parser says: a sentence for each class of syntax error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from policyc.core.diagnostics import Diagnostic
from policyc.core.source import Source
from policyc.core.suggest import closest, did_you_mean
from policyc.syntax.contexts import STARTS
from policyc.syntax.lalr import END, tables
from policyc.syntax.scan import Kind, Lexeme, Statement
from policyc.syntax.slips import slip_of

WORDS = {
    "NAME": "a name",
    "WORD": "a word",
    "KIND_NAME": "a workload kind such as `Deployment`",
    "ARCH": "an architecture such as `amd64`",
    "SERVER": "the name of an MCP server",
    "KUBE_WORD": "a verb or a resource such as `get` or `configmaps`",
    "PROTOCOL": "a protocol (`tcp`, `udp`, `sctp` or `*`)",
    "PORT": "a port, a range such as `8000-8010`, or `*`",
    "HOST_NAME": "a host name such as `api.example.com` or `*.example.com`",
    "CIDR_BLOCK": "a network such as `10.20.0.0/16`",
    "ADDRESS": "an IP address",
    "OBJECT": "an object as `namespace/name`",
    "LABEL": "a label as `key=value`",
    "REFERENCE": "an image reference",
    "DIGEST": "a digest as `sha256:...`",
    "REF": "a taxonomy reference such as `LLM01:2025`",
    "PATTERN": "a name or a prefix such as `ticket.*`",
    "STRING": "a text in double quotes",
    "NUMBER": "a number",
    "INT": "a whole number",
    "COUNT": "a count such as `one` or `3`",
    "DATE": "a date as `2026-12-31`",
    "DURATION": "a duration such as `14d` or `72h`",
    "PREFIX": "a prefix length such as `/24`",
    "POD_SETTING": "a pod setting such as `security` or `read-only-root`",
    "POD_VALUE": "a value",
    "_NL": "the end of the line",
    "_COMMA": "`,`",
    "_LPAR": "`(`",
    "_RPAR": "`)`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "COLON": "`:`",
    END: "the end of the file",
}
_SYMBOLS = {
    "LESS": "<",
    "LESS_EQUAL": "<=",
    "EQUAL": "==",
    "NOT_EQUAL": "!=",
    "GREATER_EQUAL": ">=",
    "GREATER": ">",
}
_KEYWORD = re.compile(r"[a-z-]+(?=\(\?!)")
_QUIET = frozenset({"_NL", "RBRACE", END})
"""What may nearly always follow: named only when nothing else could."""


def keyword(terminal: str) -> str | None:
    """The word of a keyword's terminal; None for other terminals."""
    match = _KEYWORD.match(tables().terminals.get(terminal, ""))
    return match.group() if match else _SYMBOLS.get(terminal)


def one_of(terminals: Iterable[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``; keywords in backticks, at most six."""
    said = sorted({WORDS.get(t) or f"`{keyword(t)}`" for t in terminals})
    if len(said) > 6:
        said = [*said[:6], "..."]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"


def unknown_statement(source: Source, statement: Statement, block: str) -> Diagnostic:
    """The first word begins no statement of this block."""
    first = statement.lexemes[0]
    near = closest(first.text, STARTS[block], most=1)
    where = "at the top of a file" if block == "file" else f"in {one_block(block)}"
    elsewhere = sorted(b for b, words in STARTS.items() if first.text in words and b != block)
    if near:
        hint = f"did you mean `{near[0]}`?"
    elif elsewhere:
        hint = f"`{first.text}` belongs into {one_block(elsewhere[0])}"
    else:
        hint = "one of " + ", ".join(f"`{word}`" for word in sorted(STARTS[block]))
    return Diagnostic(
        "PC1001",
        f"`{first.text}` begins no statement {where}",
        source.span(first.start, first.end),
        help=hint,
    )


def one_block(block: str) -> str:
    """A block, as people call it."""
    return (
        "the file, outside of every block"
        if block == "file"
        else f"{'an' if block[0] in 'aeiou' else 'a'} `{block}` block"
    )


def misfit(source: Source, statement: Statement, at: int, expected: Sequence[str]) -> Diagnostic:
    """The statement cannot go on at offset ``at``."""
    before = [piece for piece in statement.lexemes if piece.end <= at]
    found = next((piece for piece in statement.lexemes if piece.end > at), None)
    wanted = [t for t in expected if t not in _QUIET]
    if found is None:
        return _too_short(source, statement, wanted)
    if not wanted:
        return _too_long(source, found, before)
    place = f" after `{before[-1].text}`" if before else ""
    words = [w for w in map(keyword, wanted) if w]
    after = next((piece.text for piece in statement.lexemes if piece.start >= found.end), "")
    slip = slip_of(before[-1].text if before else "", found.text, after)
    expected = slip[0] if slip and slip[0] else one_of(wanted)
    hint = slip[1] if slip else did_you_mean(found.text, words)
    if hint is None and "_COMMA" in wanted and found.kind is before[-1].kind:
        items = f"{before[-1].text}, {found.text}"
        hint = f"a list needs a comma between its items: write `{items}`"
    hint = hint or _form(statement)
    return Diagnostic(
        "PC1002",
        f"expected {expected}{place}, found {_named(found)}",
        source.span(found.start, found.end),
        help=hint,
    )


def _too_short(source: Source, statement: Statement, wanted: Sequence[str]) -> Diagnostic:
    last = statement.lexemes[-1]
    return Diagnostic(
        "PC1003",
        f"the statement ends after `{last.text}`, where {one_of(wanted or ['_NL'])} is expected",
        source.span(last.start, last.end),
        help=_form(statement) or "a line goes on after a comma and inside parentheses",
    )


def _too_long(source: Source, found: Lexeme, before: Sequence[Lexeme]) -> Diagnostic:
    place = f" after `{before[-1].text}`" if before else ""
    return Diagnostic(
        "PC1004",
        f"expected the end of the line{place}, found {_named(found)}",
        source.span(found.start, found.end),
        help="a list needs a comma between its items; another statement needs a line of its own",
    )


def _named(piece: Lexeme) -> str:
    return "a text" if piece.kind is Kind.STRING else f"`{piece.text}`"


FORMS = {
    "edition": "edition 2026",
    "import": 'import "baselines/corp.agentpol" as corp',
    "tiers": "tiers observe < assist < act < autonomous",
    "class": "class support-desk extends corp.base {",
    "agent": "agent triage-bot is support-desk {",
    "window": "window standard {",
    "workload": "workload Deployment support/triage-bot container agent",
    "identity": "identity support/triage-bot",
    "learn": 'learn under standard since 2026-08-01 from "profiles/*.json"',
    "widen": "widen egress to /24 when seen >= 3 in 7d",
    "egress": "egress tcp 443 to host api.example.com",
    "ingress": "ingress tcp 8080 from pods labeled app=gateway in namespace web",
    "kube": "kube get, list on configmaps in namespace support",
    "tool": "tool zendesk: ticket.read, ticket.comment",
    "model": "model anthropic/claude-* via llm-gateway",
    "memory": "memory read on rag.support-kb",
    "syscalls": "syscalls profile runtime-default except ptrace, mount",
    "files": 'files read, write "/data/**"',
    "exec": 'exec "/usr/bin/python3"',
    "threat": "threat T07 tool-poisoning coercion {",
    "close": "close T07 on support-desk {",
    "accept": "accept T12 on triage-bot until 2026-12-31 {",
    "assert": "assert egress-fence for every agent where tier >= act {",
    "expect": "expect deny triage-bot kube get on secrets in namespace support",
    "allow": 'allow egress tcp 443 to host hooks.example.com because "SEC-1: on-call"',
    "dormant": 'dormant revoke kube list on pods until 2026-12-31 because "SEC-3"',
    "signal": "signal secrets.read kube-audit {",
    "fires": 'fires when objectRef.resource == "secrets"',
    "without": 'without memory because "it keeps nothing between requests"',
    "applies": "applies when tools, memory",
    "shown": "shown by mcp.manifest.unchanged",
    "evidence": "evidence signal mcp.manifest.unchanged holds for 14d",
    "reviewed": 'reviewed by "a@corp.example" on 2026-08-01 because "SEC-1"',
    "at": "at service mcp/zendesk:8080",
    "at least": "at least 14d and 500 sessions",
}
"""An example of each statement whose form is not plain from its keyword, or two where one begins several."""


_BEFORE_GRANTS = ("allow", "approve", "deny", "never")
"""Statements that hold a grant of any kind."""


def _form(statement: Statement) -> str | None:
    words = " ".join(piece.text for piece in statement.lexemes[:2])
    form = FORMS.get(words) or FORMS.get(statement.head)
    if statement.head in _BEFORE_GRANTS and len(statement.lexemes) > 1:
        grant = FORMS.get(statement.lexemes[1].text)
        form = f"{statement.head} {grant}" if grant else form
    return f"the form is: {form}" if form else None
