"""`arbiter simex`."""

import signal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, note

if TYPE_CHECKING:
    from arbiter.simex.settings import SimexSettings


def simex(
    venues: Annotated[
        str | None, typer.Option(metavar="VENUE,…", help="Serve only these; default all.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the market and the credentials.")] = 7,
    symbols: Annotated[int, typer.Option(min=1, max=200, help="Base assets.")] = 10,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        list[str] | None,
        typer.Option(metavar="VENUE=PORT", help="A fixed port; repeatable. Default: any free."),
    ] = None,
    quotes_per_second: Annotated[float, typer.Option(min=1, help="Over all spot markets.")] = 400.0,
    depth_usd: Annotated[
        float, typer.Option(min=1, help="Median size at the best price.")
    ] = 3_000.0,
    dislocations: Annotated[float, typer.Option(min=0, help="Per minute, over all.")] = 15.0,
    latency_ms: Annotated[float, typer.Option(min=0, help="Added to every order.")] = 0.0,
    time_scale: Annotated[float, typer.Option(min=0.01, help="Funding hours per hour.")] = 1.0,
    funding_dispersion: Annotated[
        float, typer.Option(min=0, max=0.01, help="Of one venue's 8 h funding around the mean.")
    ] = 0.00035,
    weight: Annotated[int, typer.Option(min=10, help="Request weight per minute.")] = 6_000,
    refuse_brokers: Annotated[
        bool, typer.Option("--refuse-brokers", help="Refuse orders with a broker's mark.")
    ] = False,
    config: ConfigFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Serve simulated exchanges in the venues' own formats until Ctrl-C; faults as in sim.faults."""
    import asyncio

    import uvloop

    from arbiter.simex.settings import SERVERS, SimexSettings

    loaded = load_settings(config, home).settings
    settings = SimexSettings(
        venues=tuple(SERVERS) if venues is None else tuple(v.strip() for v in venues.split(",")),
        seed=seed,
        symbols=symbols,
        host=host,
        ports=_ports(port or []),
        quotes_per_second=quotes_per_second,
        depth_usd=depth_usd,
        dislocations_per_minute=dislocations,
        order_latency_ms=latency_ms,
        time_scale=time_scale,
        funding_dispersion=funding_dispersion,
        weight_per_minute=weight,
        refuse_brokers=refuse_brokers,
        faults=loaded.sim.faults.record(),
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, as_json))


def _ports(pairs: list[str]) -> dict[str, int]:
    from arbiter.model.errors import BadConfig

    made = {}
    for pair in pairs:
        venue, _, number = pair.partition("=")
        if not number.isdigit() or not 0 < int(number) < 65_536:
            raise BadConfig(f"--port {pair}: give VENUE=PORT")
        made[venue] = int(number)
    return made


def _shown(server: dict[str, Any]) -> str:
    """The parts of a key as `arbiter keys add` asks for them, each in one line."""
    from arbiter.model.ids import VenueId
    from arbiter.venues.catalogue import connector

    form = connector(VenueId(server["venue"])).key
    parts = [part for part in (form.api_key, form.secret, form.password) if part]
    told = {part: str(server[part]).strip().replace("\n", "\\n") for part in parts}
    return " ".join(f"{part}={told[part]}" for part in parts)


async def _serve(settings: "SimexSettings", as_json: bool) -> None:
    import asyncio

    from arbiter.simex.server import Simex

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def ready(servers: list[dict[str, Any]]) -> None:
        import sys

        import msgspec

        for server in servers:
            if as_json:
                emit(msgspec.json.encode(server).decode())
            else:
                emit(f"{server['venue']:<16} {server['rest']}  {server['ws']}")
                emit(f"{'':<16} {_shown(server)}")
        sys.stdout.flush()
        note("Ctrl-C stops")

    serving = asyncio.create_task(Simex(settings).run(ready))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        serving.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
    try:
        await serving
    except asyncio.CancelledError:
        return
