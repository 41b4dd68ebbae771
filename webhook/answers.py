"""The AdmissionReview that answers, as its bytes."""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from policyc.admission.review import answer, patch_json
from policyc.admission.verdict import Verdict
from policyc.core.canonical import Json
from webhook.judge import Judged

_encode = json.JSONEncoder(separators=(",", ":")).encode


def fault(message: str) -> bytes:
    """What is said to who sent no review."""
    return _encode({"error": message}).encode()


def written(judged: Judged) -> bytes:
    """Never nothing."""
    verdict = judged.verdict
    try:
        if verdict.findings or verdict.patch:
            return to_json(_document(judged))
        head, tail = _admission(verdict.agent, verdict.stage, verdict.bundle)
        more = to_json(judged.annotations)[1:-1]
        return b"".join((head, to_json(verdict.uid), tail, b"," if more else b"", more, b"}}}"))
    except ValueError:  # a lone surrogate, as no strict JSON brings one: never no answer
        return _encode(_document(judged)).encode()


@lru_cache(256)
def _admission(agent: str, stage: str, bundle: str) -> tuple[bytes, bytes]:
    """What is answered when nothing was found: up to the uid, and from there to further annotations."""
    text = to_json(answer(Verdict("", (), agent, stage, bundle)))
    head, uid, tail = text.partition(b'"uid":""')
    return head + uid[:-2], tail.removesuffix(b"}}}")


def _document(judged: Judged) -> Json:
    document = answer(judged.verdict)
    response: Any = document["response"]  # type: ignore[index,call-overload]  # answer() makes it
    response["auditAnnotations"].update(judged.annotations)
    if judged.verdict.patch:  # the API server wants both members or neither
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(patch_json(judged.verdict)).decode()
    return document
