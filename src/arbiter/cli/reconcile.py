"""`arbiter reconcile`: compare the ledger with every venue now, and mend what differs."""

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json, note

ANSWER_S = 120.0
"""Three looks, each with every venue at the end of its patience."""


def reconcile(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """Compare orders, fills and balances with every venue and mend what differs.

    Exit 1 unless every venue answered and agrees with the ledger in the end.
    """
    import msgspec

    from arbiter.app.control_socket import ControlClient, NotRunning
    from arbiter.runtime.reconciled import ReconcileReport

    folder = load_settings(config, home).settings.home
    try:
        answer = ControlClient(folder.control_socket).call("reconcile", timeout_s=ANSWER_S)
    except NotRunning:
        if as_json:
            emit_json({"engine_running": False, "report": None})
        else:
            emit(f"no engine is running on {folder.root}: nothing was compared")
            note("every start reconciles with every venue before anything trades: arbiter up")
        raise typer.Exit(1) from None
    report = msgspec.convert(answer, ReconcileReport)
    if as_json:
        emit_json({"engine_running": True, "report": report})
    else:
        for line in report.lines():
            emit(line)
    if not report.agrees:
        raise typer.Exit(1)
