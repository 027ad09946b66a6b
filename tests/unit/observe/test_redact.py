"""What is masked of a log line: by the name of its key, by its shape, by being known."""

import pytest

from arbiter.observe.redact import MASK, Redactor, names_a_secret

SECRET = "hunter2-hunter2"


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
