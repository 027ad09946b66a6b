"""Settings every test shares."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The machine's speed is not what a test decides on: no deadlines.
_PATIENT = settings(
    deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
# What is known to pass stays passed, wherever it runs; new examples are searched for on purpose,
# by --hypothesis-profile=search.
settings.register_profile("arbiter", _PATIENT, derandomize=True)
settings.register_profile("search", _PATIENT, derandomize=False, max_examples=1_000)
settings.load_profile("arbiter")

_SLOW = "mark.slow"
_WIRE = [Path(__file__).parent / "scenarios" / name for name in ("simex", "venues")]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files unread that have no test of the group asked for: reading them all takes long."""
    group = config.option.markexpr
    over_sockets = any(collection_path.is_relative_to(folder) for folder in _WIRE)
    if group == "not slow and not wire":
        left_out = over_sockets
    elif group == "wire":
        left_out = collection_path.suffix == ".py" and not over_sockets
    elif group == "slow":
        left_out = collection_path.suffix == ".py" and _SLOW not in collection_path.read_text()
    else:
        left_out = False
    # None asks the other plugins, too.
    return left_out or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what speaks to simulated exchanges, unless it is slow besides."""
    slow_files: set[Path] = set()
    for item in items:
        if item.get_closest_marker("slow") is not None:
            slow_files.add(item.path)
        elif any(item.path.is_relative_to(folder) for folder in _WIRE):
            item.add_marker(pytest.mark.wire)
    # The other groups read these files, too: so none can drop out of the slow group unseen.
    unseen = [str(file) for file in slow_files if _SLOW not in file.read_text()]
    if unseen:
        raise pytest.UsageError(f"slow tests in files that never say {_SLOW}: {unseen}")


pytest_plugins = ["tests.fakes.postgres"]
