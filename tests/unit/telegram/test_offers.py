"""A button is good for a while: an answer given too late changes nothing."""

import pytest

from arbiter.client import ArbiterClient
from arbiter.telegram.offers import CONFIRM_WITHIN_S, Offers, Said, question

CHAT = 42


async def act(_client: ArbiterClient) -> Said:
    return Said(text="done")


@pytest.mark.parametrize(("after_s", "good"), [(CONFIRM_WITHIN_S, True), (60.1, False)])
def test_a_question_is_answered_within_a_minute_or_not_at_all(after_s: float, good: bool) -> None:
    now = 1_000.0
    offers = Offers(lambda: now)
    markup = offers.keyboard(CHAT, question("Stop everything?", ("Yes", act)))
    assert markup is not None
    key = markup.inline_keyboard[0][0].callback_data
    assert key is not None
    now += after_s
    assert (offers.take(CHAT, key) is act) is good
    assert offers.take(CHAT, key) is None
