"""Log lines: readable, on stderr, and without a secret in them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from arbiter.model.errors import BadConfig
from arbiter.observe.log import configure_logging, get_logger
from arbiter.observe.redact import MASK, Redactor, names_a_secret

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(stream: io.StringIO) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    return line


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "JWT_SECRET",
        "apiKey",
        "api_key",
        "ARBOT_API_KEY",
        "private-key",
        "db.password",
        "refresh_token",
        "Authorization",
        "okx_passphrase",
        "credentials",
    ],
)
def test_key_that_names_a_secret_is_masked(key: str) -> None:
    assert names_a_secret(key)
    assert Redactor().value(key, SECRET) == MASK


@pytest.mark.parametrize(
    "key", ["token_id", "idempotency_key", "key", "venue", "asset", "secretary", ""]
)
def test_ordinary_key_is_shown(key: str) -> None:
    assert not names_a_secret(key)
    assert Redactor().value(key, "BTC") == "BTC"


@pytest.mark.parametrize(
    "text",
    [
        f"cannot reach postgresql://arbiter:{SECRET}@db:5432/x",
        f"sent header Authorization: Bearer {SECRET}",
        f"known value {SECRET} in passing",
    ],
)
def test_secret_inside_a_text_is_masked(text: str) -> None:
    shown = Redactor([SECRET]).text(text)
    assert SECRET not in shown
    assert MASK in shown


def test_url_and_header_are_masked_without_knowing_the_secret() -> None:
    assert Redactor().text(f"redis://:{SECRET}@h") == f"redis://:{MASK}@h"
    assert Redactor().text(f"bearer {SECRET}") == f"bearer {MASK}"


def test_token_in_passing_is_masked_by_its_shape() -> None:
    assert Redactor().text("got eyJhbGciOi.eyJzdWIiOi.c2ln here") == f"got {MASK} here"


def test_masking_reaches_nested_values() -> None:
    nested = {"exchange": [{"name": "okx", "secret": SECRET}], "url": f"x://u:{SECRET}@h"}
    assert Redactor().inside(nested) == {
        "exchange": [{"name": "okx", "secret": MASK}],
        "url": f"x://u:{MASK}@h",
    }


def test_value_too_short_to_be_secret_does_not_mask_the_line() -> None:
    assert Redactor(["a", ""]).text("a trade at okx") == "a trade at okx"


def test_json_line_has_time_level_logger_and_masked_fields() -> None:
    stream = io.StringIO()
    configure_logging(json=True, stream=stream)
    get_logger("runtime.core").info("venue connected", venue="okx", api_key=SECRET)
    line = logged(stream)
    assert line["message"] == "venue connected"
    assert (line["level"], line["logger"], line["venue"]) == ("info", "runtime.core", "okx")
    assert line["api_key"] == MASK
    assert line["timestamp"].endswith("Z")


def test_lines_of_other_libraries_take_the_same_way() -> None:
    stream = io.StringIO()
    configure_logging(json=True, stream=stream)
    logging.getLogger("sqlalchemy").warning("connect to %s", f"postgresql://u:{SECRET}@h")
    assert logged(stream)["message"] == f"connect to postgresql://u:{MASK}@h"


@pytest.mark.parametrize("as_json", [True, False])
def test_traceback_shows_neither_the_secret_nor_local_variables(as_json: bool) -> None:
    stream = io.StringIO()
    configure_logging(json=as_json, stream=stream, secrets=[SECRET])
    local_variable = "only-a-local"
    try:
        raise ValueError(f"bad login with {SECRET}")
    except ValueError:
        get_logger("test").exception("log-in failed")
    shown = stream.getvalue()
    assert "ValueError: bad login with ***" in shown
    assert SECRET not in shown
    assert shown.count(local_variable) == 0


def test_lines_for_people_are_plain_text_off_a_terminal() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    get_logger("cli").warning("disk nearly full", free_mb=12)
    assert "disk nearly full" in stream.getvalue()
    assert "free_mb=12" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    configure_logging(level="warning", stream=stream)
    get_logger("cli").info("chatter")
    assert stream.getvalue() == ""


def test_default_stream_is_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    get_logger("cli").error("no config file")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "no config file" in shown.err


def test_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadConfig, match="log level 'loud' is none of debug"):
        configure_logging(level="loud")
