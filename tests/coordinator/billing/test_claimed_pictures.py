"""What a worker claims for pictures: an honest claim is paid whole, and none is above the hold."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.dispatch.claims import clamped
from coordinator.ledger.pricing import Served, Tariff, bill
from coordinator.openai.chat_request import parse
from coordinator.prompt_count.texts import special_tokens
from coordinator.request import ChatJob
from tests.coordinator.conftest import CATALOG
from tests.thoroughness import at_most
from wire import pictures
from wire.catalog_text import parse as parse_catalog
from wire.chat import Image, Message, Usage

PLAIN = parse(b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": 7}', parse_catalog(CATALOG, "test"), {})
LONG = 10**6  # tokens: a context that cuts nothing


def job(text: str, images: tuple[Image, ...], context: int = LONG, n: int = 1) -> ChatJob:
    messages = (Message(role="user", content=text, images=images),)
    model = PLAIN.model.model_copy(update={"context": context})
    return replace(PLAIN, request=PLAIN.request.model_copy(update={"messages": messages}), model=model, n=n)


@st.composite
def shown(draw: st.DrawFn) -> tuple[str, tuple[Image, ...], int]:
    """A text with pictures in it, and how many tokens all of them really have."""
    text, images, tokens = draw(st.text(max_size=50)), [], 0
    for at in sorted(draw(st.lists(st.integers(0, len(text)), max_size=pictures.MAX_PICTURES))):
        most = draw(st.sampled_from([pictures.LOW_TOKENS, pictures.MOST_TOKENS]))
        wide, high = draw(st.integers(1, 3000)), draw(st.integers(1, 3000))
        if pictures.fault(wide, high) is None:
            columns, rows = pictures.grid(wide, high, most)
            tokens += columns * rows + pictures.MARK_TOKENS
            images.append(Image(at=at, sha256="a" * 64, size_bytes=1, most=most))
    return text, tuple(images), tokens


@settings(max_examples=at_most(300), deadline=None)
@given(shown())
def test_what_a_picture_really_has_is_believed_beside_what_its_text_is(
    found: tuple[str, tuple[Image, ...], int],
) -> None:
    text, images, tokens = found
    seen, plain = job(text, images), job(text, ())
    assert seen.prompt_bound() >= plain.prompt_bound() + tokens
    assert special_tokens(seen.request) >= special_tokens(plain.request) + tokens
    assert seen.prompt_likely() >= tokens


@settings(max_examples=at_most(300), deadline=None)
@given(shown(), st.integers(0, 2**31 - 1), st.integers(1, 4), st.integers(64, 40_000), st.booleans())
def test_no_claim_costs_more_than_was_held(
    found: tuple[str, tuple[Image, ...], int], claim: int, n: int, context: int, usual: bool
) -> None:
    text, images, _ = found
    asked, tariff = job(text, images, context, n), Tariff(1, 300, 900) if usual else Tariff(1, 900, 300)
    bound = asked.prompt_bound()
    held = asked.most(tariff, bound)
    believed = clamped(Usage(prompt=claim, completion=7), min(bound, asked.prompt_likely())).prompt
    answer = min(7, context - min(believed, context))  # a slot has no more
    served = [Served(believed, "a/w", (("a/w", answer),))] * n
    paid = bill(tariff, bound, held, served, "client", 7000)
    assert paid.charge == n * (believed * tariff.prompt + answer * tariff.completion) <= held


def test_what_a_lie_about_one_picture_can_win() -> None:
    """The smallest one claimed as the largest: 960 tokens, the least part of a thousandth of a dollar."""
    image = Image(at=0, sha256="a" * 64, size_bytes=1, most=pictures.MOST_TOKENS)
    honest = pictures.LEAST_TOKENS + pictures.MARK_TOKENS
    won = special_tokens(job("", (image,)).request) - special_tokens(job("", ()).request) - honest
    assert won == 960
    assert won * 300 < 300_000
