"""A small OpenAI-compatible server over real HTTP: it answers what it is told to, in turn."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Reply = tuple[int, bytes, float]
"""Status, body, and seconds before it is sent."""


def said(content: str, *, model: str = "m", asked: int = 100, answered: int = 20) -> Reply:
    """A good answer with this text."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": content},
            }
        ],
        "usage": {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
        },
    }
    return 200, json.dumps(body).encode(), 0.0


def signal(action: str = "BUY", confidence: float = 0.8, reasoning: str = "because") -> Reply:
    return said(json.dumps({"action": action, "confidence": confidence, "reasoning": reasoning}))


def risk(approved: bool, size: float = 0.1, reasoning: str = "sound") -> Reply:
    return said(
        json.dumps(
            {
                "approved": approved,
                "position_size": size,
                "confidence": 0.7,
                "reasoning": reasoning,
            }
        )
    )


def failing(status: int) -> Reply:
    return status, json.dumps({"error": {"message": "no", "type": "x"}}).encode(), 0.0


def slow(seconds: float, reply: Reply) -> Reply:
    return reply[0], reply[1], seconds


def truncated() -> Reply:
    """A body that ends in the middle of its JSON."""
    status, body, _ = signal()
    return status, body[: len(body) // 2], 0.0


@dataclass
class OpenAiServer:
    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    """Given in turn; the last one stays."""
    by_model: dict[str, Callable[[], Reply]] = field(default_factory=dict)
    """Where a model has its own."""
    requests: list[dict[str, Any]] = field(default_factory=list)

    def next(self, request: dict[str, Any]) -> Reply:
        self.requests.append(request)
        own = self.by_model.get(request["model"])
        if own is not None:
            return own()
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def asked(self, model: str) -> int:
        return sum(request["model"] == model for request in self.requests)


@asynccontextmanager
async def openai_server(*replies: Reply) -> AsyncIterator[OpenAiServer]:
    """Serve ``POST /v1/chat/completions`` on a free port of this machine."""
    server = OpenAiServer(replies=list(replies))
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = next(
                    int(line.split(":")[1])
                    for line in head.split("\r\n")
                    if line.startswith("content-length:")
                )
                request = json.loads(await reader.readexactly(length))
                status, body, wait_s = server.next(request)
                await asyncio.sleep(wait_s)
                writer.write(
                    f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
                    f"content-length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()
