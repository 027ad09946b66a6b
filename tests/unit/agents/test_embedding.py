"""Regimes and how near they are to one another."""

import numpy as np

from arbiter.agents.embedding import embed, features
from arbiter.agents.sketch import condense, expand, project, sketched
from arbiter.agents.view import empty_bars
from arbiter.model.agents import EMBEDDING_SIZE, SKETCH_SIZE
from tests.unit.agents.markets import bars_along, path, view_of


def near(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return float(np.dot(one, other))


def regime(drift: float, seed: int, bid_size: float) -> tuple[float, ...]:
    return embed(view_of(bars_along(path(drift, seed=seed)), bid_size=bid_size))


def test_two_equal_regimes_are_nearer_than_two_opposed_ones() -> None:
    for seed in range(6):
        up, same = regime(5e-4, seed, 4.0), regime(5e-4, seed + 50, 4.0)
        down = regime(-5e-4, seed + 50, 0.25)
        assert near(up, same) > near(up, down) + 0.3


def test_it_is_deterministic_and_of_unit_length() -> None:
    one, other = regime(1e-4, 3, 1.0), regime(1e-4, 3, 1.0)
    assert one == other
    assert len(one) == EMBEDDING_SIZE
    assert abs(near(one, one) - 1.0) < 1e-9


def test_the_projection_never_changes_under_stored_decisions() -> None:
    """Embeddings of different versions of the program are compared with one another."""
    vector = project(np.linspace(-1.0, 1.0, 29))
    assert [round(value, 6) for value in vector[:4]] == [-0.008621, -0.050317, -0.006029, -0.025525]


def test_the_price_itself_does_not_matter_only_its_shape() -> None:
    close = path(3e-4, seed=4)
    assert near(embed(view_of(bars_along(close))), embed(view_of(bars_along(close * 37)))) > 0.999


def test_a_market_without_a_past_has_an_embedding() -> None:
    assert np.isfinite(features(view_of(empty_bars()))).all()
    assert abs(near(embed(view_of(empty_bars())), embed(view_of(empty_bars()))) - 1) < 1e-9


def test_a_sketch_keeps_the_embedding_and_every_angle() -> None:
    one, other = regime(4e-4, 1, 4.0), regime(-2e-4, 2, 0.5)
    short, long = condense(np.array([one, other])), np.array([one, other])
    assert short.shape == (2, SKETCH_SIZE)
    assert np.allclose(short @ short.T, long @ long.T, atol=1e-12)
    assert np.allclose(expand(short[0]), one, atol=1e-12)
    assert np.allclose(expand(short[0].astype(np.float16).astype(float)), one, atol=1e-4)


def test_the_sketch_never_changes_under_stored_decisions() -> None:
    sketch = condense(np.array(project(np.linspace(-1.0, 1.0, SKETCH_SIZE - 1))))
    assert [round(value, 6) for value in sketch[:3].tolist()] == [-0.283568, -0.238862, -0.276911]


def test_another_models_embedding_has_no_sketch() -> None:
    assert sketched(tuple(np.eye(EMBEDDING_SIZE)[3])) is None
    assert sketched((0.0,) * EMBEDDING_SIZE) is None
    assert sketched(regime(1e-4, 3, 1.0)) is not None
