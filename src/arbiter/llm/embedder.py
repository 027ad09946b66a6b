"""A gateway's embedding model: one call for several texts, equal ones asked once."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from openai import AsyncOpenAI, OpenAIError

from arbiter.model.agents import EMBEDDING_SIZE
from arbiter.ports.embedder import Vector

_KEPT = 256
_LONGEST_TEXT = 16_000
_SLACK_S = 0.5


class GatewayEmbedder:
    """Implements `ports.embedder.Embedder`; only vectors of `EMBEDDING_SIZE` count as an answer."""

    def __init__(self, client: AsyncOpenAI, model: str, *, timeout_s: float) -> None:
        self.model = model
        self._client = client
        self._timeout_s = timeout_s
        self._kept: OrderedDict[str, Vector] = OrderedDict()

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector] | str:
        """Give a unit vector for each text, or why there is none."""
        asked = [text[:_LONGEST_TEXT] or " " for text in texts]
        missing = [text for text in dict.fromkeys(asked) if text not in self._kept]
        found = {text: self._kept[text] for text in asked if text in self._kept}
        if missing:
            fresh = await self._ask(missing)
            if isinstance(fresh, str):
                return fresh
            found |= fresh
        for text in found:
            self._kept[text] = found[text]
            self._kept.move_to_end(text)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return [found[text] for text in asked]

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, texts: list[str]) -> dict[str, Vector] | str:
        try:
            async with asyncio.timeout(self._timeout_s + _SLACK_S):
                answer = await self._client.embeddings.create(
                    model=self.model,
                    input=texts,
                    dimensions=EMBEDDING_SIZE,
                    encoding_format="float",
                )
        except TimeoutError:
            return f"no answer within {self._timeout_s:g} s"
        except (OpenAIError, ValueError) as error:
            return f"no answer: {str(error)[:200]}"
        rows = {row.index: row.embedding for row in answer.data or ()}
        if sorted(rows) != list(range(len(texts))):
            return f"{len(rows)} embeddings for {len(texts)} texts"
        vectors: dict[str, Vector] = {}
        for number, text in enumerate(texts):
            vector = _unit(rows[number])
            if isinstance(vector, str):
                return vector
            vectors[text] = vector
        return vectors


def _unit(values: object) -> Vector | str:
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return "an embedding that is no list of numbers"
    if vector.shape != (EMBEDDING_SIZE,):
        return f"an embedding of {vector.size} dimensions, not {EMBEDDING_SIZE}"
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        return "an embedding without a direction"
    return tuple((vector / length).tolist())


def make_embedder(*, base_url: str, api_key: str, model: str, timeout_s: float) -> GatewayEmbedder:
    """Make an embedder over HTTP; a failed call is not repeated."""
    client = AsyncOpenAI(
        base_url=base_url, api_key=api_key or "none", timeout=timeout_s, max_retries=0
    )
    return GatewayEmbedder(client, model, timeout_s=timeout_s)
