"""Bytes of a websocket come in portions, and frames without a message are borne up to a bound."""

from program.websocket_bounds import MOST, PER_S, PORTION_BYTES, Unread, besides_messages


def test_bytes_are_taken_in_portions_in_their_order() -> None:
    unread, all_bytes = Unread(), bytes(range(256)) * 50
    unread.put(all_bytes[:10_000])
    unread.put(all_bytes[10_000:])
    taken = []
    while unread:
        taken.append(unread.take())
    assert b"".join(taken) == all_bytes
    assert {len(portion) for portion in taken[:-1]} == {PORTION_BYTES}


def test_what_was_cleared_is_not_taken() -> None:
    unread = Unread()
    unread.put(b"x")
    unread.clear()
    assert not unread


def test_pings_of_an_honest_peer_never_add_up_and_a_flood_does() -> None:
    line = besides_messages(0.0)
    assert all(line.take(1, n * 0.1) for n in range(36_000))  # ten a second, for an hour
    now = 3600.0
    assert sum(line.take(1, now) for _ in range(10 * MOST)) == MOST
    assert sum(line.take(1, now + 1) for _ in range(10 * MOST)) == PER_S
