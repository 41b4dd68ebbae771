"""Models that a request names elsewhere than in JSON, or not at all: in its path, or in a field of a form."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.conversations import (
    CHUNKED,
    POST,
    blind_of,
    call,
    chunk,
    cut,
    models_of,
    plain,
    recorded,
    tools_of,
)
from support.recorder import losses

from recorder import layout
from recorder.blind import _UNREAD  # the words that are under test

pytestmark = pytest.mark.system

SEED = 13
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0"
UNNAMED = {f"{domain}: {_UNREAD[layout.UNREAD_UNNAMED]}" for domain in ("models", "tools")}


def _to(target: str, body: object = None, method: str = "POST") -> bytes:
    text = b"" if body is None else json.dumps(body).encode()
    return plain(text, f"{method} {target} HTTP/1.1\r\nHost: here\r\n".encode())


PATHS = {
    "/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01": "gpt-4o",
    "/apim//OpenAI/Deployments/my%20own/embeddings": "my own",
    "/v1beta/models/gemini-2.5-pro:generateContent?key=x": "gemini-2.5-pro",
    "https://h/v1/projects/p/locations/l/publishers/google/models/g-2:streamRawPredict": "g-2",
    "/v1/models/models/tuned:predict": "tuned",
    "/v1beta/tunedModels/own-1%3agenerateContent": "own-1",
    "/model/anthropic.claude-v2%3A1/invoke": "anthropic.claude-v2:1",
    "/model/amazon.nova-lite-v1:0/converse-stream": "amazon.nova-lite-v1:0",
    f"/%6Dodel/{ARN.replace(':', '%3A').replace('/', '%2F')}/invoke-with-response-stream": ARN,
}
OTHERS = (
    "/openai/deployments/NO", "/deployments/NO/scale", "/model/NO/versions", "/models/NO", "/models/NO:", "/v1/models/NO:latest", "/api/endpoints/NO:rotate",
    "/model/NO?/invoke", "/models/:predict", "/openai/x/deployments/NO/y", "/?/model/NO/invoke",
)  # fmt: skip


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_a_model_in_the_path(way: str, tmp_path: Path) -> None:
    draw = random.Random(SEED)  # no secret
    bodies = (None, {"messages": []}, {"contents": [], "prompt": 1}, {"inputText": "x"})
    text = b"".join(_to(path, draw.choice(bodies)) for path in PATHS)
    text += b"".join(_to(path) for path in OTHERS) + _to("\t  /model/last/converse")
    spec = recorded(tmp_path, way, [list(cut(text, draw, 30))])
    assert models_of(spec) == {*PATHS.values(), "last"}
    assert {item["count"] for item in spec["models"]} == {1}
    assert losses(spec) == {}
    assert blind_of(spec) == set()


def test_a_model_in_the_path_and_in_the_body(tmp_path: Path) -> None:
    """As Azure's clients say it, it is one; who says two of them may mean either."""
    path = "/openai/deployments/same/chat/completions"
    same, other = ({"model": name, "messages": []} for name in ("same", "other"))
    said = [_to(path, same), _to(path, other), _to("/chat/completions", {"model": "alone"})]
    spec = recorded(tmp_path, "plain", [[b"".join(said)]])
    assert {i["model"]: i["count"] for i in spec["models"]} == {"same": 2, "other": 1, "alone": 1}
    assert losses(spec) == {}


LOST = (
    f"/model/{'m' * layout.TEXT_BYTES}/invoke",
    "/model/quo%22te/invoke",
    "/openai/deployments/one/../two/chat",
    "/model/%2e/two/invoke",
)


def test_a_path_that_cannot_be_told_is_lost(tmp_path: Path) -> None:
    spec = recorded(tmp_path, "plain", [[_to(path), _to("/", method="GET")] for path in LOST])
    assert models_of(spec) == set()
    assert losses(spec) == {"models": len(LOST), "tools": len(LOST)}


@pytest.mark.parametrize(
    "request_",
    [
        _to("/", {"prompt": "a cat"}),
        _to("/v1/moderations", {"input": "x"}),
        _to("/", {"contents": []}),
    ],
    ids=["prompt", "input of an API of models", "contents"],
)
def test_a_model_that_nobody_names_leaves_a_blind_spot(request_: bytes, tmp_path: Path) -> None:
    spec = recorded(tmp_path, "plain", [[request_, _to("/", {"input": "of something else"})]])
    assert models_of(spec) == set()
    assert blind_of(spec) == UNNAMED
    assert losses(spec) == {}


def test_what_is_no_request_to_a_model_leaves_none(tmp_path: Path) -> None:
    others = ({"input": "x"}, {"model": "Golf"}, {"name": "prompt"}, [{"input": 1}])
    spec = recorded(tmp_path, "plain", [[_to("/cars", body)] for body in others])
    assert models_of(spec) == set()
    assert blind_of(spec) == set()
    assert losses(spec) == {}


NOISE = b"\r\n--\r\n--b\r\n--boundar\r\n\r\n-\n" + bytes(range(256)) * 40


def _field(name: str, value: bytes, more: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\n'
    return head.encode() + b"\r\n" + value + b"\r\n"


def _form(*fields: bytes, end: bytes = b"--\r\n") -> bytes:
    return b"".join(b"--boundary\r\n" + field for field in fields) + b"--boundary" + end


FILE = _field("file", NOISE, '; filename="a.wav"\r\nContent-Type: audio/wav')
UPPER = b"X: y\r\ncontent-disposition:form-data;NAME=model\r\n\r\nlast\r\n"
FORMS: Sequence[tuple[bytes, str]] = (
    (_form(_field("model", b"first"), FILE), "first"),
    (_form(FILE, _field("language", b"en\r\n\r\nmodel"), UPPER, end=b"--"), "last"),
    (_form(_field("prompt", b"x"), _field("image[]", NOISE), _field("model", b"third")), "third"),
)
NO_FORMS = (_form(_field("model", b"Golf")), b"-- no form", b"- a\n- b\n", b"--" + b"x" * 999)


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_a_model_in_a_form(way: str, tmp_path: Path) -> None:
    draw = random.Random(SEED)  # no secret
    said = [plain(form) for form, _ in FORMS] + [plain(body) for body in NO_FORMS]
    for form, name in FORMS:
        chunked = form.replace(name.encode(), f"chunked-{name}".encode())
        parts = b"".join(map(chunk, cut(chunked, draw, 700)))
        said.append(CHUNKED + parts + b"0\r\n\r\n")
    text = b"".join(said) + plain(call("after"))
    spec = recorded(tmp_path, way, [list(cut(text, draw, 3000))])
    names = {name for _, name in FORMS}
    assert models_of(spec) == names | {f"chunked-{name}" for name in names}
    assert {item["count"] for item in spec["models"]} == {1}
    assert tools_of(spec) == {"after"}
    assert losses(spec) == {}
    assert blind_of(spec) == set()


UNCLEAR = {
    "two models": _form(_field("model", b"one"), FILE, _field("model", b"two")),
    "two names": _form(b"Content-Disposition: form-data; name=x; name=model\r\n\r\none\r\n", FILE),
    "a name in two lines": _form(
        b'Content-Disposition: form-data;\r\n name="model"\r\n\r\none\r\n', FILE
    ),
    "an escaped name": _form(_field("\\model", b"one"), FILE),
    "a model of two lines": _form(_field("model", b"one\r\ntwo"), FILE),
    "a long model": _form(_field("model", b"m" * layout.TEXT_BYTES), FILE),
    "no end": _form(FILE, _field("model", b"one"), end=b""),
}


def test_a_form_that_cannot_be_told_is_lost(tmp_path: Path) -> None:
    said = [[plain(form), plain(call(what))] for what, form in UNCLEAR.items()]
    spec = recorded(tmp_path, "plain", said)
    assert models_of(spec) == set()
    assert tools_of(spec) == set(UNCLEAR)
    assert losses(spec) == {"models": len(UNCLEAR), "tools": len(UNCLEAR)}


def test_a_form_without_a_model_leaves_a_blind_spot(tmp_path: Path) -> None:
    form = _form(_field("image", NOISE), _field("prompt", b"a cat"))
    spec = recorded(tmp_path, "plain", [[plain(form)]])
    assert blind_of(spec) == UNNAMED


def test_nothing_but_the_model_of_a_form_or_path_is_kept(tmp_path: Path) -> None:
    secret = "PLANTED" + "SECRET"
    form = _form(_field("file", secret.encode()), _field("model", b"known"), _field(secret, b"x"))
    head = f"POST /models/{secret}/openai/deployments/{secret} HTTP/1.1\r\n".encode()
    spec = recorded(tmp_path, "plain", [[plain(form, head), POST + b"\r\n"]])
    assert models_of(spec) == {"known"}
    assert secret not in json.dumps(spec)
