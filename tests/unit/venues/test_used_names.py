"""Where a venue would take a client order id twice, we send none twice."""

import pytest

from arbiter.model.errors import OutcomeUnknown, VenueUnreachable
from arbiter.model.ids import ClientOrderId
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.used_names import DUPLICATE, UsedNames
from arbiter.venues.common.verdicts import Verdict, Verdicts

VERDICTS = Verdicts(codes={"BUSY": Verdict.UNKNOWN})
NAME = ClientOrderId("ours")


def _send(used: UsedNames, outcome: Exception | None = None) -> None:
    with used.sending(NAME):
        if outcome is not None:
            raise outcome


@pytest.mark.parametrize(
    "outcome", [None, OutcomeUnknown("no answer"), Answered(200, "BUSY", ""), Answered(502, "", "")]
)
def test_an_id_whose_order_may_exist_is_used(outcome: Exception | None) -> None:
    used = UsedNames(VERDICTS)
    if outcome is None:
        _send(used)
    else:
        with pytest.raises(type(outcome)):
            _send(used, outcome)
    with pytest.raises(Answered) as refused:
        _send(used)
    assert refused.value.code == DUPLICATE
    assert VERDICTS.of(refused.value) is Verdict.REFUSED


@pytest.mark.parametrize(
    "outcome", [VenueUnreachable("down"), Answered(200, "NO_FUNDS", ""), Answered(429, "", "")]
)
def test_an_id_whose_order_does_not_exist_is_free_again(outcome: Exception) -> None:
    used = UsedNames(VERDICTS)
    with pytest.raises(type(outcome)):
        _send(used, outcome)
    _send(used)
