"""`arbiter pairs` on a ledger at rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Run

RULES = "YES when the statement after the January 2099 meeting leaves the target range unchanged."


def market(venue: str, **more: Any) -> dict[str, Any]:
    return {
        "instrument": f"FED-HOLD.{venue.upper()}",
        "venue": venue,
        "title": "Fed holds rates in January 2099?",
        "rules": RULES,
        "resolution_source": "Federal Reserve",
        "void_rule": "stakes are returned",
        "closes_at": "2099-01-28T19:00:00Z",
        **more,
    }


def written(folder: Path, *markets: dict[str, Any]) -> str:
    file = folder / "markets.json"
    file.write_text(json.dumps(markets or (market("polymarket"), market("kalshi"))))
    return str(file)


@pytest.mark.slow
def test_a_pair_is_proposed_read_approved_and_suspended(with_database: Run, tmp_path: Path) -> None:
    (proposed,) = json.loads(
        with_database("pairs", "propose", "--from", written(tmp_path), "--json").out
    )
    name = proposed["id"]
    assert (proposed["state"], proposed["polarity"]) == ("proposed", "same")
    assert with_database("pairs", "propose", "--from", written(tmp_path)).out.startswith("nothing")
    read = with_database("pairs", "show", name).out
    assert read.count(RULES) == 2
    assert proposed["first"]["rules_sha256"] in read
    said = with_database("pairs", "approve", name[:6], "--cap", "250", "--json")
    approved = json.loads(said.out)
    assert (approved["state"], approved["cap_usd"]) == ("approved", "250")
    assert approved["approved_by"].startswith("cli")
    assert with_database("pairs", "suspend", name, "--reason", "lunch").out == (
        f"{name} is suspended\n"
    )
    (row,) = json.loads(with_database("pairs", "show", "--state", "suspended", "--json").out)
    assert row["reason"] == "lunch"
    assert with_database("pairs", "show", "--state", "approved").out == "none\n"
    changed = written(
        tmp_path, market("polymarket"), market("kalshi", rules=f"{RULES} Or if none is held.")
    )
    assert with_database("pairs", "approve", name).code == 0
    assert with_database("pairs", "propose", "--from", changed).out.startswith("nothing")
    assert with_database("pairs", "reject", name, "--reason", "other source").code == 0
    assert with_database("pairs", "propose", "--from", written(tmp_path)).out.startswith("nothing")
    again = written(
        tmp_path, market("polymarket"), market("kalshi", rules=f"{RULES} Or if none is held.")
    )
    assert with_database("pairs", "propose", "--from", again).out.startswith("ID")
    verified = json.loads(with_database("db", "verify", "--json").out)
    assert verified == {"differences": []}


@pytest.mark.slow
def test_two_named_markets_carry_what_speaks_against_them(
    with_database: Run, tmp_path: Path
) -> None:
    file = written(tmp_path, market("polymarket"), market("kalshi", title="Fed cuts in May 2099?"))
    names = ("FED-HOLD.POLYMARKET", "FED-HOLD.KALSHI")
    assert with_database("pairs", "propose", "--from", file).out == "nothing to propose\n"
    said = with_database(
        "pairs", "propose", *names, "--from", file, "--polarity", "complement", "--json"
    )
    (proposed,) = json.loads(said.out)
    assert proposed["polarity"] == "complement"
    assert {warning.partition(":")[0] for warning in proposed["warnings"]} >= {"date", "words"}
    refused = with_database("pairs", "approve", proposed["id"])
    assert refused.code == 1
    assert "warnings to acknowledge first: " in refused.err
    assert with_database("pairs", "approve", proposed["id"], "--acknowledge").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "nothing"), "no event pair begins with 'nothing'"),
        (("show", "--state", "open"), "no state is named 'open'"),
        (("approve", "nothing"), "no event pair begins with 'nothing'"),
        (("propose", "ONE", "--from", "x.json"), "name two instruments"),
        (("propose", "--from", "absent.json"), "there is no file absent.json"),
        (("propose", "--polarity", "odd"), "no polarity is named 'odd'"),
        (("propose", "--cap", "much"), "'much' is not a number"),
        (("propose",), "no engine is running"),
    ],
)
def test_a_refusal_is_one_sentence(
    with_database: Run, arguments: tuple[str, ...], told: str
) -> None:
    said = with_database("pairs", *arguments)
    assert (said.code, said.out) == (1, "")
    assert told in said.err
    assert said.err.count("\n") == 1


def test_a_file_that_cannot_be_read_says_what_is_wrong(with_database: Run, tmp_path: Path) -> None:
    typo = market("kalshi")
    typo["tittle"] = typo.pop("title")
    said = with_database("pairs", "propose", "--from", written(tmp_path, typo))
    assert "unknown field `tittle`" in said.err
    zoneless = written(tmp_path, market("kalshi", closes_at="2099-01-28T19:00:00"))
    assert "tells no time zone" in with_database("pairs", "propose", "--from", zoneless).err
