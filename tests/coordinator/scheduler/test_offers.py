"""Offers as the network takes them."""

from coordinator.scheduler.offers import taken
from program.catalog import load_catalog
from tests.coordinator.media.making import PAINTER, offer
from wire.media import MediaOffer
from wire.messages import Hello
from wire.offers import ModelOffer

CATALOG = load_catalog(None).model_copy(update={"media": (PAINTER,)})
CHAT = CATALOG.models[0]


def said(*media: MediaOffer, models: tuple[ModelOffer, ...] = ()) -> tuple[Hello, tuple[str, ...]]:
    return taken(Hello(worker="w", instance="a", models=models, media=media), CATALOG)


def test_a_pipeline_of_the_catalog_is_taken_as_large_as_the_catalog_has_it() -> None:
    vast = offer(max_pixels=2**24, max_frames=2048, max_seconds=600, max_images=6, sha256="F" * 64)
    hello, left_out = said(vast)
    assert hello.media == (offer(),) and not left_out
    small = offer(max_pixels=4096, max_frames=0, max_seconds=5, max_images=1, sha256="f" * 64)
    assert said(small)[0].media == (small,)


def test_modes_of_tools_that_the_entry_does_not_serve_are_left_out() -> None:
    modes = ("generate_video.first", "sound_to_video", "generate_image", "generate_image", "generate_images")
    assert said(offer(modes=modes))[0].media[0].modes == ("generate_video.first", "generate_image")


def test_what_is_not_in_the_catalog_or_offered_twice_is_left_out_with_a_word() -> None:
    hello, left_out = said(offer(), offer(speed=2), offer("other"), offer(CHAT.id))
    assert hello.media == (offer(),)
    assert [sentence.split(":")[0] for sentence in left_out] == [
        "media model painter is offered twice",
        "media model other is not in this network's catalog",
        f"media model {CHAT.id} is not in this network's catalog",
    ]


def test_models_are_taken_beside_it() -> None:
    model = ModelOffer(id=CHAT.id, context=2**24, slots=1, sha256="no hash")
    hello, left_out = said(offer(), models=(model, ModelOffer(id="other", context=1, slots=1)))
    assert [(each.id, each.context, each.sha256) for each in hello.models] == [(CHAT.id, CHAT.context, "")]
    assert hello.media == (offer(),) and len(left_out) == 1


def test_what_is_on_its_way_out_is_taken_as_before_and_the_worker_is_told() -> None:
    offers = Hello(worker="w", instance="a", models=(ModelOffer(id=CHAT.id, context=2**24, slots=1),), media=(offer(),))
    without = CATALOG.model_copy(update={"models": CATALOG.models[1:], "media": ()})
    hello, told = taken(offers, without, {CHAT.id: CHAT, PAINTER.id: PAINTER})
    assert hello.models[0].context == CHAT.context and hello.media == (offer(),)
    assert [sentence.split(" ")[0] for sentence in told] == [CHAT.id, "painter"]
    assert all("no new jobs" in sentence for sentence in told)
    hello, told = taken(offers, without)
    assert not hello.models and not hello.media and len(told) == 2
