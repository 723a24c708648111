"""An account's data, without its secrets and without anybody else's."""

import json

from coordinator.accounts.rows import get_account
from coordinator.identity.export import exported
from coordinator.identity.joining import Answered, Newcomer, sign_up
from coordinator.identity.passkeys import Passkey
from coordinator.store.database import Database


def test_all_of_the_account_and_no_secret_is_exported(database: Database) -> None:
    for name in ("1", "2"):
        new = Newcomer(f"acc_{name}", f"member-{name}", Passkey(f"pk{name}", b"public", 0))
        sign_up(database, b"p", new, Answered(f"c{name}", 100, f"secret{name}"), 700, 5)
    told = exported(database, get_account(database, "member-1"), 0)
    text = json.dumps(told)
    assert "acc_2" not in text and "secret1" not in text and "public" not in text
    assert {row["name"] for row in told["keys_and_sessions"]} == {"first key", "browser"}
    assert [(row["journal"], row["nano"]) for row in told["bookings"]] == [("starter:acc_1", 700)]
    assert told["bookings_left_out"] is False
