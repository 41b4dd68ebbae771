"""An application as most agents' tools are: a route of FastAPI that checks what it gives as JSON."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

from tests.bench.plain_app import BODY

app = FastAPI()


class Ticket(BaseModel):
    number: int = 7
    title: str
    tags: list[str] = ["open", "urgent"]


_LENGTH = len(BODY) - len(Ticket(title="").model_dump_json())


@app.get("/")
async def ticket() -> Ticket:
    """As long as the smallest application's answer: the client reads so many bytes."""
    return Ticket(title="0" * _LENGTH)
