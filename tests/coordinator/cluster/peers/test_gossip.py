"""Gossip of several replicas on their real cores, joined by hand."""

import pytest
from pydantic import TypeAdapter

from coordinator.accounts.quota import Quota
from coordinator.admission.rate_limits import RateLimited, Rates
from coordinator.cluster.peers import gossip
from coordinator.cluster.peers.gossip import HINT_S, WHOLE_S, Gossip
from coordinator.cluster.protocol.gossip_messages import MAX_TOLD, Charges, Gossiped, Hints, Rests, Use
from coordinator.scheduler.prefix_affinity import PromptPrefixes, prompt_prefixes
from coordinator.scheduler.state import JobSpec
from tests.coordinator.dispatch.driver import REQUEST, Driver, M
from wire.chat import ChatRequest, Message

CODEC: TypeAdapter[Gossiped] = TypeAdapter(Gossiped)
QUOTA = Quota(rpm=60, tpm=0, concurrency=2)
CHAIN = (("k", QUOTA),)


class One:
    """A replica: its dispatch, its edge's rates, and its gossip."""

    def __init__(self, me: str) -> None:
        self.me = me
        self.driver = Driver()
        self.rates = Rates()
        self.gossip = Gossip(me, self.driver.dispatch, self.rates)

    @property
    def now(self) -> float:
        return self.driver.now

    def due(self) -> list[Gossiped]:
        """What it tells now, as it comes out of the bus."""
        return [CODEC.validate_json(CODEC.dump_json(each)) for each in self.gossip.due(self.now)]

    def tells(self, *others: "One") -> None:
        for message in self.due():
            for other in others:
                other.gossip.heard(self.me, message, other.now)


def prompt(*steps: int, session: int = 0) -> PromptPrefixes:
    """Beginnings of 100 tokens each."""
    tokens = tuple(100 * (number + 1) for number in range(len(steps)))
    return PromptPrefixes(steps, tokens, tokens[-1] if tokens else 0, session)


def test_only_what_changed_is_told_and_only_once() -> None:
    one = One("a")
    assert [type(each) for each in one.due()] == [Use], "what runs under all keys: nothing"
    assert one.due() == []
    one.driver.join("w1")
    one.driver.submit("j1")
    one.driver.accepts("w1", "j1")
    one.driver.delta("w1", "j1", tokens="a")
    one.rates.start(CHAIN, 5, one.now)
    assert [type(each) for each in one.due()] == [Charges, Use, Hints]
    one.driver.fails("w1", "j1", seq=1)
    assert [type(each) for each in one.due()] == [Rests, Rests], "of the worker, and of its owner"
    assert one.due() == []


def test_what_is_heard_shapes_what_is_decided_and_is_not_told_on() -> None:
    here, there = One("a"), One("b")
    here.driver.join("w1")
    here.driver.submit("j1")
    here.driver.accepts("w1", "j1")
    here.driver.fails("w1", "j1")
    for _ in range(60):
        here.rates.request(CHAIN, here.now)
    here.tells(there)
    assert there.driver.dispatch.resting(there.now).keys() == {"gpus/w1"}
    with pytest.raises(RateLimited):
        there.rates.request(CHAIN, there.now)
    assert [type(each) for each in there.due()] == [Use], "of its own"


def test_what_runs_under_a_key_is_said_whole_every_few_seconds_so_that_a_lost_word_holds_no_place() -> None:
    here, there = One("a"), One("b")
    here.rates.start(CHAIN, 1, here.now)
    here.rates.start(CHAIN, 1, here.now)
    here.tells(there)
    here.rates.end(CHAIN)
    here.rates.end(CHAIN)
    here.due()  # lost on the way
    with pytest.raises(RateLimited):
        there.rates.start(CHAIN, 1, there.now)
    here.driver.now += WHOLE_S
    here.tells(there)
    there.rates.start(CHAIN, 1, there.now)


def test_rests_and_blocks_are_told_again_to_whoever_was_cut_off_by_the_replica_of_the_fault_alone() -> None:
    here, there, third = One("a"), One("b"), One("c")
    here.driver.join("w1")
    here.driver.submit("j1")
    here.driver.accepts("w1", "j1")
    here.driver.fails("w1", "j1")
    spec = JobSpec("j2", "client", M, REQUEST, 1)
    here.driver.dispatch._state.poison.block(spec, here.now)
    here.due()  # lost on the way
    here.driver.now += WHOLE_S
    here.tells(there)
    there.driver.now += WHOLE_S
    there.tells(third)
    for one, knows in ((there, True), (third, False)):
        assert bool(one.driver.dispatch.resting(one.now)) == knows
        assert bool(one.driver.dispatch._state.poison.blocked(spec, one.now)) == knows


def test_what_runs_at_a_replica_that_is_gone_does_not_count() -> None:
    here, there = One("a"), One("b")
    for _ in range(2):
        here.rates.start(CHAIN, 1, here.now)
    here.tells(there)
    there.gossip.gone("a")
    there.rates.start(CHAIN, 1, there.now)


def test_the_cell_that_has_read_the_turn_before_is_hinted_to_every_replica() -> None:
    here, there = One("a"), One("b")
    here.driver.join("w1")
    first, answer = Message(role="user", content="hello"), Message(role="assistant", content="abc")
    here.driver.submit("j1", request=ChatRequest(messages=(first,), max_tokens=9))
    here.driver.serves(*here.driver.started())
    here.tells(there)
    next_turn = prompt_prefixes(ChatRequest(messages=(first, answer, first), max_tokens=9), "client")
    expected = ("a", next_turn.tokens[0])
    assert there.gossip.hinted(next_turn, there.now) == here.gossip.hinted(next_turn, here.now) == expected
    strangers = prompt_prefixes(ChatRequest(messages=(first, answer, first), max_tokens=9), "another")
    assert there.gossip.hinted(strangers, there.now) is None
    assert there.gossip.hinted(next_turn, there.now + HINT_S) is None


def test_the_longest_beginning_counts_and_a_session_for_half_of_the_prompt() -> None:
    one = One("a")
    one.gossip.heard("b", Hints("b", (1,)), one.now)
    one.gossip.heard("c", Hints("c", (2, 77)), one.now)
    assert one.gossip.hinted(prompt(1, 2, 3), one.now) == ("c", 200)
    assert one.gossip.hinted(prompt(1, 4, 5), one.now) == ("b", 100)
    assert one.gossip.hinted(prompt(1, 4, 5, 6, session=77), one.now) == ("c", 200)
    assert one.gossip.hinted(prompt(9), one.now) is None


def test_hints_are_bounded_and_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gossip, "HINTS", 10)
    one = One("a")
    one.gossip.heard("b", Hints("b", tuple(range(1, 101))), one.now)
    one.gossip.heard("b", Hints("b", (91,)), one.now)
    one.gossip.heard("c", Hints("c", (500,)), one.now)
    assert [n for n in range(1, 101) if one.gossip.hinted(prompt(n), one.now)] == [91, *range(93, 101)]


def test_who_joins_hears_all_that_holds() -> None:
    old, joiner = One("a"), One("c")
    old.driver.join("w1")
    old.driver.submit("j1", account="greedy")
    old.driver.accepts("w1", "j1")
    old.driver.fails("w1", "j1")
    old.rates.start(CHAIN, 1, old.now)
    for _ in range(45):
        old.rates.request(CHAIN, old.now)
    old.gossip.heard("b", Hints("b", (1,)), old.now)
    old.due()
    snapshot = [CODEC.validate_json(CODEC.dump_json(message)) for message in old.gossip.snapshot(old.now)]
    for again in (False, True):
        for message in snapshot:
            joiner.gossip.stands("a", message, joiner.now, again=again)
    assert joiner.driver.dispatch.resting(joiner.now).keys() == {"gpus/w1"}
    assert joiner.gossip.hinted(prompt(1), joiner.now) == ("b", 100)
    assert joiner.rates.headers(CHAIN, joiner.now)["x-ratelimit-remaining-requests"] == "15"
    joiner.rates.start(CHAIN, 1, joiner.now)
    with pytest.raises(RateLimited, match="2 requests at a time"):
        joiner.rates.start(CHAIN, 1, joiner.now)


def test_what_was_heard_on_the_way_is_not_counted_twice() -> None:
    """What the others tell all, while one who has just joined waits for what there is to know, is a part of that."""
    old, joiner = One("a"), One("c")
    old.due()
    for _ in range(20):
        old.rates.request(CHAIN, old.now)
    old.driver.dispatch._state.fleet.owners.finished("owner")
    old.tells(joiner)
    for message in old.gossip.snapshot(old.now):
        joiner.gossip.stands("a", message, joiner.now, again=False)
    assert joiner.rates.headers(CHAIN, joiner.now)["x-ratelimit-remaining-requests"] == "40"
    before = joiner.driver.dispatch._state.fleet.owners.of("owner").credit
    for message in old.gossip.snapshot(old.now):
        joiner.gossip.stands("a", message, joiner.now, again=True)
    assert joiner.driver.dispatch._state.fleet.owners.of("owner").credit == before


def test_what_has_no_room_in_one_message_follows_in_another() -> None:
    one = One("a")
    for number in range(MAX_TOLD + 1):
        one.rates.request(((f"k{number}", QUOTA),), one.now)
    assert [len(each.items) for each in one.due() if isinstance(each, Use)] == [MAX_TOLD, 1, 0]
