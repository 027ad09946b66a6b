"""What the configuration makes of its layers."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arbiter.app.config import MASK, SCHEMA, Loaded, load
from arbiter.app.config_layers import ALIASES
from arbiter.execution.settings import ExecutionSettings
from arbiter.markets.perpetual_settings import PerpetualSettings
from arbiter.model.errors import BadConfig
from arbiter.model.ids import Asset, Symbol, VenueId
from arbiter.opportunities.spot_settings import SpotSettings
from arbiter.risk.limits import RiskLimits
from arbiter.venues.sim.settings import SimSettings


def read(
    folder: Path,
    text: str = "",
    environment: dict[str, str] | None = None,
    flags: dict[str, tuple[str, Any]] | None = None,
) -> Loaded:
    file = folder / "arbiter.toml"
    file.write_text(text)
    return load(environment=environment or {}, flags=flags, file=file)


def source(loaded: Loaded, path: str) -> str:
    return next(row.source for row in loaded.rows() if row.path == path)


def test_flag_beats_environment_beats_file_beats_profile(tmp_path: Path) -> None:
    text = "[spot]\ncooldown_seconds = 20\n"
    name = "ARBITER__SPOT__COOLDOWN_SECONDS"
    loaded = read(tmp_path)
    assert loaded.settings.spot.cooldown_seconds == 10
    assert source(loaded, "spot.cooldown_seconds") == "profile sim"
    loaded = read(tmp_path, text)
    assert loaded.settings.spot.cooldown_seconds == 20
    assert source(loaded, "spot.cooldown_seconds") == str(tmp_path / "arbiter.toml")
    loaded = read(tmp_path, text, {name: "30"})
    assert loaded.settings.spot.cooldown_seconds == 30
    assert source(loaded, "spot.cooldown_seconds") == name
    loaded = read(tmp_path, text, {name: "30"}, {"spot.cooldown_seconds": ("--cooldown", 40)})
    assert loaded.settings.spot.cooldown_seconds == 40
    assert source(loaded, "spot.cooldown_seconds") == "--cooldown"


def test_defaults_are_those_of_the_packages_that_use_them() -> None:
    plain = {path: leaf.field.default for path, leaf in SCHEMA.leaves.items()}
    records = {"spot": SpotSettings(), "risk": RiskLimits(), "execution": ExecutionSettings()}
    for section, record in records.items():
        for name in record.__struct_fields__:
            if (section, name) != ("spot", "strategy"):
                ours, theirs = plain[section, name], getattr(record, name)
                assert ours == theirs or ours == Decimal(str(theirs)), f"{section}.{name}"


def test_simulator_starts_from_its_own_defaults(tmp_path: Path) -> None:
    assert read(tmp_path).settings.sim.record() == SimSettings(
        perpetuals=PerpetualSettings(symbols=6, inverse=1)
    )


def test_money_keeps_every_digit_on_its_way_in(tmp_path: Path) -> None:
    digits = "0.00123456789012345678901"
    text = f"[spot]\nmin_profit_threshold = {digits}\n"
    assert read(tmp_path, text).settings.spot.min_profit_threshold == Decimal(digits)


def test_fraction_given_as_percent_is_told_what_a_fraction_is(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"0\.005 means 0\.5 %, got 0\.5"):
        read(tmp_path, "[spot]\nmin_profit_threshold = 0.5\n")


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as caught:
        read(tmp_path, "[spot]\ncooldown_seconds = '60s'\n[risk]\nmax_concurrent_trades = 0\n")
    assert "spot.cooldown_seconds" in str(caught.value)
    assert "risk.max_concurrent_trades" in str(caught.value)


def test_misspelt_mode_is_told_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r'engine\.mode .*got "simm"; did you mean sim\?'):
        read(tmp_path, "", {"ARBITER__ENGINE__MODE": "simm"})


def test_limits_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="premium_samples"):
        read(tmp_path, "[spot]\npremium_samples = 20\n")


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("DATABASE_URL", "postgresql://db/arbiter", "database.url"),
        ("JWT_ACCESS_EXPIRY_SECS", "600", "access.access_expiry_seconds"),
        ("JWT_REFRESH_EXPIRY_SECS", "7200", "access.refresh_expiry_seconds"),
        ("WEALTH__OBSERVABILITY__METRICS_PORT", "9191", "listen.ops_port"),
        ("WEALTH__OBSERVABILITY__METRICS_BIND_ADDRESS", "::1", "listen.ops_host"),
    ],
)
def test_documented_environment_names_work(
    name: str, value: str, path: str, tmp_path: Path
) -> None:
    loaded = read(tmp_path, "", {name: value})
    row = next(row for row in loaded.rows() if row.path == path)
    assert (str(row.value), row.source) == (value, name)


def test_two_names_for_one_setting_must_agree(tmp_path: Path) -> None:
    both = {"WEALTH__OBSERVABILITY__METRICS_PORT": "9191", "ARBITER__LISTEN__OPS_PORT": "9192"}
    with pytest.raises(BadConfig, match=r"listen\.ops_port is set twice"):
        read(tmp_path, "", both)
    both["ARBITER__LISTEN__OPS_PORT"] = "9191"
    assert read(tmp_path, "", both).settings.listen.ops_port == 9191


def test_variables_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    # What Kubernetes sets for a service named "arbiter" is among them.
    others = {"ARBITER_PORT_9090_TCP": "tcp://10.0.0.1:9090", "ARBITER_SERVICE_HOST": "10.0.0.1"}
    others |= {"APP_PORT": "80", "JWT_SECRET_KEY": "x", "DATABASE_URI": "mysql://", "PATH": "/bin"}
    read(tmp_path, "", others)


@pytest.mark.parametrize("name", sorted(ALIASES))
def test_documented_name_in_the_wrong_case_is_refused(name: str, tmp_path: Path) -> None:
    for wrong in (name.lower(), name.title(), f"{name} "):
        with pytest.raises(BadConfig, match=f"did you mean {name}"):
            read(tmp_path, "", {wrong: "1"})


@pytest.mark.parametrize("wrong", ["JWT_SECERT", "DATABASE_ULR", "ARBITER_HOM", "JWT_SECRETS"])
def test_documented_name_one_slip_away_is_refused(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="is not a setting; did you mean"):
        read(tmp_path, "", {wrong: "x"})


def test_neighbour_of_a_name_that_is_set_belongs_to_someone_else(tmp_path: Path) -> None:
    url = "postgresql://db/arbiter"
    loaded = read(tmp_path, "", {"DATABASE_URL": url, "DATABASE_URL2": "mysql://other"})
    assert loaded.settings.database.url.get_secret_value() == url


def test_only_postgresql_is_a_database(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"DATABASE_URL: database\.url must begin with postgresql"):
        read(tmp_path, "", {"DATABASE_URL": "sqlite:///x"})


def test_secrets_show_as_masks_and_never_in_an_error(tmp_path: Path) -> None:
    secret = "Zk9-very-private-value-of-forty-characters"
    loaded = read(
        tmp_path,
        f"[access]\njwt_secret = '{secret}'\n",
        {"DATABASE_URL": "postgresql://bot:hunter22@db:5432/arbiter?sslpassword=hunter33"},
    )
    rows = {row.path: row.value for row in loaded.rows()}
    assert rows["access.jwt_secret"] == MASK
    assert rows["database.url"] == f"postgresql://bot:{MASK}@db:5432/arbiter?{MASK}"
    for shown in (repr(loaded), repr(loaded.settings)):
        assert secret not in shown
        assert "hunter" not in shown
    with pytest.raises(BadConfig) as caught:
        read(tmp_path, "[access]\njwt_secret = 12345678901234567890\n")
    assert "1234567890" not in str(caught.value)


def test_budgets_are_read_per_strategy_and_currency(tmp_path: Path) -> None:
    text = "[budgets.spot_arbitrage]\nUSDT = 5000\n"
    loaded = read(tmp_path, text, {"ARBITER__BUDGETS__SPOT_ARBITRAGE__BTC": "0.5"})
    assert loaded.settings.budgets.spot_arbitrage == {"USDT": Decimal(5000), "BTC": Decimal("0.5")}


@pytest.mark.parametrize("currency", ["USDTT", "usdt", "UDST"])
def test_budget_in_an_unknown_currency_is_refused_with_the_nearest(
    currency: str, tmp_path: Path
) -> None:
    with pytest.raises(BadConfig, match=f"budgets.spot_arbitrage.{currency}.*did you mean USDT"):
        read(tmp_path, f"[budgets.spot_arbitrage]\n{currency} = 1\n")


def test_starting_balances_are_read_per_venue_and_asset(tmp_path: Path) -> None:
    text = "[sim.starting_balances.binance]\nBTC = 2\n"
    loaded = read(tmp_path, text, {"ARBITER__SIM__STARTING_BALANCES__OKX__ETH": "3"})
    balances = loaded.settings.sim.record().starting_balances
    assert balances == {"binance": {"BTC": Decimal(2)}, "okx": {"ETH": Decimal(3)}}
    with pytest.raises(BadConfig, match=r"sim\.starting_balances\.binnance"):
        read(tmp_path, "[sim.starting_balances.binnance]\nBTC = 2\n")


def test_rate_budget_of_one_venue_wins_over_that_of_all(tmp_path: Path) -> None:
    text = (
        "[rate]\ncapacity = 500\n[rate.weights]\nopen_orders = 40\n"
        "[rate.venue_capacity]\nkraken = 80\n"
    )
    rate = read(tmp_path, text).settings.rate
    assert rate.record(VenueId("okx")).capacity == 500
    assert rate.record(VenueId("kraken")).capacity == 80
    assert rate.record(VenueId("kraken")).weights == {"open_orders": 40}
    with pytest.raises(BadConfig, match="krakn: not among the venues"):
        read(tmp_path, "[rate.venue_capacity]\nkrakn = 80\n")
    with pytest.raises(BadConfig, match="no such call"):
        read(tmp_path, "[rate.weights]\nplace = 2\n")
    with pytest.raises(BadConfig, match="more than there ever is"):
        read(tmp_path, "[rate]\ncapacity = 10\n[rate.weights]\nfills = 9\n")


def test_usd_rates_are_a_persons_word_over_par(tmp_path: Path) -> None:
    text = "[risk]\nusd_rate_max_age_s = 5\n[risk.usd_rates]\nUSDC = 0.95\nEUR = 1.08\n"
    risk = read(tmp_path, text, {"ARBITER__RISK__USD_RATES__DAI": "0.99"}).settings.risk
    rates = risk.rates()
    assert [rates.word(Asset(name)) for name in ("USD", "USDT", "USDC", "EUR", "DAI", "GBP")] == [
        1,
        1,
        Decimal("0.95"),
        Decimal("1.08"),
        Decimal("0.99"),
        None,
    ]
    assert rates.max_age_ns == 5_000_000_000
    assert risk.record() == read(tmp_path).settings.risk.record(), "no part of the limits"


def test_backtest_takes_the_usd_rates_of_the_engine_and_its_own_over_them(tmp_path: Path) -> None:
    text = "[risk.usd_rates]\nUSDC = 0.95\nEUR = 1.08\n[backtest.usd_rates]\nEUR = 1.2\n"
    settings = read(tmp_path, text).settings
    rates = settings.backtest.record(settings.risk).rates
    assert rates.words == {"USDC": Decimal("0.95"), "EUR": Decimal("1.2")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[risk.usd_rates]\nUSDC = 0", "risk.usd_rates.USDC must be a number above 0"),
        ("[risk.usd_rates]\nUSDC = -1", "risk.usd_rates.USDC must be a number above 0"),
        ("[risk.usd_rates]\nUSDC = inf", "risk.usd_rates.USDC must be a number"),
        ('[risk.usd_rates]\nUSDC = "par"', "risk.usd_rates.USDC must be a number"),
        ("[risk.usd_rates]\nusdc = 0.95", r"usd_rates.usdc: did you mean USDC\?"),
        ("[risk.usd_rates]\nUSD = 0.99", "USD is 1 by definition"),
        ("[risk]\nusd_rate_max_age_s = 0", "risk.usd_rate_max_age_s must be seconds from 1"),
        ("[backtest.usd_rates]\nEUR = 0", "backtest.usd_rates.EUR must be a number above 0"),
    ],
)
def test_usd_rate_that_cannot_be_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        read(tmp_path, text)


def test_list_comes_from_the_environment_with_commas_or_as_toml(tmp_path: Path) -> None:
    for written in ("binance,okx", "binance, okx", '["binance", "okx"]'):
        loaded = read(tmp_path, "", {"ARBITER__SIM__VENUES": written})
        assert loaded.settings.sim.venues == ("binance", "okx")


@pytest.mark.parametrize("written", ["binance,binance", "binance,", '["binance"', "binnance"])
def test_list_with_a_doubled_empty_or_unknown_name_is_refused(written: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"sim\.venues|SIM__VENUES|binnance"):
        read(tmp_path, "", {"ARBITER__SIM__VENUES": written})


def test_symbols_are_resolved_by_the_registry_when_the_strategy_is_built(tmp_path: Path) -> None:
    spot = read(tmp_path, '[spot]\nsymbols = ["BTCUSDT"]\n').settings.spot
    assert spot.record(lambda name: Symbol(f"<{name}>")).symbols == ("<BTCUSDT>",)


def test_file_is_found_in_the_working_directory_or_the_data_folder(tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    environment = {"ARBITER_HOME": str(home)}
    assert load(environment=environment, working_directory=here).file is None
    (home / "arbiter.toml").write_text("[sim]\nseed = 1\n")
    assert load(environment=environment, working_directory=here).settings.sim.seed == 1
    (here / "arbiter.toml").write_text("[sim]\nseed = 2\n")
    with pytest.raises(BadConfig, match="two configuration files"):
        load(environment=environment, working_directory=here)
    named = load(environment=environment, working_directory=here, file=here / "arbiter.toml")
    assert named.settings.sim.seed == 2


def test_file_that_moves_the_data_folder_to_one_with_a_file_of_its_own_is_refused(
    tmp_path: Path,
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (here / "arbiter.toml").write_text(f"[engine]\nhome = '{there}'\n")
    environment = {"HOME": str(tmp_path)}
    loaded = load(environment=environment, working_directory=here)
    assert loaded.settings.home.root == there
    (there / "arbiter.toml").write_text("")
    with pytest.raises(BadConfig, match="two configuration files"):
        load(environment=environment, working_directory=here)


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"no configuration file .*absent\.toml"):
        load(environment={}, file=tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(BadConfig, match=r"latin\.toml is not UTF-8"):
        load(environment={}, file=tmp_path / "latin.toml")


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"arbiter\.toml line 2 in \[spot\].*cooldown_seconds"):
        read(tmp_path, "[spot]\ncooldown_seconds 60\n")


def test_table_written_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"line 3: the table \[spot\] is written twice"):
        read(tmp_path, "[spot]\n[risk]\n[spot]\n")


@pytest.mark.parametrize("host", ["256.1.1.1", "127.0.0.1:9090", "two words", "127.0.0", "-x"])
def test_address_that_is_none_is_refused(host: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"listen\.ops_host"):
        read(tmp_path, f"[listen]\nops_host = '{host}'\n")
