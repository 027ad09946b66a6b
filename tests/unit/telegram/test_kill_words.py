"""The kill switch's report in a chat."""

import arbiter_pb2 as pb
from arbiter.telegram import words

LEFT = "RAIN.POLYMARKET short 4.31, below the venue's minimum of 5: no order closes it"


def test_an_open_position_is_why_a_venue_is_not_flat() -> None:
    proof = pb.VenueProof(venue="polymarket", reachable=True, positions=[LEFT])
    said = words.kill_report(pb.KillReport(durable=True, venues=[proof]))
    assert "<b>polymarket: not flat</b>: RAIN.POLYMARKET short 4.31, below the venue" in said
    assert "no order closes it" in said
    assert "not proven" not in said


def test_a_position_is_told_beside_the_orders_that_still_work() -> None:
    proof = pb.VenueProof(
        venue="bybit", reachable=False, open_orders=["o-1"], positions=["BTC long 1"], note="silent"
    )
    said = words.kill_report(pb.KillReport(durable=True, venues=[proof]))
    assert "<b>bybit: not flat</b>: no answer; o-1, BTC long 1" in said
