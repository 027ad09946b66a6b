"""A gateway's embedding model over real HTTP: its vectors, or the reason there are none."""

import json
import math

import pytest

from arbiter.llm.embedder import make_embedder
from arbiter.model.agents import EMBEDDING_SIZE
from tests.fakes.openai_server import Reply, failing, openai_server, slow


def vectors(*heads: float, size: int = EMBEDDING_SIZE) -> Reply:
    """An answer of one vector for each head: it and zeros, then a one."""
    rows = [
        {"object": "embedding", "index": n, "embedding": [head] + [0.0] * (size - 2) + [1.0]}
        for n, head in enumerate(heads)
    ]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    body = {"object": "list", "model": "e-1", "data": rows, "usage": usage}
    return 200, json.dumps(body).encode(), 0.0


async def embedded(reply: Reply, *texts: str) -> object:
    patience_s = 0.3 if reply[2] else 30.0
    async with openai_server(reply) as server:
        embedder = make_embedder(base_url=server.url, api_key="", model="e-1", timeout_s=patience_s)
        try:
            return await embedder.embed(texts)
        finally:
            await embedder.close()


async def test_each_text_gets_its_own_unit_vector_and_equal_ones_are_asked_once() -> None:
    async with openai_server(vectors(3.0, -3.0), vectors(5.0)) as server:
        embedder = make_embedder(base_url=server.url, api_key="", model="e-1", timeout_s=30.0)
        found = await embedder.embed(["up", "down", "up"])
        again = await embedder.embed(["down", "flat"])
        await embedder.close()
    assert not isinstance(found, str)
    assert not isinstance(again, str)
    assert found[0] == found[2] != found[1] == again[0]
    assert found[0][0] == pytest.approx(3 / math.sqrt(10))
    assert all(math.hypot(*vector) == pytest.approx(1.0) for vector in [*found, *again])
    assert [request["input"] for request in server.requests] == [["up", "down"], ["flat"]]
    assert {request["dimensions"] for request in server.requests} == {EMBEDDING_SIZE}


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (failing(500), "no answer"),
        (slow(600.0, vectors(1.0)), "no answer"),
        (vectors(1.0, size=768), "768 dimensions, not 1536"),
        (vectors(1.0, 2.0), "2 embeddings for 1 texts"),
        ((200, vectors(1.0)[1].replace(b"1.0", b"0.0"), 0.0), "without a direction"),
        ((200, b'{"object":"list","data":[', 0.0), "no answer"),
    ],
)
async def test_what_is_no_embedding_is_told_and_never_raised(reply: Reply, why: str) -> None:
    found = await embedded(reply, "up")
    assert isinstance(found, str)
    assert why in found
