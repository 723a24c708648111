"""The sequences of the model's cache: what llama.cpp holds, kept in step with the index of it (`prefix_cache`)."""

from collections.abc import Sequence

from worker.bindings.llama import Model
from worker.engine.child.picture_layout import Layout
from worker.engine.child.prefix_cache import Placement, Prefixes


class Sequences:
    """The sequences of the cache: taken by jobs, kept for their prefixes, and emptied, in llama.cpp and in the index.

    What moves nothing in llama.cpp's memory is asked of `prefixes` directly.
    """

    def __init__(self, model: Model, saved_bytes: int) -> None:
        self._model = model
        self.prefixes = Prefixes(
            model.sequences,
            model.context,
            cuttable=not model.hybrid,
            # A gap between separate caches is a second pass over the weights: dear on a GPU, which reads them anew. A
            # CPU computes as much either way, and gains more from the prefix that a job is not put on top of.
            contiguous=not model.unified and model.offloaded,
            shared=model.unified,
            saved_bytes=saved_bytes,
        )

    def take(self, tokens: Sequence[int], layout: Layout) -> tuple[int, int]:
        """Give these tokens a free sequence; which one, and how many of them it holds already. One must be free.

        `layout` says where a picture stands for some of them.
        """
        place = self.prefixes.place(tokens)
        if self._take_over(place, layout.end(place.length)):
            return place.target, place.length
        self.empty(place.target)
        return place.target, 0

    def _take_over(self, place: Placement, end: int) -> bool:
        if place.aside is not None:
            length = self._model.length(place.target)
            if not self._model.fork(place.target, place.aside, length):
                self.empty(place.aside)
        if place.source is None:
            self._model.clear(place.target)
            return True
        if place.source == place.target:
            return self._model.cut(place.target, end, place.state)
        return self._model.fork(place.source, place.target, end, place.state)

    def save_checkpoint(self, seq: int) -> None:
        """Keep the recurrent state of a hybrid model's sequence as it is now."""
        self.prefixes.save_checkpoint(seq, self._model.checkpoint(seq))

    def save(self, seq: int, guesses: int) -> bytes | None:
        """The state of a sequence as it is now, if it could not go back from so many guesses by itself."""
        return self._model.checkpoint(seq) if self._model.hybrid and guesses > self._model.rollback else None

    def settle(self, seq: int, begin: int, drawn: Sequence[int], guesses: int, saved: bytes | None) -> int:
        """A decode put a token and then so many guesses into a sequence, from `begin` on, and these were drawn; returns
        how many tokens it holds now. Those behind are cut off: from the first that was not drawn where the state goes
        back so far, else all of them, to the state that was `saved` before; and if it cannot go back it is emptied."""
        end, refused = begin + 1 + len(drawn), guesses - len(drawn)
        self.prefixes.grow(seq, drawn)
        if not refused:
            return end
        if saved is not None and refused > self._model.rollback:
            end = begin
            self.prefixes.shrink(seq, begin)
        else:
            saved = None
        if self._model.cut(seq, end, saved):
            return end
        self.empty(seq)
        return 0

    def empty(self, seq: int) -> None:
        """Drop the tokens of a sequence. A running job keeps its place in it."""
        self._model.clear(seq)
        self.prefixes.forget(seq)

    def release(self, seq: int) -> None:
        """Free the sequence of a job that has ended; its prefix stays for other jobs while there is room."""
        self.prefixes.release(seq)
        while (surplus := self.prefixes.evict_surplus()) is not None:
            self._model.clear(surplus)

    def make_room(self) -> bool:
        """Drop the prefix that is worth least of those that no job uses; False: there is none."""
        seq = self.prefixes.evict()
        if seq is not None:
            self._model.clear(seq)
        return seq is not None
