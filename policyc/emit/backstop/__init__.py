"""The backstop: what the API server itself can hold agents' pods to, without a webhook."""

from policyc.emit.backstop.limits import beyond
from policyc.emit.backstop.policy import backstop
from policyc.emit.backstop.row import FOLDER, STATIC, Row, row_of

__all__ = ["FOLDER", "STATIC", "Row", "backstop", "beyond", "row_of"]
