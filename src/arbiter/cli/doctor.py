"""`arbiter doctor`."""

from typing import TYPE_CHECKING

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json, note

if TYPE_CHECKING:
    from pathlib import Path

    from arbiter.app.checks import Check


def doctor(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """Check everything before trading and say how to mend what is wrong. Exit 0 when all is well."""
    from arbiter.app.checks import Verdict

    checks = _checks(config, home)
    failed = any(check.verdict is Verdict.FAIL for check in checks)
    if as_json:
        emit_json({"ok": not failed, "checks": checks})
    else:
        for check in checks:
            emit(f"{check.verdict:<4}  {check.name:<16}  {check.detail}")
            if check.mend:
                emit(f"{'':<24}→ {check.mend}")
        emit("something must be mended first" if failed else "all is well")
    if failed:
        raise typer.Exit(1)


def _checks(config: "Path | None", home: "Path | None") -> "list[Check]":
    import asyncio

    from arbiter.app import logs
    from arbiter.app.checks import bad, ok, run_checks
    from arbiter.app.config_sections import Logging, LogLevel
    from arbiter.model.errors import BadConfig

    logs.configure(Logging(level=LogLevel.ERROR))
    try:
        loaded = load_settings(config, home)
    except BadConfig as error:
        return [bad("configuration", str(error), "arbiter config show lists every setting")]
    source = "defaults only" if loaded.file is None else str(loaded.file)
    checks = asyncio.run(run_checks(loaded.settings, lambda name: note(f"checking {name}")))
    return [ok("configuration", source), *checks]
