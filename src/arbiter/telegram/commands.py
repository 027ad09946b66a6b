"""What a linked chat can ask for. Whatever changes something is asked about first."""

from collections.abc import Awaitable, Callable
from html import escape

import msgspec

import arbiter_pb2 as pb
from arbiter.client import ArbiterClient
from arbiter.telegram import words
from arbiter.telegram.offers import Act, Button, Said, question

Answer = Callable[[ArbiterClient, str], Awaitable[Said]]

OPEN_ORDERS = (
    pb.ORDER_STATUS_PENDING,
    pb.ORDER_STATUS_OPEN,
    pb.ORDER_STATUS_PARTIALLY_FILLED,
)


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command without its slash; `answer` is given the text after it."""

    name: str
    tells: str
    answer: Answer


async def status(client: ArbiterClient, _rest: str) -> Said:
    return _with_refresh(words.status(await client.operator.status()), status)


async def balance(client: ArbiterClient, rest: str) -> Said:
    exchange = pb.EXCHANGE_UNSPECIFIED
    if rest:
        named = words.exchange_of(rest)
        if named is None:
            return Said(text=f"There is no exchange called {escape(rest)}.")
        exchange = named
    return Said(text=words.balances(await client.users.balances(exchange)))


async def positions(client: ArbiterClient, _rest: str) -> Said:
    return _with_refresh(words.positions(await client.users.positions()), positions)


async def orders(client: ArbiterClient, _rest: str) -> Said:
    """Open ones, each with a button that cancels it."""
    listed = [each for each in await client.trading.orders(limit=500) if each.status in OPEN_ORDERS]
    buttons = tuple((_cancelling(each),) for each in listed[: words.ROWS])
    return Said(text=words.orders(listed), buttons=buttons)


async def arb(client: ArbiterClient, _rest: str) -> Said:
    said = await client.strategy.arb_status()
    running = said.state == pb.ARB_ENGINE_STATE_RUNNING
    wanted = not running
    label = "Start" if wanted else "Stop"

    async def switch(client: ArbiterClient) -> Said:
        answer = await client.strategy.set_arb_enabled(wanted)
        state = pb.ArbEngineState.Name(answer.state).removeprefix("ARB_ENGINE_STATE_")
        return Said(text=f"{state}. {escape(answer.message)}")

    change = Button(label=label, act=switch, sure=f"{label} prediction-market arbitrage?")
    return Said(
        text=words.arb(said, await client.strategy.arb_config()),
        buttons=((change, _refresh(arb)),),
    )


async def pairs(client: ArbiterClient, _rest: str) -> Said:
    return _with_refresh(words.pairs(await client.operator.pairs()), pairs)


async def copy(client: ArbiterClient, rest: str) -> Said:
    """Alone it lists; ``add WALLET EXCHANGE MULTIPLIER MAX_USD`` adds one."""
    if rest:
        return _adding(rest)
    listed = await client.strategy.copy_trades()
    buttons = tuple((_uncopying(each),) for each in listed[: words.ROWS])
    return Said(text=words.copy_trades(listed), buttons=buttons)


async def pnl(client: ArbiterClient, _rest: str) -> Said:
    return _with_refresh(words.pnl(await client.operator.pnl()), pnl)


async def budget(client: ArbiterClient, rest: str) -> Said:
    """Alone it lists; ``STRATEGY CURRENCY AMOUNT`` sets one."""
    if not rest:
        return _with_refresh(words.budgets(await client.operator.budgets()), budget)
    match rest.split():
        case [strategy, currency, amount] if (allocated := _amount(amount)) is not None:
            asked = (
                f"Give {escape(strategy)} a budget of {words.number(allocated)} {escape(currency)}?"
            )

            async def assign(client: ArbiterClient) -> Said:
                done = await client.operator.set_budget(strategy, currency.upper(), allocated)
                return Said(text=words.budget(done))

            return question(asked, ("Yes, do it", assign))
    return Said(text="Say: /budget STRATEGY CURRENCY AMOUNT")


async def agents(client: ArbiterClient, _rest: str) -> Said:
    return _with_refresh(words.agents(await client.operator.agents()), agents)


async def kill(_client: ArbiterClient, rest: str) -> Said:
    reason = rest or "by Telegram"

    def way(flatten: bool) -> Act:
        async def engage(client: ArbiterClient) -> Said:
            return Said(text=words.kill_report(await client.operator.kill(reason, flatten=flatten)))

        return engage

    return question(
        "Cancel every order on every venue and stop all trading until /resume?",
        ("Stop everything", way(flatten=False)),
        ("Stop everything and close positions", way(flatten=True)),
    )


async def resume(client: ArbiterClient, _rest: str) -> Said:
    latch = (await client.operator.status()).kill_switch
    if not latch.engaged:
        return Said(text="The kill switch is not engaged.")

    async def release(client: ArbiterClient) -> Said:
        return Said(text=words.kill_switch(await client.operator.resume()))

    return question(f"{words.kill_switch(latch)}\nTrade again?", ("Trade again", release))


async def show_help(_client: ArbiterClient, _rest: str) -> Said:
    lines = [f"/{each.name} {escape(each.tells)}" for each in COMMANDS]
    return Said(text=words.joined([*lines, "/unlink forget this chat"]))


COMMANDS = (
    Command(name="status", tells="mode, venues, today, strategies", answer=status),
    Command(name="balance", tells="what each exchange holds", answer=balance),
    Command(name="positions", tells="open positions", answer=positions),
    Command(name="orders", tells="open orders, and cancelling them", answer=orders),
    Command(name="arb", tells="prediction-market arbitrage: state, start, stop", answer=arb),
    Command(name="pairs", tells="pairs of event markets", answer=pairs),
    Command(name="copy", tells="copied wallets; add WALLET EXCHANGE MULTIPLIER MAX", answer=copy),
    Command(name="pnl", tells="profit and loss", answer=pnl),
    Command(name="budget", tells="budgets; STRATEGY CURRENCY AMOUNT sets one", answer=budget),
    Command(name="agents", tells="the analysts and their sessions", answer=agents),
    Command(name="kill", tells="stop everything, asked twice", answer=kill),
    Command(name="resume", tells="release the kill switch", answer=resume),
    Command(name="help", tells="this list", answer=show_help),
)


def _cancelling(order: pb.OrderResponse) -> Button:
    async def cancel(client: ArbiterClient) -> Said:
        answer = await client.trading.cancel_order(order.exchange, order.order_id)
        return Said(text=escape(answer.message) or "Cancelled.")

    said = words.order(order)
    label = f"Cancel {words.number(order.size)} {order.market_id}"
    return Button(label=label, act=cancel, sure=f"Cancel this order?\n{said}")


def _uncopying(subscription: pb.CopyTrade) -> Button:
    async def remove(client: ArbiterClient) -> Said:
        answer = await client.strategy.remove_copy_trade(subscription.id)
        return Said(text=escape(answer.message) or "Removed; its positions stay.")

    sure = f"Copy {escape(subscription.target_wallet)} no more? Positions opened so far stay."
    return Button(label=f"Remove {subscription.target_wallet[:12]}", act=remove, sure=sure)


def _adding(rest: str) -> Said:
    match rest.split():
        case ["add", wallet, name, multiplier, most]:
            exchange, times, cap = words.exchange_of(name), _amount(multiplier), _amount(most)
            if exchange is not None and times is not None and cap is not None:

                async def add(client: ArbiterClient) -> Said:
                    made = await client.strategy.add_copy_trade(wallet, exchange, times, cap)
                    return Said(text=words.copy_trade(made))

                asked = (
                    f"Copy {escape(wallet)} on {escape(words.venue(exchange))} at "
                    f"x{words.number(times)}, at most {words.money(cap)} a copy?"
                )
                return question(asked, ("Yes, do it", add))
    return Said(text="Say: /copy add WALLET EXCHANGE MULTIPLIER MAX_USD")


def _amount(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e15 else None


def _with_refresh(text: str, answer: Answer) -> Said:
    return Said(text=text, buttons=((_refresh(answer),),))


def _refresh(answer: Answer) -> Button:
    async def again(client: ArbiterClient) -> Said:
        return await answer(client, "")

    return Button(label="Refresh", act=again)
