import pytest

from coordinator.admission import idempotency as module
from coordinator.admission.idempotency import KEPT_S, Idempotency, Kept, Run, fingerprint
from coordinator.filled import Filled
from wire.errors import ErrorCode, SupernetError

ASKED, OTHER = fingerprint("/v1/x", "", b"{}"), fingerprint("/v1/x", "", b"[]")
ANSWER = Kept("application/json", Filled(b"yes"))


def begin(table: Idempotency, account: str = "a", asked: bytes = ASKED, now: float = 0.0) -> Run:
    run = table.begin(account, "k", asked, now)
    assert isinstance(run, Run)
    return run


def refused(table: Idempotency, asked: bytes = ASKED, now: float = 0.0) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        table.begin("a", "k", asked, now)
    assert caught.value.param == "Idempotency-Key"
    return caught.value


def test_the_first_request_runs_the_second_waits_and_then_has_the_same_answer() -> None:
    table = Idempotency()
    run = begin(table)
    error = refused(table)
    assert error.code is ErrorCode.IDEMPOTENCY_CONFLICT and error.retry_after_s
    table.end(run, ANSWER, 1.0)
    assert table.begin("a", "k", ASKED, 2.0) == ANSWER


def test_another_request_under_the_key_is_refused_while_it_runs_and_afterwards() -> None:
    table = Idempotency()
    run = begin(table)
    assert refused(table, OTHER).code is ErrorCode.INVALID_REQUEST
    table.end(run, ANSWER, 1.0)
    assert refused(table, OTHER).code is ErrorCode.INVALID_REQUEST


def test_a_key_is_the_accounts_own() -> None:
    table = Idempotency()
    mine, yours = begin(table), begin(table, account="b", asked=OTHER)
    assert mine.name() != yours.name()
    assert mine.name() == Run("a", "k", OTHER).name(), "the same after a restart"
    assert mine.name() != Run("a", "k", OTHER, attempt=1).name()


def test_what_failed_may_be_tried_again() -> None:
    table = Idempotency()
    table.end(begin(table), None, 1.0)
    begin(table)


def test_an_answer_is_kept_for_a_day() -> None:
    table = Idempotency()
    table.end(begin(table), ANSWER, 0.0)
    assert table.begin("a", "k", ASKED, KEPT_S - 1) == ANSWER
    begin(table, now=KEPT_S)
    assert len(table) == 1


def test_memory_is_bounded_in_number_and_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    monkeypatch.setattr(module, "MOST_BYTES_EACH", 60)
    table = Idempotency()
    for i in range(10):
        table.end(begin(table, account=f"x{i}"), Kept("", Filled(b"1234567890")), 0.0)
        assert len(table) <= 3
    for account in "bc":
        table.end(begin(table, account=account), Kept("", Filled(b"." * 55)), 0.0)
    assert len(table) == 1, "two of 55 bytes are too much together"
    table.end(begin(table), Kept("", Filled(b"." * 61)), 0.0)
    assert refused(table).retry_after_s is None, "too long to be kept: charged all the same"
