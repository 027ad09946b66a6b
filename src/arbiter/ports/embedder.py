"""A model that turns texts into vectors, as the agents' decisions need them."""

from collections.abc import Sequence
from typing import Protocol

Vector = tuple[float, ...]


class Embedder(Protocol):
    """Never raises for anything a model or its server does."""

    model: str
    """Kept beside each vector."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector] | str:
        """Give a unit vector of `EMBEDDING_SIZE` for each text, or why there is none."""
        ...

    async def close(self) -> None: ...
