"""Settings of the Telegram bot."""

from enum import StrEnum

from pydantic import SecretStr

from arbiter.app.config_fields import Line, Section, text
from arbiter.model.errors import BadConfig


class AlertsFrom(StrEnum):
    """The least severity that is told."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Telegram(Section):
    """A bot that answers linked private chats, as a client of the control API."""

    token: SecretStr = text(
        SecretStr(""), "The bot's token, from BotFather (TELEGRAM_BOT_TOKEN); empty means no bot."
    )
    alerts: AlertsFrom = text(AlertsFrom.INFO, "Least severity of what is told unasked.")
    api_url: Line = text("", "A Bot API server of one's own; empty means Telegram's.")
    engine_address: Line = text(
        "", "The control API as host:port; empty means the one in this configuration."
    )
    engine_ca: Line = text("", "Certificates (PEM file) that sign the control API's.")

    def check_served(self, control_enabled: bool) -> None:
        """Refuse a bot without an API to speak to, as `BadConfig`."""
        if self.token.get_secret_value() and not (control_enabled or self.engine_address):
            raise BadConfig(
                "telegram.token is set but listen.control_enabled is off: "
                "switch it on or set telegram.engine_address"
            )
