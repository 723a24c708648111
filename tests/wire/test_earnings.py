"""What was earned, as an older coordinator says it: without the three fields that came later."""

from wire.earnings import Earnings


def test_an_older_coordinator_says_nothing_of_credit() -> None:
    told = Earnings.model_validate_json('{"type":"earnings","escrow_nano":1,"available_nano":2,"today_nano":3}')
    assert (told.credit_nano, told.promotion_day_nano, told.promotion_account_nano) == (None, None, None)
