"""What a worker's account has earned, told to the worker now and then."""

from typing import Literal

from wire.scalars import Frozen, Nano

EARNINGS = "earnings"  # a feature of Hello: the worker understands Earnings


class Earnings(Frozen):
    """What the worker's account has earned, in nano-dollars: held back still, free to be taken, and both since midnight
    UTC. It is sent only to a worker whose Hello names the feature EARNINGS.

    `credit_nano` was earned with tokens that the network gave away, and is spent there; at most `promotion_day_nano` of
    all owners' a day becomes free, `promotion_account_nano` of one's. An older coordinator says none of the three.
    `power_today_nano`: what the energy cost since midnight that the account's workers said they drew, at the price that
    their owner gave; None: that is not known.
    """

    type: Literal["earnings"] = "earnings"
    escrow_nano: Nano
    available_nano: Nano
    today_nano: Nano
    credit_nano: Nano | None = None
    promotion_day_nano: Nano | None = None
    promotion_account_nano: Nano | None = None
    power_today_nano: Nano | None = None
