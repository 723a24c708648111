"""Numbered lanes over a bus that loses, doubles and reorders."""

from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from coordinator.cluster.lanes.lanes import BATCH_BYTES, UNSEEN_BYTES, Lanes, Taken
from coordinator.cluster.protocol.effects import Publish
from coordinator.cluster.protocol.envelope import PIECE_BYTES, unpack
from coordinator.cluster.protocol.messages import MAX_MESSAGE_BYTES

A, B = "0000000a", "0000000b"
PAIRS = [(0, 1), (1, 0), (0, 2)]


def carry(lanes: Lanes, sent: list[Publish]) -> list[Taken]:
    found = [unpack(one.data) for one in sent]
    return [lanes.received(envelope) for envelope in found if envelope is not None]


def messages(taken: list[Taken]) -> list[bytes]:
    return [message for one in taken for message in one.messages]


def test_what_was_put_on_a_lane_together_goes_together() -> None:
    a, b = Lanes(A), Lanes(B)
    for number in range(5):
        assert a.send(B, b"%d" % number)
    sent = a.flush(1.0)
    assert [one.to for one in sent] == [B]
    assert messages(carry(b, sent)) == [b"0", b"1", b"2", b"3", b"4"]
    assert a.flush(1.0) == []


def test_a_batch_is_bounded_and_what_is_longer_goes_alone() -> None:
    a, b = Lanes(A), Lanes(B)
    put = [b"x" * (BATCH_BYTES // 2), b"y" * (BATCH_BYTES // 2), b"z", b"l" * (2 * BATCH_BYTES), b"e"]
    for one in put:
        a.send(B, one)
    sent = a.flush(1.0)
    assert len(sent) == 4
    assert messages(carry(b, sent)) == put


def test_a_very_long_message_goes_in_pieces_and_comes_whole() -> None:
    a, b = Lanes(A), Lanes(B)
    long = bytes(range(256)) * (5 * PIECE_BYTES // 512)
    a.send(B, b"before")
    a.send(B, long)
    a.send(B, b"behind")
    sent = a.flush(1.0)
    assert max(len(one.data) for one in sent) < PIECE_BYTES + 200
    assert messages(carry(b, sent)) == [b"before", long, b"behind"]


def test_of_a_long_message_with_a_lost_piece_nothing_comes_and_the_loss_is_seen() -> None:
    a, b = Lanes(A), Lanes(B)
    a.send(B, b"l" * (3 * PIECE_BYTES))
    a.send(B, b"behind")
    sent = a.flush(1.0)
    del sent[1]
    taken = carry(b, sent)
    assert messages(taken) == [b"behind"] and any(one.lost for one in taken)


def test_pieces_of_two_messages_are_never_put_together() -> None:
    a, b = Lanes(A), Lanes(B)
    long = [bytes([number]) * (2 * PIECE_BYTES) for number in range(2)]
    for one in long:
        a.send(B, one)
    sent = a.flush(1.0)
    assert messages(carry(b, [sent[0], *sent[2:]])) == long[1:]
    for one in long:
        a.send(B, one)
    sent = a.flush(1.0)
    assert messages(carry(b, [sent[0], sent[3]])) == []


def test_a_message_beyond_all_bounds_is_refused() -> None:
    assert not Lanes(A).send(B, b"l" * (MAX_MESSAGE_BYTES + 1))
    assert Lanes(A).send(B, b"")


def test_what_comes_again_or_late_is_dropped() -> None:
    a, b = Lanes(A), Lanes(B)
    a.send(B, b"0")
    first = a.flush(1.0)
    a.send(B, b"1")
    second = a.flush(1.0)
    taken = carry(b, [*second, *first, *second])
    assert messages(taken) == [b"1"]
    assert [one.lost for one in taken] == [True, False, False] and b.gaps == 1


def test_both_sides_hear_of_a_loss() -> None:
    """Messages of A were lost, and A has to say again what B should have."""
    a, b = Lanes(A), Lanes(B)
    a.send(B, b"lost")
    a.flush(1.0)
    a.send(B, b"come")
    (there,) = carry(b, a.flush(1.1))
    assert there.lost
    (back,) = carry(a, b.tick(1.2))
    assert back.lost
    assert not any(one.lost for one in carry(a, b.tick(9.9)))


def test_the_loss_of_the_last_message_is_seen_though_nothing_follows() -> None:
    a, b = Lanes(A), Lanes(B)
    a.send(B, b"lost")
    a.flush(1.0)
    assert a.tick(1.1) == []
    (taken,) = carry(b, a.tick(1.3))
    assert taken.lost
    carry(a, b.tick(1.3))
    assert a.tick(9.0) == [] and b.tick(9.0) == []


def test_what_was_seen_goes_back_with_what_goes_anyway() -> None:
    a, b = Lanes(A), Lanes(B)
    a.send(B, b"there")
    carry(b, a.flush(1.0))
    b.send(A, b"back")
    carry(a, b.flush(1.1))
    assert a.tick(1.1) == []
    assert b.tick(1.1) == []


def test_what_was_seen_is_said_again_where_that_was_lost() -> None:
    a, b = Lanes(A), Lanes(B)
    a.send(B, b"there")
    carry(b, a.flush(1.0))
    b.tick(1.2)
    carry(b, a.tick(1.3))
    carry(a, b.tick(1.5))
    assert a.tick(9.0) == [] and b.tick(9.0) == []


def test_what_nobody_sees_is_bounded_and_as_good_as_lost() -> None:
    a, b = Lanes(A), Lanes(B)
    most = UNSEEN_BYTES // PIECE_BYTES
    for _ in range(most + 3):
        a.send(B, b"x" * PIECE_BYTES)
    sent = a.flush(1.0)
    assert len(sent) == most and a.choked == 3
    carry(b, sent)
    (taken,) = carry(b, a.tick(2.0))
    assert taken.lost
    carry(a, b.tick(2.0))
    a.send(B, b"again")
    assert messages(carry(b, a.flush(3.0))) == [b"again"]


def test_nothing_is_sent_to_one_that_is_gone_and_its_numbers_stand() -> None:
    a, b = Lanes(A), Lanes(B)
    a.send(B, b"0")
    carry(b, a.flush(1.0))
    a.send(B, b"1")
    a.gone(B)
    assert a.flush(2.0) == [] and a.tick(9.0) == []
    a.send(B, b"2")
    assert messages(carry(b, a.flush(10.0))) == [b"2"]


def test_one_that_has_restarted_is_another() -> None:
    a, b = Lanes(A), Lanes(B)
    a.send(B, b"0")
    carry(b, a.flush(1.0))
    new = Lanes("000000a1")
    new.send(B, b"new")
    assert messages(carry(b, new.flush(2.0))) == [b"new"]


class BadBus(RuleBasedStateMachine):
    """Three replicas, any of which may restart, over a bus that may lose, double and delay what it likes."""

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.names = [f"{number:08x}" for number in range(3)]
        self.lanes = {name: Lanes(name) for name in self.names}
        self.wire: list[tuple[str, Publish]] = []  # (sender, publication), in the order of sending
        self.sent: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
        self.got: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
        self.told: defaultdict[tuple[str, str], set[str]] = defaultdict(set)  # who has heard of it
        self.count = 0

    def post(self, sender: str, sent: list[Publish]) -> None:
        self.wire += [(sender, one) for one in sent]

    def deliver(self, place: int, keep: bool = False) -> None:
        sender, one = self.wire[place] if keep else self.wire.pop(place)
        assert one.to is not None
        envelope = unpack(one.data)
        assert envelope is not None and envelope.sender == sender
        if one.to not in self.lanes:
            return
        taken = self.lanes[one.to].received(envelope)
        self.got[sender, one.to] += taken.messages
        if taken.lost:
            for pair in ((sender, one.to), (one.to, sender)):
                self.told[pair].add(one.to)

    @rule(pair=st.sampled_from(PAIRS), size=st.sampled_from([3, 3, 3, PIECE_BYTES + 1]), flush=st.booleans())
    def send(self, pair: tuple[int, int], size: int, flush: bool) -> None:
        sender, to = self.names[pair[0]], self.names[pair[1]]
        self.count += 1
        message = (b"%d " % self.count).ljust(size, b"x")
        self.lanes[sender].send(to, message)
        self.sent[sender, to].append(message)
        if flush:
            self.post(sender, self.lanes[sender].flush(self.now))

    @rule(sender=st.integers(0, 2))
    def tick(self, sender: int) -> None:
        self.now += 0.25
        self.post(self.names[sender], self.lanes[self.names[sender]].tick(self.now))

    @precondition(lambda self: self.wire)
    @rule(data=st.data(), how=st.sampled_from(["next", "next", "double", "late", "lose"]))
    def carry(self, data: st.DataObject, how: str) -> None:
        match how:
            case "next":
                self.deliver(0)
            case "double":
                self.deliver(0, keep=True)
            case "late":  # it overtakes others
                self.deliver(data.draw(st.integers(0, len(self.wire) - 1)))
            case "lose":
                self.wire.pop(data.draw(st.integers(0, len(self.wire) - 1)))

    @rule(which=st.integers(0, 2))
    def restart(self, which: int) -> None:
        """Another process with another name; what is on its way to the one before goes nowhere."""
        self.count += 1
        del self.lanes[self.names[which]]
        self.names[which] = f"{0xAA000000 + self.count:08x}"
        self.lanes[self.names[which]] = Lanes(self.names[which])

    @rule()
    def calm(self) -> None:
        """The bus carries everything for a second: whoever lacks something of one that lives knows it by now."""
        for _ in range(4):
            self.now += 0.25
            for name, lanes in self.lanes.items():
                self.post(name, lanes.flush(self.now))
                self.post(name, lanes.tick(self.now))
            while self.wire:
                self.deliver(0)
        for (sender, to), sent in self.sent.items():
            if sender in self.lanes and to in self.lanes and len(self.got[sender, to]) < len(sent):
                assert self.told[sender, to] >= {sender, to}
        for name, lanes in self.lanes.items():
            living = [one for one in lanes.tick(self.now + 9) if one.to in self.lanes]
            assert living == [], f"{name} still asks"

    def teardown(self) -> None:
        self.calm()

    @invariant()
    def nothing_comes_twice_or_out_of_order(self) -> None:
        for pair, got in getattr(self, "got", {}).items():
            left = iter(self.sent[pair])
            assert all(message in left for message in got)


TestBadBus = BadBus.TestCase
TestBadBus.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
