"""Pictures read by our own decodes, beside llama.cpp's own way of reading them: the same numbers, to the last bit."""

from collections.abc import Iterator
from pathlib import Path

import llama_cpp.llama_cpp as lib
import numpy as np
import pytest

from tests.worker.bindings.pictures import Part, by_helper, picture
from wire.errors import ErrorCode, SupernetError
from wire.pictures import PATCH
from worker.bindings.encoder import Stopped
from worker.bindings.llama import Feed, Model
from worker.bindings.mtmd import MOST_TOKENS, Projector
from worker.bindings.picture_batch import Patch
from worker.engine.child.picture_layout import Layout
from worker.engine.child.sampler import Row
from worker.engine.pipe import TO_ENGINE
from worker.engine.port import EngineSpec, Picture, Placed

PARTS: list[Part] = ["who is on this? ", picture(1, 8, 6), " and on this one? ", picture(2, 3, 5), " tell me more"]
Seen = tuple[Model, Projector]


@pytest.fixture(params=["unified", "separate"])
def eyes(request: pytest.FixtureRequest, tiny_qwen35: Path, tiny_eyes: Path) -> Iterator[Seen]:
    spec = EngineSpec(
        str(tiny_qwen35),
        slots=3,
        context=256,
        batch=128,
        unified=request.param == "unified",
        projector=str(tiny_eyes),
        image_tokens=64,
    )
    model = Model(spec)
    projector = Projector(model, spec)
    yield model, projector
    projector.close()
    model.close()


class Reader:
    """Reads texts and pictures into a sequence of a model, as the engine does it, in slices of `most` rows."""

    def __init__(self, eyes: Seen, read: list[list[int] | Picture], seq: int, most: int) -> None:
        self._model, self._seq, self._most = eyes[0], seq, most
        self._encoded = {}
        tokens: list[int] = []
        placed = []
        for part in read:
            if isinstance(part, Picture):
                found = self._encoded[part.id] = eyes[1].encode(part.width, part.height, part.rgb, lambda: True)
                one = Placed(len(tokens), found.columns, len(found.vectors) // found.columns, part.id)
                placed.append(one)
                tokens += [0] * (one.end - one.at)
            else:
                tokens += part
        self.layout, self.tokens, self.done = Layout(placed), tokens, 0

    def step(self) -> bool:
        """Decode the next slice; whether it was the last one."""
        begin = self.done
        until = self.layout.until_change(begin) or len(self.tokens)
        count = min(self._most, until, len(self.tokens) - begin)
        patch = None
        if one := self.layout.picture(begin):
            first = begin - one.at
            patch = Patch(self._encoded[one.digest].vectors[first : first + count], first, one.columns)
        self.done += count
        last = self.done == len(self.tokens)
        tokens = self.tokens[begin : self.done]
        assert self._model.decode([Feed(self._seq, self.layout.position(begin), tokens, last, patch)]) == 0
        return last

    def finish(self) -> Row:
        while not self.step():
            pass
        row: Row = self._model.logits()[0].copy()
        return row


@pytest.mark.parametrize("most", [128, 20, 7, 1])
def test_logits_behind_pictures_are_the_helpers_in_slices_of_any_size(eyes: Seen, most: int) -> None:
    """The helper reads in slices of that size too: some processors multiply one row by another kernel than many rows,
    and round otherwise. Beside its slices of any other size the numbers are the same but for that."""
    read, expected = by_helper(*eyes, PARTS, seq=0, rows=most)
    assert [type(part) for part in read] == [list, Picture, list, Picture, list]
    found = Reader(eyes, read, 1, most).finish()
    np.testing.assert_array_equal(found, expected)
    _, whole = by_helper(*eyes, PARTS, seq=2, rows=128)
    np.testing.assert_allclose(found, whole, atol=0.01)


def test_a_stream_between_two_slices_changes_neither(eyes: Seen) -> None:
    model = eyes[0]
    read, expected = by_helper(*eyes, PARTS, seq=0, rows=128)

    def stream(at: int) -> Row:
        assert model.decode([Feed(2, at, [9 + at], True)]) == 0
        row: Row = model.logits()[0].copy()
        return row

    alone = [stream(at) for at in range(12)]
    model.clear(2)
    reader = Reader(eyes, read, 1, 7)
    for at in range(12):
        np.testing.assert_array_equal(stream(at), alone[at])
        reader.step()
    np.testing.assert_array_equal(reader.finish(), expected)


def test_rows_of_two_pictures_in_two_sequences_share_a_decode(eyes: Seen) -> None:
    model, projector = eyes
    shown = [picture(1, 8, 6), picture(2, 3, 5)]
    by_itself = [
        by_helper(model, projector, ["see ", one, " well"], seq=seq, rows=128) for seq, one in enumerate(shown)
    ]
    readers = [Reader(eyes, read, seq, 128) for seq, (read, _) in enumerate(by_itself)]
    feeds = []
    for seq, (reader, one) in enumerate(zip(readers, shown, strict=True)):
        model.clear(seq)
        head = reader.layout.until_change(0)
        assert model.decode([Feed(seq, 0, reader.tokens[:head], False)]) == 0
        vectors, columns = projector.encode(one.width, one.height, one.rgb, lambda: True)
        feeds.append(Feed(seq, head, [0] * len(vectors), False, Patch(vectors, 0, columns)))
    assert model.decode(feeds) == 0
    for seq, reader in enumerate(readers):
        begin = feeds[seq].start + len(feeds[seq].tokens)
        assert model.decode([Feed(seq, reader.layout.position(begin), reader.tokens[begin:], True)]) == 0
        np.testing.assert_array_equal(model.logits()[0], by_itself[seq][1])


def test_positions_that_are_indices_give_another_answer(eyes: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing complains of it: only the numbers tell."""
    read, expected = by_helper(*eyes, PARTS, seq=0, rows=128)
    monkeypatch.setattr(Layout, "position", lambda self, index: one.at if (one := self.picture(index)) else index)
    assert not np.array_equal(Reader(eyes, read, 1, 128).finish(), expected)


def test_tokens_and_pictures_in_one_decode_are_refused(eyes: Seen) -> None:
    model = eyes[0]
    patch = Patch(np.zeros((2, model.width), np.float32), 0, 2)
    token, rows = Feed(0, 0, [1], False), Feed(1, 0, [0, 0], False, patch)
    for feeds in ([token, rows], [rows, token], [rows._replace(draws=True)]):
        with pytest.raises(ValueError, match="in a decode of"):
            model.decode(feeds)
    with pytest.raises(ValueError, match="3 rows of a picture with vectors"):
        model.decode([rows._replace(tokens=[0] * 3)])


# ---- the encoder


def test_an_encode_can_be_watched_and_given_up_between_layers(eyes: Seen) -> None:
    one, projector = picture(1, 8, 6), eyes[1]
    asked = []
    whole = projector.encode(one.width, one.height, one.rgb, lambda: not asked.append(True))  # type: ignore[func-returns-value]
    assert len(asked) == 2 and whole.vectors.shape == (48, eyes[0].width) and whole.columns == 8
    with pytest.raises(Stopped):
        projector.encode(one.width, one.height, one.rgb, lambda: False)
    again = projector.encode(one.width, one.height, one.rgb, lambda: True)
    np.testing.assert_array_equal(again.vectors, whole.vectors)


def test_too_few_pixels_are_refused_and_not_read_past_their_end(eyes: Seen) -> None:
    one = picture(1, 2, 2)
    for width, height in ((64, 65), (0, 64), (64, 0), (-1, -1)):
        with pytest.raises(SupernetError, match="bytes for") as caught:
            eyes[1].encode(width, height, one.rgb, lambda: True)
        assert caught.value.code is ErrorCode.ENGINE_ERROR


@pytest.mark.parametrize("wrong", ["missing", "a model of text", "eyes of another model", "cut short"])
def test_what_is_no_projector_of_this_model_is_refused_with_a_reason(
    wrong: str, tiny_qwen35: Path, tiny_qwen3: Path, tiny_eyes: Path, tmp_path: Path
) -> None:
    path = tmp_path / "eyes.gguf"
    if wrong == "a model of text":
        path = tiny_qwen35
    elif wrong == "cut short":
        path.write_bytes(tiny_eyes.read_bytes()[:-100_000])
    elif wrong == "eyes of another model":
        path = tiny_eyes
    spec = EngineSpec(
        str(tiny_qwen3 if wrong == "eyes of another model" else tiny_qwen35),
        slots=1,
        context=64,
        batch=64,
        projector=str(path),
    )
    model = Model(spec)
    with pytest.raises(SupernetError) as caught:
        Projector(model, spec)
    assert caught.value.code is ErrorCode.MODEL_NOT_LOADED
    assert path.name in caught.value.message
    model.close()


@pytest.mark.parametrize("most", [0, MOST_TOKENS + 1])
def test_pictures_that_could_not_be_sent_are_refused_at_load(most: int, tiny_qwen35: Path, tiny_eyes: Path) -> None:
    spec = EngineSpec(str(tiny_qwen35), slots=1, context=64, batch=64, projector=str(tiny_eyes), image_tokens=most)
    model = Model(spec)
    with pytest.raises(SupernetError, match="image_tokens must be 1 to"):
        Projector(model, spec)
    model.close()


def test_the_largest_picture_fits_into_a_line_to_the_engine() -> None:
    rows = MOST_TOKENS // 50
    assert TO_ENGINE.encode(Picture("f" * 64, 50 * PATCH, rows * PATCH, bytes(3 * 50 * rows * PATCH**2)))


def test_nothing_is_printed_while_all_goes_well(eyes: Seen, capfd: pytest.CaptureFixture[str]) -> None:
    read, _ = by_helper(*eyes, PARTS, seq=0, rows=128)
    Reader(eyes, read, 1, 20).finish()
    assert capfd.readouterr() == ("", "")


def test_eyes_use_flash_attention_whatever_the_model_does(tiny_qwen35: Path, tiny_eyes: Path) -> None:
    """A plan for the CPU alone goes without it for the model, and the eyes of such a worker took five times as long."""
    spec = EngineSpec(str(tiny_qwen35), slots=1, context=256, projector=str(tiny_eyes), flash_attention=False)
    model = Model(spec)
    projector = Projector(model, spec)
    assert projector._params.flash_attn_type == lib.LLAMA_FLASH_ATTN_TYPE_AUTO
    projector.close()
    model.close()
