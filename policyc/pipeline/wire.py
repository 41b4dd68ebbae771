"""Diagnostics as plain data: across the pipe of a worker, and in the build stamp."""

from __future__ import annotations

from collections.abc import Callable

from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic, Related, Severity
from policyc.core.source import Source, Span


def pack(diagnostic: Diagnostic) -> Json:
    """The diagnostic without its sources' texts, which the other side has or reads again."""
    return {
        "code": diagnostic.code,
        "message": diagnostic.message,
        "span": _pack_span(diagnostic.span),
        "related": [
            {"span": _pack_span(related.span), "message": related.message}
            for related in diagnostic.related
        ],
        "help": diagnostic.help,
        "path": diagnostic.path,
        "severity": diagnostic.severity.value,
    }


def unpack(value: Json, source: Callable[[str], Source]) -> Diagnostic:
    """The inverse of ``pack``; ``source`` finds a text by its path below the root."""
    match value:
        case {
            "code": str(code),
            "message": str(message),
            "span": span,
            "related": list(related),
            "help": help_,
            "path": path,
            "severity": str(severity),
        }:
            return Diagnostic(
                code,
                message,
                _unpack_span(span, source),
                tuple(_unpack_related(r, source) for r in related),
                help_ if isinstance(help_, str) else None,
                path if isinstance(path, str) else None,
                Severity(severity),
            )
    raise ValueError("not a diagnostic")


def _pack_span(span: Span | None) -> Json:
    return None if span is None else [span.path, span.start, span.end]


def _unpack_span(value: Json, source: Callable[[str], Source]) -> Span | None:
    match value:
        case [str(path), int(start), int(end)]:
            return Span(source(path), start, end)
    return None


def _unpack_related(value: Json, source: Callable[[str], Source]) -> Related:
    match value:
        case {"span": span, "message": str(message)}:
            place = _unpack_span(span, source)
            if place is not None:
                return Related(place, message)
    raise ValueError("not a related place")
