"""What the bot is told at its start."""

from pathlib import Path

import msgspec

import arbiter_pb2 as pb


class TelegramSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`token` is what BotFather gave; `links` is the file that keeps who is linked."""

    token: str
    links: Path
    api_url: str = ""
    """Of a Bot API server of one's own; empty means Telegram's."""
    alerts_from: pb.AlertSeverity = pb.ALERT_SEVERITY_INFO
    alert_window_s: float = 2.0
    """Alerts that come within one window are told in one message."""
