"""What a simulated exchange says on its private stream, apart from direct answers."""

from typing import get_args

from arbiter.model.reports import (
    CancelRefused,
    Ended,
    Filled,
    FillSettled,
    ForcedReported,
    FundingReported,
)

PrivateReport = Filled | Ended | CancelRefused | FundingReported | ForcedReported | FillSettled
"""All but Accepted and Refused."""

PRIVATE_REPORTS = frozenset(get_args(PrivateReport))
