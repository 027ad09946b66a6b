"""`arbiter copy` on a ledger at rest."""

import json

import pytest

from tests.unit.cli.conftest import Run

WALLET = "0x" + "Ab" * 20


@pytest.mark.slow
def test_a_wallet_is_followed_switched_off_and_left(with_database: Run) -> None:
    added = with_database("copy", "add", WALLET, "--multiplier", "0.5", "--max-position-size", "25")
    assert added.code == 0
    name = added.out.strip()
    assert "is copied already" in with_database("copy", "add", WALLET.lower()).err
    (row,) = json.loads(with_database("copy", "list", "--json").out)
    assert (row["id"], row["wallet"], row["venue"]) == (name, WALLET.lower(), "polymarket")
    assert (row["multiplier"], row["max_position_size"], row["enabled"]) == ("0.5", "25", True)
    assert with_database("copy", "disable", name[:8]).out == f"{name} is disabled\n"
    assert "no" in with_database("copy", "list").out.splitlines()[1].split()
    assert with_database("copy", "enable", name).out == f"{name} is enabled\n"
    removed = with_database("copy", "remove", name)
    assert removed.out == f"{name} is removed; its positions stay\n"
    assert with_database("copy", "list").out == "none\n"
    assert json.loads(with_database("db", "verify", "--json").out) == {"differences": []}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "0x12"), "'0x12' is no wallet"),
        (("add", WALLET, "--venue", "kalshi"), "traders of kalshi cannot be copied"),
        (("remove", "0199"), "no subscription begins with '0199'"),
    ],
)
def test_a_refusal_is_one_sentence(
    with_database: Run, arguments: tuple[str, ...], told: str
) -> None:
    said = with_database("copy", *arguments)
    assert (said.code, said.out) == (1, "")
    assert told in said.err
    assert said.err.count("\n") == 1
