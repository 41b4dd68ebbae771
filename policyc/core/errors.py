"""Faults that are not the author's: the environment's and our own.

A wrong policy, profile or manifest is never an exception: it is a
:class:`~policyc.core.diagnostics.Diagnostic`.  See docs/explanation/errors.md.
"""

from __future__ import annotations


class PolicycError(Exception):
    """The environment refused: a file, a permission, a network, a kernel.

    ``code`` names the diagnostic page, ``help`` says what to do about it.
    Raised at the edge where the fault happens, caught once by the command line.
    """

    def __init__(self, code: str, message: str, *, help: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help

    def __reduce__(self) -> tuple[object, ...]:
        """How a worker sends it: an exception by itself knows its message only."""
        return _again, (type(self), self.code, self.message, self.help)


def _again(kind: type[PolicycError], code: str, message: str, help: str | None) -> PolicycError:
    return kind(code, message, help=help)


class InternalError(Exception):
    """A promise that our own code broke; the command line exits with 70."""


class VerificationError(PolicycError):
    """A signature, digest or certificate that does not hold."""
