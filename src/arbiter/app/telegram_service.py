"""The Telegram bot with the settings of this engine."""

from pathlib import Path

import structlog

import arbiter_pb2 as pb
from arbiter.app.config import Settings
from arbiter.app.config_telegram import AlertsFrom
from arbiter.client import ArbiterClient
from arbiter.model.errors import BadConfig
from arbiter.telegram.bot import BadToken, TelegramBot
from arbiter.telegram.settings import TelegramSettings

log = structlog.get_logger()

_SEVERITIES = {
    AlertsFrom.INFO: pb.ALERT_SEVERITY_INFO,
    AlertsFrom.WARNING: pb.ALERT_SEVERITY_WARNING,
    AlertsFrom.CRITICAL: pb.ALERT_SEVERITY_CRITICAL,
}
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


async def run_bot(settings: Settings) -> None:
    """Serve Telegram until cancelled. Without a usable token or certificate file: `BadConfig`."""
    telegram = settings.telegram
    token = telegram.token.get_secret_value()
    if not token:
        raise BadConfig(
            "telegram.token is not set: give the token that BotFather gave (TELEGRAM_BOT_TOKEN)"
        )
    made = TelegramSettings(
        token=token,
        links=settings.home.root / "telegram" / "links.json",
        api_url=telegram.api_url,
        alerts_from=_SEVERITIES[telegram.alerts],
    )
    authority = telegram.engine_ca or settings.listen.control_ssl_cert
    async with ArbiterClient(
        _address(settings), ca_certificate=_read(authority) if authority else None
    ) as client:
        try:
            await TelegramBot(made, client).run()
        except (BadToken, ValueError) as error:
            raise BadConfig(str(error)) from None


async def serve_beside(settings: Settings) -> None:
    """The same beside a running engine, which goes on without its bot."""
    try:
        await run_bot(settings)
    except BadConfig as error:
        log.error("no Telegram", why=str(error))
    except Exception:
        # A bot is no reason to stop trading.
        log.exception("Telegram has stopped")


def _address(settings: Settings) -> str:
    listen = settings.listen
    if settings.telegram.engine_address:
        return settings.telegram.engine_address
    return f"{_ANY_ADDRESS.get(listen.control_host, listen.control_host)}:{listen.control_port}"


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadConfig(f"{file} cannot be read: {error.strerror}") from None
