"""What is due in virtual time: in order, and not at all once it was dropped."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from arbiter.backtest.agenda import NEVER, Agenda, VirtualClock

TIMES = st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=30)


@given(TIMES)
def test_what_was_dropped_is_never_done_and_nothing_stops_at_its_time(
    wanted: list[tuple[int, bool]],
) -> None:
    clock = VirtualClock()
    agenda = Agenda(clock)
    done: list[int] = []
    numbers = [agenda.at(at_ns, partial(done.append, n)) for n, (at_ns, _) in enumerate(wanted)]
    for number, (_, dropped) in zip(numbers, wanted, strict=True):
        if dropped:
            agenda.drop(number)
    kept = sorted((at_ns, nth) for nth, (at_ns, dropped) in enumerate(wanted) if not dropped)
    for at_ns, nth in kept:
        assert agenda.next_ns == at_ns
        agenda.run_next()
        assert (clock.now_ns(), done[-1]) == (at_ns, nth)
    assert agenda.next_ns == NEVER
    assert len(done) == len(kept)


def test_what_is_dropped_while_another_thing_is_done_stays_undone() -> None:
    agenda = Agenda(VirtualClock())
    done: list[str] = []
    second = agenda.at(2, lambda: done.append("second"))
    agenda.at(1, lambda: agenda.drop(second))
    agenda.at(3, lambda: done.append("third"))
    agenda.run_next()
    assert agenda.next_ns == 3
    agenda.run_next()
    assert done == ["third"]
