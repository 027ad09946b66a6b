"""Rehearsed faults are off until someone sets them, and a script that cannot be played is refused."""

from decimal import Decimal
from pathlib import Path

import pytest

from arbiter.app.config import load
from arbiter.matching.faults import Fault
from arbiter.model.errors import BadConfig
from arbiter.venues.sim.faults import FaultSettings


def faults(folder: Path, text: str = "") -> FaultSettings:
    file = folder / "arbiter.toml"
    file.write_text(text)
    return load(environment={}, file=file).settings.sim.record().faults


def test_nothing_goes_wrong_by_default(tmp_path: Path) -> None:
    assert not faults(tmp_path).enabled
    assert not faults(tmp_path, "[sim.faults]\nseed = 3\nuntil_s = 5\n").enabled


def test_chances_and_lasting_faults_are_read(tmp_path: Path) -> None:
    found = faults(tmp_path, "[sim.faults]\ndrop_response = 0.2\nstalls_per_minute = 3\n")
    assert found.enabled
    assert (found.rates.drop_response, found.stalls_per_minute) == (0.2, 3.0)


def test_script_is_read_line_by_line(tmp_path: Path) -> None:
    lines = (
        '"5 blackhole binance seconds=3"',
        '"8 external_change okx asset=USDT amount=-250.5"',
        '"9 delisting bybit instrument=ETHUSDT.BYBIT"',
        '"9 clock_offset kraken seconds=4 offset_ms=3000"',
    )
    script = faults(tmp_path, f"[sim.faults]\nscript = [{', '.join(lines)}]\n").script
    assert [(e.at_s, e.fault, e.venue) for e in script] == [
        (5.0, Fault.BLACKHOLE, "binance"),
        (8.0, Fault.EXTERNAL_CHANGE, "okx"),
        (9.0, Fault.DELISTING, "bybit"),
        (9.0, Fault.CLOCK_OFFSET, "kraken"),
    ]
    assert script[0].seconds == 3.0
    assert (script[1].asset, script[1].amount) == ("USDT", Decimal("-250.5"))
    assert script[3].offset_ms == 3_000.0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("soon stall okx seconds=2", "soon"),
        ("5 stall okx", "how many seconds"),
        ("5 stall ftx seconds=2", "not among the simulated venues"),
        ("5 fire okx seconds=2", "fire"),
        ("5 drop_request okx seconds=2", "can be scripted"),
        ("5 external_change okx asset=USDT", "the amount"),
        ("5 delisting okx", "which instrument"),
        ("5 stall okx seconds=2 colour=red", "colour"),
        ("5", "fault"),
    ],
)
def test_script_that_cannot_be_played_is_refused(line: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=says):
        faults(tmp_path, f'[sim.faults]\nscript = ["{line}"]\n')
