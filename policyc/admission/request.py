"""A request to the API server, as admission sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from policyc.core.canonical import Json


class Operation(StrEnum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"


Object = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Request:
    """``group``, ``version`` and ``kind`` are those of the object as it was sent to us.

    ``namespace`` is empty for cluster-scoped objects, ``name`` for generated names.
    ``object`` is None for DELETE, ``old`` for CREATE.  ``extra`` is ``userInfo.extra``, where
    authenticators say what stands behind a user: a credential, a pod, whom it speaks for.
    """

    uid: str
    operation: Operation
    group: str
    version: str
    kind: str
    resource: str  # plural; its group is ``group`` but for subresources with a kind of their own
    resource_group: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    object: Object | None = None
    old: Object | None = None
    options: Object | None = None
    dry_run: bool = False
    user_uid: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)
    readings: dict[str, Any] = field(init=False, default_factory=dict, compare=False, repr=False)
    """What was read of the object, by whom: several ask for it, and each reader knows its own."""

    @property
    def subject(self) -> Object:
        """What the request is about: the new object, or the old one where it goes."""
        return self.object if self.object is not None else self.old or {}

    def before(self) -> Request:
        """The request that would leave the old object as it is."""
        return replace(self, object=self.old)
