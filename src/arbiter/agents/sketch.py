"""The built-in embedding and its sketch: 36 numbers that say the same as its 1536.

The embedding projects `FEATURES` features by a fixed matrix of ±1, so it lies in a space of as many
dimensions. Its coordinates there, in an orthonormal basis, keep every angle and length: the cosine
of two sketches is that of their embeddings, and the embedding comes back from its sketch. The
basis is the matrix times the inverse of its Cholesky factor: unique, so the same on any machine.
"""

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

from arbiter.model.agents import EMBEDDING_SIZE, SKETCH_SIZE

Floats = NDArray[np.float64]

VERSION = "context-1"
_LOST = 0.01
"""An embedding further than this from what its sketch gives back is no projection of features.

Half precision loses about 0.0005.
"""


def project(values: Floats) -> tuple[float, ...]:
    """Project features to a unit vector; all zeros are moved off the origin by a constant."""
    with_bias = np.append(values, 0.05)
    vector = _matrix(len(with_bias)) @ with_bias
    return tuple((vector / np.linalg.norm(vector)).tolist())


def condense(embeddings: Floats) -> Floats:
    """Give the sketches of embeddings: `[..., EMBEDDING_SIZE]` to `[..., SKETCH_SIZE]`."""
    found: Floats = embeddings @ _basis()
    return found


def expand(sketch: Floats) -> Floats:
    """Give the unit embedding of a sketch."""
    vector: Floats = _basis() @ sketch
    found: Floats = vector / np.linalg.norm(vector)
    return found


def sketched(embedding: tuple[float, ...]) -> tuple[float, ...] | None:
    """Give an embedding's sketch; None when it would lose something."""
    given = np.array(embedding)
    sketch = condense(given)
    if not sketch.any() or float(np.linalg.norm(expand(sketch) - given)) > _LOST:
        return None
    return tuple(sketch.tolist())


@cache
def _matrix(width: int) -> Floats:
    """Fixed ±1 by a hash, not by a generator whose stream may change: `[EMBEDDING_SIZE, width]`."""
    bits = hashlib.shake_256(f"arbiter {VERSION}".encode()).digest(EMBEDDING_SIZE * width // 8)
    signs = np.unpackbits(np.frombuffer(bits, dtype=np.uint8)).astype(np.float64) * 2.0 - 1.0
    return signs.reshape(EMBEDDING_SIZE, width)


@cache
def _basis() -> Floats:
    """Orthonormal columns that span what the matrix does: `[EMBEDDING_SIZE, SKETCH_SIZE]`."""
    matrix = _matrix(SKETCH_SIZE)
    lower = np.linalg.cholesky(matrix.T @ matrix)
    return np.linalg.solve(lower, matrix.T).T
