"""The query of an estimate: the sizes and lengths of the real requests, with their bounds."""

import pytest

from coordinator.media.price import units
from coordinator.openai.media.estimate import read_making
from tests.coordinator.media_catalog import DRAWS, FILMS
from wire.errors import SupernetError
from wire.media_catalog import MediaDefaults, MediaLimits, MediaSpec

PLAYS = MediaSpec(
    id="plays",
    name="Plays",
    tools=("generate_music",),
    pipeline="AceStepPipeline",
    repository="x/plays",
    defaults=MediaDefaults(steps=8),
    limits=MediaLimits(seconds=60),
    price=500_000,
    licence="MIT",
)


@pytest.mark.parametrize(
    ("spec", "query", "pieces", "asked"),
    [
        (DRAWS, {}, 1, {"n": 1, "size": "64x64"}),
        (DRAWS, {"n": "3", "size": "128x64"}, 3, {"n": 3, "size": "128x64"}),
        (FILMS, {"seconds": "4"}, 4, {"n": 1, "size": "64x48", "seconds": 4, "fps": 8, "frames": 33}),
        (PLAYS, {"seconds": "10"}, 10, {"n": 1, "seconds": 10}),
        (PLAYS, {}, 30, {"n": 1, "seconds": 30}),
    ],
)
def test_what_would_be_made(spec: MediaSpec, query: dict[str, str], pieces: int, asked: dict[str, object]) -> None:
    make, n, understood = read_making(spec, query)
    assert (n * units(make), understood) == (pieces, asked)


@pytest.mark.parametrize(
    ("spec", "query", "param"),
    [
        (DRAWS, {"n": "0"}, "n"),
        (DRAWS, {"n": "-1"}, "n"),
        (DRAWS, {"n": "1.5"}, "n"),
        (DRAWS, {"size": "9999x9999"}, "size"),
        (DRAWS, {"input_tokens": "7"}, "input_tokens"),
        (FILMS, {"seconds": "9"}, "seconds"),
        (PLAYS, {"seconds": "61"}, "seconds"),
        (PLAYS, {"size": "64x64"}, "size"),
    ],
)
def test_what_cannot_be_made_has_no_price(spec: MediaSpec, query: dict[str, str], param: str) -> None:
    with pytest.raises(SupernetError) as refused:
        read_making(spec, query)
    assert refused.value.param == param
