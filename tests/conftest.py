"""Settings every test shares."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The machine's speed is not what a test decides on: no deadlines.
settings.register_profile(
    "arbiter", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("arbiter")

_WIRE = [Path(__file__).parent / "scenarios" / name for name in ("simex", "venues")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what speaks to simulated exchanges, unless it is slow besides."""
    for item in items:
        over_sockets = any(item.path.is_relative_to(folder) for folder in _WIRE)
        if over_sockets and item.get_closest_marker("slow") is None:
            item.add_marker(pytest.mark.wire)


pytest_plugins = ["tests.fakes.postgres"]
