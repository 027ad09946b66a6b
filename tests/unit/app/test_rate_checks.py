"""The doctor shows what every currency is taken for, and since when."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest_asyncio

from arbiter.app.checks_kinds import Verdict
from arbiter.app.config import Settings, load
from arbiter.app.control_socket import ControlServer
from arbiter.app.rate_checks import check_usd_rates, judged
from arbiter.model.ids import Asset
from arbiter.model.time import NS_PER_S
from arbiter.risk.rates import Rate, RateRow, UsdRates, UsdRateSettings

NOW = 1_767_225_600 * NS_PER_S
USDC = Asset("USDC")


def followed(age_s: int) -> list[RateRow]:
    rates = UsdRates(UsdRateSettings())
    rates.follow([USDC])
    source = "USDC/USDT mid at binance"
    rates.take(USDC, Rate(usd=Decimal("0.95"), source=source, as_of_ns=NOW - age_s * NS_PER_S))
    return rates.rows(NOW)


def settings_of(home: Path) -> Settings:
    file = home / "arbiter.toml"
    file.write_text("[risk.usd_rates]\nUSDT = 0.999\n")
    return load(environment={"ARBITER_HOME": str(home)}, file=file).settings


def test_fresh_rate_is_shown_with_source_and_age() -> None:
    check = judged(followed(3), NOW)
    assert check.verdict is Verdict.OK
    assert check.detail.startswith("USDT 1 (par); USDC 0.95 (USDC/USDT mid at binance, 3 s old); ")


def test_stale_rate_is_told_with_what_it_means() -> None:
    check = judged(followed(61), NOW)
    assert check.verdict is Verdict.WARN
    assert check.detail.endswith("; no fresh rate of USDC")
    assert check.mend.startswith("nothing is opened in USDC until its market is quoted again")


async def test_without_an_engine_the_settings_are_shown(tmp_path: Path) -> None:
    check = await check_usd_rates(settings_of(tmp_path))
    assert check.detail.startswith("USDT 0.999 (settings); USDC 1 (par)")


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Settings]:
    async def usd_rates(_: dict[str, Any]) -> object:
        return followed(61)

    settings = settings_of(tmp_path)
    server = ControlServer(settings.home.control_socket, {"usd_rates": usd_rates})
    await server.start()
    try:
        yield settings
    finally:
        await server.close()


async def test_rates_of_the_running_engine_are_asked_for(engine: Settings) -> None:
    check = await check_usd_rates(engine)
    assert check.verdict is Verdict.WARN
    assert "USDC/USDT mid at binance" in check.detail
