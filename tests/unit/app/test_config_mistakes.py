"""No slip of the finger in any key passes unnoticed (a skipped key leaves a default on real money)."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.app.config import SCHEMA, load
from arbiter.app.config_fields import Unit, unit_of
from arbiter.app.config_schema import Leaf
from arbiter.model.errors import BadConfig

LEAVES = list(SCHEMA.leaves.values())
SETTINGS = [leaf for leaf in LEAVES if not leaf.open_keys]
NUMBERS = [leaf for leaf in SETTINGS if unit_of(leaf.field) is not None]
each_setting = pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.dotted)
each_number = pytest.mark.parametrize("leaf", NUMBERS, ids=lambda leaf: leaf.dotted)


def toml(leaf: Leaf, key: str, value: str) -> str:
    return f"[{'.'.join(leaf.path[:-1])}]\n{key} = {value}\n"


def good(leaf: Leaf) -> str:
    """The default of a setting as TOML."""
    default = leaf.field.default
    if leaf.open_keys:
        return "{}"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return "[" + ", ".join(f'"{name}"' for name in default) + "]"
    if isinstance(default, int | float | Decimal):
        return str(default)
    return '""' if not isinstance(default, str) else f'"{default}"'


def refusal(folder: Path, text: str, environment: dict[str, str] | None = None) -> str:
    file = folder / "arbiter.toml"
    file.write_text(text)
    with pytest.raises(BadConfig) as caught:
        load(environment=environment or {}, file=file)
    return str(caught.value)


def slips_of(name: str) -> set[str]:
    """One letter left out, doubled, swapped with its neighbour or hit wrongly."""
    made = set()
    for at, letter in enumerate(name):
        before, after = name[:at], name[at + 1 :]
        made |= {
            before + after,
            before + letter + letter + after,
            before + after[:1] + letter + after[1:],
            *(before + hit + after for hit in "abcxyz"),
        }
    return made


def slips(leaf: Leaf) -> st.SearchStrategy[str]:
    """Slips of a key's name that are neither another key nor a slip of another one."""
    made = slips_of(leaf.path[-1])
    for other in SCHEMA.leaves:
        if other[:-1] == leaf.path[:-1]:
            made -= {other[-1]} | (slips_of(other[-1]) if other != leaf.path else set())
    return st.sampled_from(sorted(made))


@given(data=st.data())
def test_misspelt_key_is_refused_with_its_path_and_the_key_that_was_meant(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    leaf = data.draw(st.sampled_from(LEAVES))
    key = data.draw(slips(leaf))
    message = refusal(tmp_path_factory.getbasetemp(), toml(leaf, f'"{key}"', good(leaf)))
    assert "arbiter.toml" in message
    assert ".".join(leaf.path[:-1]) in message
    assert key in message
    assert message.endswith(f"did you mean {leaf.dotted}?")


@given(data=st.data())
def test_misspelt_environment_variable_is_refused_with_the_one_that_was_meant(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    leaf = data.draw(st.sampled_from(SETTINGS))
    part = data.draw(slips(leaf))
    name = leaf.env_name.removesuffix(leaf.path[-1].upper()) + part.upper()
    message = refusal(tmp_path_factory.getbasetemp(), "", {name: good(leaf)})
    assert name in message
    assert message.endswith(f"did you mean {leaf.env_name}?")


@each_setting
def test_wrong_case_and_spaces_are_refused(leaf: Leaf, tmp_path: Path) -> None:
    key = leaf.path[-1]
    for written in (key.upper(), key.title(), f"{key} ", f" {key}"):
        message = refusal(tmp_path, toml(leaf, f'"{written}"', good(leaf)))
        assert message.endswith(f"did you mean {leaf.dotted}?"), written


@each_setting
def test_key_written_twice_is_refused_with_its_line(leaf: Leaf, tmp_path: Path) -> None:
    once = toml(leaf, leaf.path[-1], good(leaf))
    message = refusal(tmp_path, f"{once}{leaf.path[-1]} = {good(leaf)}\n")
    assert f"arbiter.toml line 3: {leaf.dotted} is set twice" in message


@each_setting
def test_setting_in_the_wrong_table_is_refused(leaf: Leaf, tmp_path: Path) -> None:
    message = refusal(tmp_path, f"[nowhere]\n{leaf.path[-1]} = {good(leaf)}\n")
    assert "nowhere is not a setting" in message


WRONG_UNIT = {
    Unit.FRACTION: (Decimal(100), "fraction"),  # 0.5 for 0.5 %
    Unit.PERCENT: (Decimal("0.01"), "percentage"),
    Unit.SECONDS: (Decimal(1_000), "seconds"),
    Unit.MILLISECONDS: (Decimal("0.001"), "milliseconds"),
    Unit.BASIS_POINTS: (Decimal("0.0001"), "basis points"),
}
MAY_BE_ZERO = {
    "sim.order_latency_ms",
    "sim.report_latency_ms",
    "sim.noise_bps",
    "backtest.order_latency_ms",
    "backtest.report_latency_ms",
    "backtest.commit_latency_ms",
}
"""Down to nothing everything is a possible value, so no range can tell a wrong unit."""


@pytest.mark.parametrize(
    "leaf",
    [
        leaf
        for leaf in NUMBERS
        if unit_of(leaf.field) in WRONG_UNIT
        and leaf.dotted not in MAY_BE_ZERO
        and leaf.field.default  # nothing is nothing in every unit
    ],
    ids=lambda leaf: leaf.dotted,
)
def test_default_written_in_a_neighbouring_unit_is_out_of_range(leaf: Leaf, tmp_path: Path) -> None:
    unit = unit_of(leaf.field)
    assert unit is not None
    factor, word = WRONG_UNIT[unit]
    wrong = (Decimal(str(leaf.field.default)) * factor).normalize()
    message = refusal(tmp_path, toml(leaf, leaf.path[-1], format(wrong, "f")))
    assert leaf.dotted in message
    assert word in message


@each_number
def test_number_that_is_none_or_out_of_range_is_refused(leaf: Leaf, tmp_path: Path) -> None:
    for wrong in ('"60s"', '"5"', "true", "nan", "inf", "-1", "[1]", "1e30"):
        message = refusal(tmp_path, toml(leaf, leaf.path[-1], wrong))
        assert f"{leaf.dotted} must be " in message, wrong
        assert " from " in message, wrong


@each_number
def test_unit_written_behind_a_number_is_refused_from_the_environment(
    leaf: Leaf, tmp_path: Path
) -> None:
    for suffix in ("s", "ms", "%", " USD", " "):
        value = f"{leaf.field.default}{suffix}"
        assert leaf.dotted in refusal(tmp_path, "", {leaf.env_name: value})


@each_setting
def test_every_setting_accepts_its_own_default(leaf: Leaf, tmp_path: Path) -> None:
    file = tmp_path / "arbiter.toml"
    file.write_text(toml(leaf, leaf.path[-1], good(leaf)))
    loaded = load(environment={}, file=file)
    if not leaf.open_keys:
        assert {row.path: row.source for row in loaded.rows()}[leaf.dotted] == str(file)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [("spo_enabled", "listen.spot_enabled"), ("osp_enabled", "listen.ops_enabled")],
)
def test_a_lost_letter_is_no_swap(tmp_path: Path, slip: str, meant: str) -> None:
    assert refusal(tmp_path, f"[listen]\n{slip} = true\n").endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[sim.starting_balances.okx]\nBTC = -1",
            "sim.starting_balances.okx.BTC must be an amount",
        ),
        (
            '[sim.starting_balances.okx]\nBTC = "much"',
            "sim.starting_balances.okx.BTC must be a num",
        ),
        (
            "[sim.starting_balances.okx]\nBTX = 1",
            "sim.starting_balances.okx.BTX: no simulated mark",
        ),
        ("[sim.starting_balances.nowhere]\nBTC = 1", "nowhere: not among the simulated venues"),
        ("[budgets.spot_arbitrage]\nUSDT = -1", "budgets.spot_arbitrage.USDT must be an amount"),
        ('[access]\njwt_secret = "short"', "JWT_SECRET has 5 bytes, 32 are the least"),
    ],
)
def test_a_wrong_amount_or_secret_is_named(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)
