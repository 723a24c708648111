"""A chat as work: what its request says, and the arithmetic of fairness and placement, under one roof."""

import pytest

from coordinator.scheduler import fairness
from coordinator.scheduler.media_work import MediaWork
from coordinator.scheduler.placement import Candidate, expected_s
from coordinator.scheduler.prefix_affinity import prompt_prefixes
from coordinator.scheduler.work import work
from tests.coordinator.dispatch.driver import REQUEST, seeing
from tests.coordinator.media.making import PICTURE, offer
from wire.blobs import VISION
from wire.chat import Sampling
from wire.offers import ModelOffer
from wire.request import UnknownRequest


def test_a_chat_is_its_prompt_and_the_tokens_that_it_asks_for() -> None:
    asked = REQUEST.model_copy(update={"sampling": Sampling(top_logprobs=3), "max_tokens": 10})
    chat = work(asked, "a", "session")
    assert (chat.tokens, chat.top_logprobs) == (10, 3)
    assert chat.prefixes == prompt_prefixes(asked, "a", "session") != prompt_prefixes(asked, "b", "session")


def test_a_chat_costs_its_prompt_and_its_answer_and_takes_as_long_as_both() -> None:
    chat, idle = work(REQUEST, "a"), Candidate("w", busy=2, context=4096, cached=1)
    assert chat.cost(30, 5) == fairness.cost(30, 5)
    assert chat.seconds(idle, 64) == expected_s(idle, chat.prefixes.total, 64)


def test_each_kind_has_its_work_and_a_kind_without_one_is_a_bug() -> None:
    assert isinstance(work(PICTURE, "a"), MediaWork)
    with pytest.raises(KeyError):
        work(UnknownRequest(kind="sketch"), "a")


def test_a_chat_with_a_picture_needs_a_worker_that_sees() -> None:
    assert work(REQUEST, "a").needs == frozenset()
    assert work(seeing(b"red")[0], "a").needs == {VISION}


def test_a_chat_is_done_by_a_model_that_has_what_it_needs() -> None:
    blind, eyes = (ModelOffer(id="m", context=1, slots=1, features=features) for features in ((), (VISION,)))
    chat, sees = work(REQUEST, "a"), work(seeing(b"red")[0], "a")
    assert (chat.lacks(blind), sees.lacks(eyes)) == (None, None)
    assert sees.lacks(blind) == "it sees no pictures"
    assert chat.lacks(offer()) == "it does not chat"
