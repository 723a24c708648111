"""What a client is told whose request is not paid for: the balance is too small, or a key's cap is reached."""

from datetime import UTC, datetime

from coordinator.ledger.orders import Capped, Hold
from coordinator.ledger.pricing import decimal
from coordinator.ledger.spend import ends_ms
from wire.errors import ErrorCode, SupernetError


def insufficient(hold: Hold, available: int) -> SupernetError:
    """The account has too little."""
    counted = "its spark and sogni are" if hold.token_type == "auto" else f"its {hold.token_type} are"
    message = (
        f"This request can cost up to ${decimal(hold.nano)}, and the account has ${decimal(available)} ({counted} "
        f"counted): ask for {_less(hold)}, claim the daily bonus with POST /v1/account/bonus, or top up."
    )
    return SupernetError(ErrorCode.INSUFFICIENT_QUOTA, message)


def capped(hold: Hold, refusal: Capped) -> SupernetError:
    """A key may spend no more: which one, how much, and until when."""
    own = refusal.name == hold.counted[0].name
    which = "this API key" if own else f"the API key {refusal.name}, with which this one was made,"
    free = datetime.fromtimestamp(ends_ms(refusal.period, hold.at_ms) / 1000, UTC)
    message = (
        f"This request can cost up to ${decimal(hold.nano)}, and of the ${decimal(refusal.cap)} that {which} may spend"
        f" in a {refusal.period} ${decimal(refusal.spent)} are spent, or held for requests that run: ask for"
        f" {_less(hold)}, have the account's owner raise the cap, or wait until {free:%Y-%m-%d %H:%M} UTC, when it is"
        " free again."
    )
    return SupernetError(ErrorCode.INSUFFICIENT_QUOTA, message)


def _less(hold: Hold) -> str:
    return "fewer max_tokens" if hold.kind is None else "fewer, smaller or shorter ones"
