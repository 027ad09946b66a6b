"""The command bus: what people and APIs ask for, acknowledged once it is durable.

Every command leaves an audit record with its actor and what was there before and after.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal

from arbiter.ledger.ledger import Ledger
from arbiter.model.commands import (
    AddCopy,
    ChangeSettings,
    Command,
    EngageKillSwitch,
    ProposePair,
    ReleaseKillSwitch,
    RemoveBudget,
    RemoveCopy,
    ReviewPair,
    SetBudget,
    StartStrategy,
    StopStrategy,
    SwitchCopy,
)
from arbiter.model.errors import InvalidValue, NotFound, TradingDisabled
from arbiter.model.events import (
    Audited,
    BudgetRemoved,
    BudgetSet,
    JournalEvent,
    KillSwitchEngaged,
    KillSwitchReleased,
    SettingChanged,
    StrategySwitched,
)
from arbiter.model.ids import Actor, StrategyId
from arbiter.model.money import ZERO, plain
from arbiter.runtime import copy_commands, pair_review
from arbiter.runtime.recorder import Recorder
from arbiter.runtime.tuning import Tuner


class CommandBus:
    """The one way in. `strategies` are the names a command may speak of, `left_out` those of them
    that this run cannot start.

    Without a `tuner` settings cannot be changed while the engine runs.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        recorder: Recorder,
        strategies: tuple[StrategyId, ...],
        left_out: tuple[StrategyId, ...] = (),
        tuner: Tuner | None = None,
    ) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._strategies = strategies
        self._left_out = left_out
        self._tuner = tuner
        self._knows: Callable[[StrategyId], bool] = lambda _strategy: False

    def welcome(self, knows: Callable[[StrategyId], bool]) -> None:
        """Take commands about strategies that come and go, too; `knows` may raise `Conflict`."""
        self._knows = knows

    async def execute(self, command: Command) -> None:
        """Carry out a command; returns after the commit.

        Raises `NotFound`, `InvalidValue`, `Conflict` or `TradingDisabled` before anything was changed.
        """
        durable = asyncio.Event()
        self.start(command, durable.set)
        await durable.wait()

    def start(self, command: Command, then: Callable[[], None]) -> None:
        """Carry out a command at once and call `then` after its commit."""
        if isinstance(command, ChangeSettings):
            self._change_settings(command, then)
        else:
            self._recorder.record(*self._events(command), then=then)

    def _change_settings(self, command: ChangeSettings, then: Callable[[], None]) -> None:
        if self._tuner is None:
            raise InvalidValue("settings of this engine do not change while it runs")
        prepared = self._tuner.prepare(command.changes)
        now, actor = self._recorder.now_ns(), command.actor
        events: list[JournalEvent] = []
        for path, after in prepared.after.items():
            before = prepared.before[path]
            events.append(
                SettingChanged(at_ns=now, path=path, before=before, after=after, actor=actor)
            )
            events.append(self._audit(actor, "setting.change", path, before, after))
        if not events:
            asked = ", ".join(command.changes)
            events.append(self._audit(actor, "setting.keep", asked))
        self._recorder.record(*events, then=then)
        prepared.apply()

    def _events(self, command: Command) -> tuple[JournalEvent, ...]:
        now = self._recorder.now_ns()
        actor = command.actor
        match command:
            case EngageKillSwitch(reason=reason, flatten=flatten):
                latch = self._ledger.kill_switch
                flatten = flatten or (latch.engaged and latch.flatten)  # never asked back
                engaged = KillSwitchEngaged(at_ns=now, actor=actor, reason=reason, flatten=flatten)
                return engaged, self._audit(actor, "kill_switch.engage", "kill_switch", "", reason)
            case ReleaseKillSwitch():
                before = self._ledger.kill_switch.reason
                released = KillSwitchReleased(at_ns=now, actor=actor)
                return released, self._audit(actor, "kill_switch.release", "kill_switch", before)
            case StartStrategy(strategy=strategy):
                if self._ledger.kill_switch.engaged:
                    raise TradingDisabled(
                        "the kill switch is engaged; release it first: arbiter resume"
                    )
                if strategy in self._left_out:
                    raise TradingDisabled(
                        f"{strategy} is left out of this run by the settings or --only; "
                        "start the engine with it"
                    )
                return self._switch(strategy, actor, running=True, reason="")
            case StopStrategy(strategy=strategy, reason=reason):
                return self._switch(strategy, actor, running=False, reason=reason)
            case SetBudget(strategy=strategy, currency=currency, allocated=allocated):
                self._check_strategy(strategy)
                if not allocated.is_finite() or allocated < ZERO:
                    raise InvalidValue(f"a budget must be zero or more, got {allocated}")
                budget = self._ledger.budgets.get((strategy, currency))
                before = _shown(None if budget is None else budget.allocated)
                entity = f"budget:{strategy}/{currency}"
                return (
                    BudgetSet(
                        at_ns=now,
                        strategy=strategy,
                        currency=currency,
                        allocated=allocated,
                        actor=actor,
                    ),
                    self._audit(actor, "budget.set", entity, before, plain(allocated)),
                )
            case RemoveBudget(strategy=strategy, currency=currency):
                budget = self._ledger.budgets.get((strategy, currency))
                if budget is None or budget.allocated is None:
                    raise NotFound(f"{strategy} has no budget in {currency}")
                entity = f"budget:{strategy}/{currency}"
                return (
                    BudgetRemoved(at_ns=now, strategy=strategy, currency=currency, actor=actor),
                    self._audit(actor, "budget.remove", entity, _shown(budget.allocated)),
                )
            case ProposePair():
                return pair_review.proposed(self._ledger, command, now)
            case ReviewPair():
                return pair_review.reviewed(self._ledger, command, now)
            case AddCopy() | SwitchCopy() | RemoveCopy():
                return copy_commands.decided(self._ledger, command, now)
        raise InvalidValue(f"{type(command).__name__} is not a command of this engine")

    def _switch(
        self, strategy: StrategyId, actor: Actor, *, running: bool, reason: str
    ) -> tuple[JournalEvent, ...]:
        self._check_strategy(strategy)
        before = "running" if self._ledger.strategies.get(strategy, True) else "stopped"
        after = "running" if running else "stopped"
        action = "strategy.start" if running else "strategy.stop"
        return (
            StrategySwitched(
                at_ns=self._recorder.now_ns(),
                strategy=strategy,
                running=running,
                actor=actor,
                reason=reason,
            ),
            self._audit(actor, action, f"strategy:{strategy}", before, after),
        )

    def _check_strategy(self, strategy: StrategyId) -> None:
        if strategy not in self._strategies and not self._knows(strategy):
            known = ", ".join(self._strategies)
            raise NotFound(f"no strategy is named {strategy!r}; there are {known}")

    def _audit(
        self, actor: Actor, action: str, entity: str, before: str = "", after: str = ""
    ) -> Audited:
        return Audited(
            at_ns=self._recorder.now_ns(),
            actor=actor,
            action=action,
            entity=entity,
            before=before,
            after=after,
        )


def _shown(amount: Decimal | None) -> str:
    return "unlimited" if amount is None else plain(amount)
