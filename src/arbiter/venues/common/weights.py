"""A budget of request weight: spent at once while there is some, then at its own pace."""


class WeightBudget:
    """Refills evenly over a minute; `per_minute` is also what may be spent at once."""

    def __init__(self, per_minute: float, now_s: float) -> None:
        self._capacity = per_minute
        self._left = per_minute
        self._at_s = now_s

    def spend(self, weight: float, now_s: float) -> float:
        """Take `weight`, now or owed; gives for how many seconds to wait before using it."""
        gained = max(0.0, now_s - self._at_s) * self._capacity / 60.0
        self._left = min(self._capacity, self._left + gained) - weight
        self._at_s = max(self._at_s, now_s)
        return max(0.0, -self._left) * 60.0 / self._capacity
