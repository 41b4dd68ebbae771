"""Reviews of replicas, with texts of their own that stand in more places than they should."""

from __future__ import annotations

import json
import random
from typing import Any

from support.admission import pod, request
from support.webhook import review

Json = Any
ENDINGS = ("abcde", "fghij", "00000", "zzzzz")
TOKENS = (
    "kube-api-access-abcde",
    "kube-api-access-fghij",
    "kube-apa-access-abcde",
    "kube-api-access-ABCDE",
)
ODD = (
    'x"research-5d8f7c9b6-abcde',
    '"kube-api-access-abcde',
    'a"b',
    "a\\b",
    "ünï",
    "\n",
    "<&>",
    "A",
    "x" * 7,
    "",
)


def replica(rng: random.Random) -> Json:
    """The body of a review: of one of few workloads, with texts that stand in more places than they should."""
    body = pod()
    ending, token = rng.choice(ENDINGS), rng.choice(TOKENS)
    name = f"research-5d8f7c9b6-{ending}"
    body["metadata"] |= {"name": name, "generateName": "research-5d8f7c9b6-"}
    spec = body["spec"]
    spec["volumes"] = [{"name": token, "projected": {"sources": []}}]
    spec["containers"][0]["volumeMounts"] = [{"name": token, "mountPath": "/var/run/secrets"}]
    uid = f"3f0c9d3e-0000-4000-8000-{rng.randrange(4):012}"
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        text = rng.choice((name, token, uid, uid[:-1] + "9", rng.choice(ODD)))
        where = rng.choice((_variable, _annotation, _key, _label, _owner))
        where(body, text)
    made = review(request(body), uid)
    if rng.random() < 0.2:
        made["request"]["name"] = rng.choice((name, "", rng.choice(ODD)))
    if rng.random() < 0.1:
        made["request"]["uid"] = rng.choice((name, token))
    return made


def _variable(body: Json, text: str) -> None:
    body["spec"]["containers"][0]["env"] = [{"name": "E", "value": text}]


def _annotation(body: Json, text: str) -> None:
    body["metadata"].setdefault("annotations", {})["a"] = text


def _key(body: Json, text: str) -> None:
    body["metadata"].setdefault("annotations", {})[text] = "a"


def _label(body: Json, text: str) -> None:
    body["metadata"]["labels"]["l"] = text


def _owner(body: Json, text: str) -> None:
    body["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "uid": text}]


def written(body: Json, rng: random.Random | None = None) -> bytes:
    """As the API server writes it, or with escapes that it would not write."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if rng is not None and rng.random() < 0.3:
        text = text.replace('\\"', "\\u0022")
    if rng is not None and rng.random() < 0.1:
        text = text.replace("kube", "\\u006bube", 1)
    return text.encode() + b"\n"
