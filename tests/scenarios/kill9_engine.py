"""An engine in a process of its own, for tests that kill it.

It recovers and lets trades that were open end, opening none; once all that is durable it says
``settled``. Then it does what is written to it: ``trade`` (spot) or ``fund`` (funding pairs), until
killed, ``close`` (every pair), or ``stop``.
"""

import asyncio
import os
import sys

import uvloop

from arbiter.app.bootstrap import run_engine
from arbiter.app.config import Settings, load
from arbiter.app.running import Running
from arbiter.model.events import AlertRaised, PairAdvanced
from arbiter.model.instruments import Instrument
from arbiter.model.pairs import PairState
from arbiter.runtime.core import TradingCore
from arbiter.runtime.funding_desk import FundingDesk

SETTLED = "SETTLED"
OPENING_NONE = {
    "ARBITER__SPOT__MIN_PROFIT_THRESHOLD": "0.1",
    "ARBITER__EVENTS__ENABLED": "false",
    "ARBITER__COPYING__ENABLED": "false",
    "ARBITER__FUNDING__ENABLED": "false",
}
"""No spread of these markets is that wide, and no other family opens anything."""


async def main() -> int:
    """Run the engine on ARBITER_HOME; gives its exit code."""
    stop = asyncio.Event()
    started: asyncio.Future[Running] = asyncio.get_running_loop().create_future()

    async def obey() -> None:
        running = await started
        core = running.engine.core
        await settle(core)
        print("settled", flush=True)
        while command := await asyncio.to_thread(sys.stdin.readline):
            if command == "trade\n":
                trading(core, load(environment=os.environ).settings)
                print("trading", flush=True)
            elif command == "fund\n":
                await all_ready(running.funding.desk, core)
                running.funding.desk.enabled = True
                print("funding", flush=True)
            elif command == "close\n":
                close_pairs(core, running.clock.now_ns())
                print("closing", flush=True)
            elif command == "stop\n":
                stop.set()
                return  # a thread that still reads would hold up the end

    environment = os.environ | OPENING_NONE
    obeying = asyncio.create_task(obey())
    try:
        return await run_engine(
            load(environment=environment).settings,
            stop=stop,
            environment=environment,
            on_ready=started.set_result,
        )
    finally:
        obeying.cancel()


async def settle(core: TradingCore) -> None:
    """Wait until no trade is open and everything that happened is durable."""
    while core.floor.open_count:  # the end of one may open another, for its leftovers
        await core.floor.idle()
    durable = asyncio.Event()
    text = "every trade from before has ended"
    alert = AlertRaised(at_ns=core.recorder.now_ns(), severity="info", code=SETTLED, text=text)
    core.recorder.record(alert, then=durable.set)
    await durable.wait()


def trading(core: TradingCore, settings: Settings) -> None:
    """Trade by the settings from the next quote on."""
    core.spot.reconfigure(settings.spot.record(core.registry.resolve_symbol))


async def all_ready(desk: FundingDesk, core: TradingCore) -> None:
    """Wait for rate, leverage and price of every contract: the first venues heard would get all."""

    def ready(each: Instrument) -> bool:
        quoted = core.board.healthy(each.venue) and core.board.quote(each.id) is not None
        return quoted and each.id in desk.rates and each.id not in desk.unready

    while not all(map(ready, desk.perpetuals)):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def close_pairs(core: TradingCore, now_ns: int) -> None:
    """Let the funding desk end every pair it holds."""
    for pair in core.ledger.active_pairs():
        closing = PairAdvanced(
            at_ns=now_ns, pair_id=pair.id, state=PairState.CLOSING, reason="told to"
        )
        core.recorder.record(closing)


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
