import pytest

from coordinator.admission.blob_budget import BlobBudget
from wire.errors import SupernetError


def test_files_beyond_the_budget_are_refused_until_others_have_ended() -> None:
    budget, first, second = BlobBudget(10), {"a": b"123456"}, {"b": b"12345"}
    budget.check(first)
    budget.take(first)
    with pytest.raises(SupernetError) as refused:
        budget.check(second)
    assert refused.value.row.status == 503
    assert refused.value.retry_after_s
    budget.check({})  # a request without pictures is not held up by those of others
    budget.give_back(first)
    assert (budget.bytes, first) == (0, {})
    budget.check(second)


def test_what_fits_exactly_is_taken() -> None:
    budget, files = BlobBudget(10), {"a": b"12345", "b": b"67890"}
    budget.check(files)
    budget.take(files)
    assert budget.bytes == 10
