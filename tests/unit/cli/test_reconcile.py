"""What a person who asks for a reconciliation is told, and the exit code scripts go by."""

import asyncio
import json
from pathlib import Path
from typing import Any

from arbiter.app.control_socket import ControlServer
from arbiter.app.home import Home
from arbiter.model.ids import VenueId
from arbiter.runtime.reconciled import ReconcileReport, VenueRecovery
from tests.fakes.launcher import Ran
from tests.unit.cli.conftest import Run

BINANCE, KRAKEN = VenueId("binance"), VenueId("kraken")


def asked(arbiter: Run, home: Path, report: ReconcileReport, *options: str) -> Ran:
    """Run the command against an engine that answers with `report`."""

    async def answer(_: dict[str, Any]) -> ReconcileReport:
        return report

    async def ask() -> Ran:
        server = ControlServer(Home(home).control_socket, {"reconcile": answer})
        await server.start()
        try:
            return await asyncio.to_thread(arbiter, "reconcile", *options)
        finally:
            await server.close()

    return asyncio.run(ask())


def test_stopped_engine_compares_nothing_and_says_that_every_start_does(arbiter: Run) -> None:
    said = arbiter("reconcile")
    assert said.code == 1
    assert "no engine is running" in said.out
    assert "every start reconciles" in said.err
    machine = arbiter("reconcile", "--json")
    assert (machine.code, json.loads(machine.out)["engine_running"]) == (1, False)


def test_venues_that_agree_exit_0_and_say_what_was_mended(arbiter: Run, tmp_path: Path) -> None:
    report = ReconcileReport(
        venues=(
            VenueRecovery(venue=BINANCE, compared=True, fills_booked=2),
            VenueRecovery(venue=KRAKEN, compared=True),
        ),
        agrees=True,
    )
    said = asked(arbiter, tmp_path / "home", report)
    assert said.code == 0
    assert said.out == "binance: agrees; 2 fills booked\nkraken: agrees\n"


def test_difference_or_silent_venue_exits_1_with_its_numbers(arbiter: Run, tmp_path: Path) -> None:
    report = ReconcileReport(
        venues=(
            VenueRecovery(
                venue=BINANCE, compared=True, differences=("binance holds 2 BTC, the ledger 1",)
            ),
            VenueRecovery(venue=KRAKEN, reachable=False, note="no answer within 5 s"),
        ),
        agrees=False,
    )
    said = asked(arbiter, tmp_path / "home", report)
    assert said.code == 1
    assert said.out == (
        "binance: differs\n  binance holds 2 BTC, the ledger 1\n"
        "kraken: no answer (no answer within 5 s)\n"
    )
    machine = asked(arbiter, tmp_path / "home", report, "--json")
    assert machine.code == 1
    shown = json.loads(machine.out)["report"]
    assert shown["agrees"] is False
    assert shown["venues"][0]["differences"] == ["binance holds 2 BTC, the ledger 1"]
