import time
from argparse import ArgumentTypeError

import pytest

from coordinator.cli.arguments import amount, bucket, expiry, parser, weight


def test_an_end_is_a_while_from_now_or_a_date() -> None:
    now_ms = time.time() * 1000
    assert abs(expiry("90d") - now_ms - 90 * 86_400_000) < 60_000
    assert abs(expiry("30m") - now_ms - 1_800_000) < 60_000
    assert expiry("2100-01-01") == 4102444800000
    assert expiry("2100-01-01T02:00:00+02:00") == 4102444800000


@pytest.mark.parametrize("text", ["", "d", "9y", "tomorrow", "2001-01-01", "0d", "99999999999999d"])
def test_what_is_no_time_to_come_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        expiry(text)


def test_a_weight_is_a_sane_number() -> None:
    assert weight("2.5") == 2.5
    for text in ("0", "-1", "nan", "inf", "heavy"):
        with pytest.raises(ArgumentTypeError):
            weight(text)


def test_every_command_that_works_on_the_database_can_be_told_where_it_is() -> None:
    for words in (["key", "list"], ["key", "regenerate", "k"], ["account", "list"], ["account", "disable", "a"]):
        arguments = parser().parse_args([*words, "--db", "postgresql://me@db/x", "--json"])
        assert (arguments.db, arguments.json) == ("postgresql://me@db/x", True)


def test_an_amount_is_a_decimal_number() -> None:
    assert amount("0.1") * 10 == 1
    for text in ("0", "-1", "1/3", "nan", "lots", "1e10"):
        with pytest.raises(ArgumentTypeError):
            amount(text)


def test_where_media_move_to_is_a_bucket() -> None:
    assert bucket("s3://media/network/") == "s3://media/network"
    for text in ("/srv/media", "http://media", "s3://"):
        with pytest.raises(ArgumentTypeError, match="s3://BUCKET/PREFIX"):
            bucket(text)
