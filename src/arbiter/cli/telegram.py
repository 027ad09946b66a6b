"""`arbiter telegram`: the bot as a process of its own."""

from arbiter.cli.options import ConfigFile, HomeFolder, load_settings


def telegram(config: ConfigFile = None, home: HomeFolder = None) -> None:
    """Run the Telegram bot alone, beside an engine that runs elsewhere.

    `arbiter up` runs it by itself where telegram.token is set.
    """
    import asyncio
    import contextlib

    from arbiter.app.telegram_service import run_bot

    settings = load_settings(config, home).settings
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run_bot(settings))
