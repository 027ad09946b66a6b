"""Log lines: readable, on stderr or in a file, and without a secret in them."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from arbiter.app import logs
from arbiter.app.config_sections import LogFormat, Logging, LogLevel
from arbiter.model.errors import StorageUnavailable, VenueUnreachable
from arbiter.observe.redact import MASK
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.signed import SignedRest

SECRET = "hunter2-hunter2"
AS_JSON = Logging(format=LogFormat.JSON)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_line_has_time_level_logger_and_masked_fields(tmp_path: Path) -> None:
    logs.configure(AS_JSON, tmp_path / "log")
    structlog.get_logger("runtime.core").info("venue connected", venue="okx", api_key=SECRET)
    line = json.loads((tmp_path / "log").read_text())
    assert line["event"] == "venue connected"
    assert (line["level"], line["logger"], line["venue"]) == ("info", "runtime.core", "okx")
    assert line["api_key"] == MASK
    assert line["timestamp"].endswith("Z")


def test_lines_of_other_libraries_take_the_same_way(tmp_path: Path) -> None:
    logs.configure(AS_JSON, tmp_path / "log")
    logging.getLogger("sqlalchemy").warning("connect to %s", f"postgresql://u:{SECRET}@h")
    line = json.loads((tmp_path / "log").read_text())
    assert line["event"] == f"connect to postgresql://u:{MASK}@h"


async def test_a_venues_key_is_not_logged_however_much_is(tmp_path: Path) -> None:
    logs.configure(Logging(format=LogFormat.JSON, level=LogLevel.DEBUG), tmp_path / "log")
    keys = VenueKeys(api_key="key-of-a-venue", secret=SECRET, password="its-passphrase")
    nobody = Endpoints(stream="ws://127.0.0.1:9", rest="http://127.0.0.1:9")
    rest = SignedRest("okx", keys, nobody, lambda _status, _body: None)
    with pytest.raises(VenueUnreachable):
        await rest.call("private_get_account_config")
    await rest.close()
    logging.getLogger("last").debug("nothing was held back")
    written = (tmp_path / "log").read_text()
    assert "nothing was held back" in written
    for part in (keys.api_key, keys.secret, keys.password, "OK-ACCESS-SIGN"):
        assert part not in written


@pytest.mark.parametrize("form", LogFormat)
def test_traceback_shows_neither_a_secret_nor_local_variables(
    form: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Logging(format=form))
    local_variable = "only-a-local"
    try:
        raise ValueError(f"Authorization: Bearer {SECRET}")
    except ValueError:
        structlog.get_logger("test").exception("log-in failed")
    shown = capsys.readouterr().err
    assert f"ValueError: Authorization: Bearer {MASK}" in shown
    assert SECRET not in shown
    assert shown.count(local_variable) == 0


def test_lines_for_people_are_plain_text_off_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(Logging(format=LogFormat.TEXT))
    structlog.get_logger("cli").warning("disk nearly full", free_mb=12)
    shown = capsys.readouterr()
    assert shown.out == "", "results alone go there"
    assert "disk nearly full" in shown.err
    assert "free_mb=12" in shown.err
    assert "\x1b" not in shown.err


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Logging(level=LogLevel.WARNING))
    structlog.get_logger("cli").info("chatter")
    assert capsys.readouterr().err == ""


def test_a_log_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="cannot write the log"):
        logs.configure(Logging(), tmp_path / "no" / "log")
