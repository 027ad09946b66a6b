"""What people switched and set: the latch, the strategies, the settings of run time."""

from typing import Final

from arbiter.model.changes import Changes
from arbiter.model.events import (
    KillSwitchEngaged,
    KillSwitchReleased,
    SettingChanged,
    StrategySwitched,
)
from arbiter.model.holdings import KillSwitch
from arbiter.model.ids import StrategyId
from arbiter.model.image import LedgerImage


class Switches:
    def __init__(self) -> None:
        self.kill_switch = KillSwitch()
        self.strategies: Final[dict[StrategyId, bool]] = {}
        self.settings: Final[dict[str, SettingChanged]] = {}

    def restore(self, image: LedgerImage) -> None:
        self.kill_switch = image.kill_switch
        self.strategies.update(image.strategies)
        self.settings.update(image.settings)

    def engage(self, event: KillSwitchEngaged, changes: Changes) -> None:
        self.kill_switch = changes.kill_switch = KillSwitch(
            engaged=True,
            actor=event.actor,
            reason=event.reason,
            flatten=event.flatten,
            changed_ns=event.at_ns,
        )

    def release(self, event: KillSwitchReleased, changes: Changes) -> None:
        self.kill_switch = changes.kill_switch = KillSwitch(
            actor=event.actor, changed_ns=event.at_ns
        )

    def switch(self, event: StrategySwitched, changes: Changes) -> None:
        self.strategies[event.strategy] = event.running
        changes.strategies[event.strategy] = event.running

    def set(self, event: SettingChanged, changes: Changes) -> None:
        self.settings[event.path] = event
        changes.settings[event.path] = event
