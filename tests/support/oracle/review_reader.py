"""A second reader of AdmissionReviews: what k8s.io/api/admission/v1 (1.36) says, and nothing coerced."""

from __future__ import annotations

from typing import Any

from support.oracle.strict_json import NotJsonError, read

Json = Any  # documents of every shape

_TEXTS = ("namespace", "name", "subResource")
_OBJECTS = ("object", "oldObject", "options")
_OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")


def request_in(data: bytes) -> Json:
    """The ``request`` of a review that can be judged; None when the bytes are none."""
    try:
        document = read(data)
    except NotJsonError:
        return None
    if not isinstance(document, dict) or document.get("kind") != "AdmissionReview":
        return None
    request = document.get("request")
    if document.get("apiVersion") != "admission.k8s.io/v1" or not isinstance(request, dict):
        return None
    return request if _is_whole(request) else None


def _is_whole(request: Json) -> bool:
    uid = request.get("uid")
    is_told = isinstance(uid, str) and 0 < len(uid) <= 128
    is_about = request.get("operation") in _OPERATIONS and (
        request["operation"] not in ("CREATE", "UPDATE") or request.get("object") is not None
    )
    return (
        is_told
        and is_about
        and _is_named(request.get("kind"), "kind")
        and _is_named(request.get("resource"), "resource")
        and all(isinstance(request.get(name), str | None) for name in _TEXTS)
        and all(isinstance(request.get(name), dict | None) for name in _OBJECTS)
        and isinstance(request.get("dryRun"), bool | None)
        and _is_user(request.get("userInfo"))
    )


def _is_named(value: Json, last: str) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(part), str) for part in ("group", "version", last)
    )


def _is_user(value: Json) -> bool:
    """A user without a name, or in no group, is what the API server calls nobody."""
    if value is None:
        return True
    if not isinstance(value, dict) or not isinstance(value.get("extra"), dict | None):
        return False
    if not all(isinstance(value.get(name), str | None) for name in ("username", "uid")):
        return False
    groups = value.get("groups")
    return groups is None or (
        isinstance(groups, list) and all(isinstance(group, str) for group in groups)
    )
