"""How alike two event markets must be before they are proposed as a pair."""

import msgspec

from arbiter.model.errors import BadConfig


class MatcherSettings(msgspec.Struct, frozen=True, kw_only=True):
    min_score: float = 0.6
    """0.6 · Jaccard of the words + 0.4 · normalised Levenshtein, 0..1."""
    max_expiry_days: float = 7.0
    """Between the two markets' ends, at most."""
    min_rules: int = 40
    """Characters below which a rule text is taken for a placeholder."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise BadConfig(f"matcher.min_score must be 0..1, got {self.min_score}")
        if not self.max_expiry_days >= 0 or self.min_rules < 0:  # NaN is neither
            raise BadConfig("matcher.max_expiry_days and min_rules must be 0 or more")
