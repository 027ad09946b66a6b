"""Settings of the funding family that change while the engine runs."""

from decimal import Decimal
from pathlib import Path

import pytest

from arbiter.app.config import load
from arbiter.app.tuning import Tuning
from arbiter.model.events import SettingChanged
from arbiter.model.ids import Actor
from arbiter.runtime.tuning import BadSetting
from tests.scenarios.funding.test_pairs import World

D = Decimal


def tuned(folder: Path, world: World, **persisted: str) -> Tuning:
    flags = {"sim.time_scale": ("flag", "60")}
    loaded = load(environment={}, flags=flags, file=None, working_directory=folder, profiled=False)
    changes = {
        f"funding.{name}": SettingChanged(
            at_ns=1, path=f"funding.{name}", before="0", after=after, actor=Actor("me")
        )
        for name, after in persisted.items()
    }
    tuning = Tuning(loaded.settings, world.registry, changes)
    tuning.govern_funding(world.desk)
    return tuning


def test_a_change_is_in_force_at_the_next_look_and_keeps_the_venues_time(tmp_path: Path) -> None:
    world = World()
    tuning = tuned(tmp_path, world)
    assert world.desk.settings.time_scale == 60
    prepared = tuning.prepare({"funding.target_profit": 0.01, "funding.max_pairs": 1})
    assert world.desk.settings.max_pairs == 3
    prepared.apply()
    assert (world.desk.settings.target_profit, world.desk.settings.max_pairs) == (D("0.01"), 1)
    assert world.desk.settings.time_scale == 60
    assert prepared.after == {"funding.target_profit": "0.01", "funding.max_pairs": "1"}
    assert tuning.value("funding.max_pairs") == 1


@pytest.mark.parametrize(
    ("mode", "scale"), [("sim", 60), ("replay", 60), ("paper", 1), ("live", 1)]
)
def test_hours_are_scaled_for_venues_that_are_simulated_here_alone(
    tmp_path: Path, mode: str, scale: int
) -> None:
    flags = {
        "sim.time_scale": ("flag", "60"),
        "engine.mode": ("flag", mode),
        "venues.enabled": ("flag", "binance"),
        "venues.symbols": ("flag", "BTC/USDT"),
    }
    given = load(environment={}, flags=flags, file=None, working_directory=tmp_path)
    assert Tuning(given.settings, World().registry, {}).funding.time_scale == scale


def test_a_change_outlives_a_restart(tmp_path: Path) -> None:
    world = World()
    tuned(tmp_path, world, min_funding_spread="0.0007")
    assert world.desk.settings.min_funding_spread == D("0.0007")


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("funding.target_profit", 2, "must be a fraction from 0.0001 to 1"),
        ("funding.target_proft", 0.1, "did you mean funding.target_profit"),
        ("funding.max_pairs", "many", "must be a whole number from 1 to 200"),
        ("funding.enabled", False, "is not a setting"),
        ("funding.symbols", ["BTC"], "is not a setting"),
    ],
)
def test_what_does_not_fit_or_is_set_at_the_start_is_refused(
    tmp_path: Path, path: str, value: float | str | list[str], why: str
) -> None:
    world = World()
    tuning = tuned(tmp_path, world)
    with pytest.raises(BadSetting) as refused:
        tuning.prepare({"funding.hold_hours": 24, path: value})
    assert why in str(refused.value)
    assert world.desk.settings.hold_hours == 72
