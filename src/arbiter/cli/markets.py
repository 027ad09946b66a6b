"""`arbiter markets`."""

from typing import Any

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit_json, emit_table

COLUMNS = ("venue", "market_id", "instrument_id", "kind", "symbol")


def markets(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """List every market: its venue, the venue's name for it, ours, and its kind."""
    rows = _rows(load_settings(config, home).settings)
    if as_json:
        emit_json(rows)
    else:
        emit_table(COLUMNS, ([str(row[name]) for name in COLUMNS] for row in rows))


def _rows(settings: Any) -> list[dict[str, str]]:
    """A running engine's own list; else what the simulated venues list with these settings."""
    from arbiter.app.control_socket import ControlClient, NotRunning
    from arbiter.markets.listing import list_instruments

    try:
        rows: list[dict[str, str]] = ControlClient(settings.home.control_socket).call("markets")
    except NotRunning:
        return [
            {
                "venue": instrument.venue,
                "market_id": instrument.market_id,
                "instrument_id": instrument.id,
                "kind": instrument.kind.value,
                "symbol": instrument.symbol,
            }
            for instrument in list_instruments(settings.sim.record().markets)
        ]
    return rows
