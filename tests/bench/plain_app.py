"""The smallest application that uvicorn serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

BODY = b"0" * 1024
Send = Callable[[dict[str, Any]], Awaitable[None]]  # what ASGI says


async def app(scope: dict[str, Any], receive: object, send: Send) -> None:  # as above
    del receive
    assert scope["type"] == "http"
    headers = [(b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})
