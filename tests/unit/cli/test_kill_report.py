"""What `arbiter kill` prints of the engine's report."""

import json
from typing import Any

import msgspec
import pytest
import typer

from arbiter.cli.kill import _tell
from arbiter.runtime.kill import KillReport
from arbiter.runtime.kill_proof import VenueProof

HINT = "close them with: arbiter kill --flatten"
DUST = (
    "RAIN.POLYMARKET short 4.31, below the venue's minimum of 5: "
    "no order closes it, it ends with the payout"
)


def report(*positions: str, dust: tuple[str, ...] = ()) -> Any:
    """As it comes over the control socket."""
    proof = VenueProof(
        venue="polymarket",
        reachable=True,
        open_orders=(),
        unhedged=(),
        positions=positions,
        dust=dust,
    )
    return msgspec.to_builtins(KillReport(durable=True, venues=(proof,)))


def told(said: Any, capsys: pytest.CaptureFixture[str], **how: bool) -> str:
    """Tell it; whoever is not flat leaves with 1."""
    with pytest.raises(typer.Exit) as left:
        _tell(said, how.get("as_json", False), how.get("flatten", False))
    assert left.value.exit_code == 1
    return capsys.readouterr().out


def test_what_no_order_closes_is_not_flat_and_says_what_ends_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = told(report(DUST, dust=(DUST,)), capsys, flatten=True)
    assert f"  polymarket: NOT FLAT: position {DUST}" in out


def test_only_positions_that_an_order_closes_are_a_reason_to_flatten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert HINT not in told(report(DUST, dust=(DUST,)), capsys)
    assert HINT in told(report(DUST, "SUN.POLYMARKET long 20", dust=(DUST,)), capsys)


def test_the_report_for_machines_tells_dust_apart(capsys: pytest.CaptureFixture[str]) -> None:
    said = report(DUST, "SUN.POLYMARKET long 20", dust=(DUST,))
    answer = json.loads(told(said, capsys, as_json=True))
    assert answer["flat"] is False
    (venue,) = answer["report"]["venues"]
    assert (venue["positions"], venue["dust"]) == ([DUST, "SUN.POLYMARKET long 20"], [DUST])
