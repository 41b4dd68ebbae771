"""The FastAPI application: reviews on raw ASGI, probes and metrics as plain routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from webhook.metrics import Metrics

Status = Callable[[], tuple[bool, Mapping[str, object]]]
"""Whether requests should come here, and what is known about why not."""


@dataclass(frozen=True, slots=True)
class Probes:
    """What the plain routes answer with."""

    status: Status
    metrics: Metrics

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.get("/healthz")
        async def healthz() -> Response:
            """The process runs and its event loop turns: nothing else may restart it."""
            return PlainTextResponse("ok")

        @router.get("/readyz")
        async def readyz() -> Response:
            is_ready, facts = self.status()
            body = {"ready": is_ready, **facts}
            # The kubelet asks here, not the API server: 503 is its word for "not now".
            return JSONResponse(body, status_code=200 if is_ready else 503)

        @router.get("/metrics")
        async def metrics() -> Response:
            return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

        return router


class App(FastAPI):
    """FastAPI, with the paths of reviews dispatched before its routing and middleware.

    Those cost a third of a request (measured by tests/bench/bench_webhook.py) and end an
    exception in a 500, which the API server takes for a failed call.
    """

    def __init__(self, reviews: Mapping[str, ASGIApp], probes: Probes) -> None:
        super().__init__(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
        self._reviews = dict(reviews)
        self.include_router(probes.router())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        review = self._reviews.get(scope["path"]) if scope["type"] == "http" else None
        if review is not None:
            await review(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(reviews: Mapping[str, ASGIApp], probes: Probes) -> FastAPI:
    """The application: path -> reviews (``/validate``, ``/mutate``), and the probes."""
    return App(reviews, probes)
