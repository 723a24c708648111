from coordinator.dispatch import poison
from coordinator.dispatch.poison import BLOCK_S, PoisonList, fingerprint
from coordinator.scheduler.state import JobSpec
from tests.coordinator.dispatch.driver import REQUEST, M


def blocked_s(blocked: PoisonList, asked: JobSpec, now: float) -> float | None:
    block = blocked.blocked(asked, now)
    return None if block is None else block.until - now


def spec(account: str = "a", tokens: int = 1000, seed: int = 1, model: str = M, job: str = "j") -> JobSpec:
    return JobSpec(job, account, model, REQUEST.model_copy(update={"max_tokens": tokens}), seed)


def test_what_is_asked_is_the_fingerprint_not_the_job_nor_its_seed() -> None:
    assert fingerprint(spec()) == fingerprint(spec(seed=2, job="k"))
    others = [spec("b"), spec(tokens=5), spec(model="n")]
    assert len({fingerprint(other) for other in [spec(), *others]}) == 4


def test_a_block_ends_after_ten_minutes() -> None:
    blocked = PoisonList()
    blocked.block(spec(), 100)
    assert blocked_s(blocked, spec(), 100) == BLOCK_S
    assert blocked_s(blocked, spec(), 100 + BLOCK_S - 1) == 1
    assert blocked_s(blocked, spec("b"), 100) is None
    assert blocked_s(blocked, spec(tokens=5), 100) is None
    assert blocked_s(blocked, spec(), 100 + BLOCK_S) is None


def test_a_second_block_counts_from_its_own_moment() -> None:
    blocked = PoisonList()
    blocked.block(spec(), 0)
    blocked.block(spec(tokens=5), 100)
    blocked.block(spec(), 200)
    assert blocked_s(blocked, spec(tokens=5), 699) == 1
    assert blocked_s(blocked, spec(), 799) == 1


def test_the_list_is_bounded(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(poison, "MOST", 3)
    blocked = PoisonList()
    for tokens in range(1, 6):
        blocked.block(spec(tokens=tokens), 0)
    assert [tokens for tokens in range(1, 6) if blocked_s(blocked, spec(tokens=tokens), 1)] == [3, 4, 5]


# ---- several replicas ------------------------------------------------------------------------------------------------


def test_a_request_that_one_replica_blocks_is_blocked_at_all_until_the_same_moment() -> None:
    here, there = PoisonList(), PoisonList()
    here.block(spec(), 100, frozenset({"alice"}))
    news = here.take_news(101)
    assert here.take_news(101) == []
    there.heard(news, 101)
    assert blocked_s(there, spec(), 101) == BLOCK_S - 1
    assert there.take_news(101) == [], "what was heard is not told again"


def test_of_two_blocks_the_later_end_counts_and_the_owners_of_both() -> None:
    here, there = PoisonList(), PoisonList()
    here.block(spec(), 0, frozenset({"alice"}))
    there.block(spec(), 50, frozenset({"bob"}))
    there.block(spec(tokens=5), 60)
    for one, other in ((here, there), (there, here)):
        other.heard(one.standing(60), 60)
    for each in (here, there):
        block = each.blocked(spec(), 60)
        assert block is not None and block.until == 50 + BLOCK_S and block.owners == {"alice", "bob"}
        assert blocked_s(each, spec(), 49 + BLOCK_S) == 1
        assert blocked_s(each, spec(), 50 + BLOCK_S) is None
        assert blocked_s(each, spec(tokens=5), 59 + BLOCK_S) == 1


def test_what_is_told_again_is_told_by_one_and_ends_no_later_for_that() -> None:
    here, there = PoisonList(), PoisonList()
    here.block(spec(), 0, frozenset({"alice"}))
    there.block(spec(), 50, frozenset({"bob"}))
    for now in range(60, 100, 5):
        told = here.lasting(now), there.lasting(now)
        here.heard(told[1], now + 0.5)  # a while later
        there.heard(told[0], now + 0.5)
    assert here.lasting(100) == [] and len(there.lasting(100)) == 1
    assert blocked_s(here, spec(), 100) == BLOCK_S - 49.5 and blocked_s(there, spec(), 100) == BLOCK_S - 50
    assert there.lasting(50 + BLOCK_S) == []


def test_the_list_is_bounded_by_what_is_heard_too(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    here, there = PoisonList(), PoisonList()
    for tokens in range(1, 6):
        here.block(spec(tokens=tokens), tokens)
    monkeypatch.setattr(poison, "MOST", 3)
    there.heard(here.standing(10), 10)
    assert [tokens for tokens in range(1, 6) if blocked_s(there, spec(tokens=tokens), 10)] == [3, 4, 5]
