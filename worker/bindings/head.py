"""The prediction head (MTP) of a model that has one: a layer of its own, in a context of its own, that guesses tokens.

It reads what the model has computed: each row is a token and the model's hidden state at the token before it. Its cache
holds the same sequences as the model's, and is cut, copied and cleared along with it. What it guesses is only ever a
guess, so where a state is not known it makes do without, and where it fails it guesses nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np
from llama_cpp import llama_cpp_ext as ext
from numpy.typing import NDArray

from worker.bindings.feed import Feed
from worker.bindings.token_batch import TokenBatch
from worker.bindings.trail import Trail

_Rows = tuple[int, NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], bool]


class Head:
    """Guesses for up to `sequences` sequences. `model`, `main`, `context`: llama.cpp's model, its context and the
    head's, each of which takes `rows` at once. One thread at a time, the model's own."""

    def __init__(self, model: Any, main: Any, context: Any, sequences: int, rows: int) -> None:
        self._main, self._context = main, context
        self._memory = lib.llama_get_memory(context)
        self._width = int(lib.llama_model_n_embd_out(model))
        self._vocab = int(lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model)))
        self._batch, self._most = TokenBatch(rows, self._width), rows
        self._trails = [Trail(self._width) for _ in range(sequences)]
        self._unread: Sequence[Feed] = ()
        ext.llama_set_embeddings_nextn(main, True, False)  # of every row
        ext.llama_set_embeddings_nextn(context, True, True)  # of the rows that draw

    def computed(self, feeds: Sequence[Feed]) -> None:
        """The model has these on their way."""
        self._unread = feeds

    def follow(self) -> None:
        """Take up what the model has computed since the last time; waits for it. Prompts are read at once, streams when
        they are to be guessed."""
        if not (feeds := self._unread):
            return
        self._unread = ()
        lib.llama_synchronize(self._main)
        count = sum(len(feed.tokens) for feed in feeds)
        states = np.ctypeslib.as_array(ext.llama_get_embeddings_nextn(self._main), (count, self._width))
        end, prompts = 0, []
        for feed in feeds:
            begin, end = end, end + len(feed.tokens)
            trail = self._trails[feed.seq]
            if feed.patch:
                trail.note_unknown()
                continue
            trail.note(feed.start, feed.tokens, states[begin:end])
            if len(feed.tokens) > feed.draws:
                prompts.append(feed.seq)
            else:
                trail.trim()
        self._read(prompts)

    def guess(self, last: Mapping[int, int], counts: Mapping[int, int]) -> dict[int, list[int]]:
        """The likeliest next tokens of these sequences, so many of each, behind the `last` one, which is drawn and not
        computed yet. Empty where it cannot guess."""
        self.follow()
        for seq, token in last.items():
            self.cut(seq, self._trails[seq].end)  # what was guessed before, if nothing came of it
            self._trails[seq].add(token)
        rows = self._read(sorted(last), draws=True)
        guesses: dict[int, list[int]] = {seq: [] for seq in last}
        at = {seq: self._trails[seq].read for seq in last}
        while rows:
            for seq, (token, _) in rows.items():
                guesses[seq].append(token)
            going = [seq for seq in rows if len(guesses[seq]) < counts[seq]]
            rows = self._decode(
                [
                    (seq, np.array([rows[seq][0]]), np.array([at[seq] + len(guesses[seq]) - 1]), rows[seq][1], True)
                    for seq in going
                ]
            )
        for seq in last:
            if len(guesses[seq]) > 1:
                lib.llama_memory_seq_rm(self._memory, seq, at[seq], -1)
        return guesses

    def _read(self, sequences: Sequence[int], draws: bool = False) -> dict[int, tuple[int, NDArray[np.float32]]]:
        """Put all that these have not read yet through the head."""
        trails = {seq: self._trails[seq] for seq in sorted(sequences)}
        rows = [(seq, one.tokens, one.positions, one.before, draws) for seq, one in trails.items() if len(one.tokens)]
        found = self._decode(rows)
        for seq, trail in trails.items():
            if not draws or seq in found:
                trail.was_read()
        return found

    def _decode(self, rows: Sequence[_Rows]) -> dict[int, tuple[int, NDArray[np.float32]]]:
        """What the head makes of the last row of each sequence that draws: the likeliest token, and its own state.

        A sequence that it has no room for is forgotten.
        """
        found: dict[int, tuple[int, NDArray[np.float32]]] = {}
        parts = [part for one in rows for part in self._parts(one)]
        while parts:
            end, now = 0, list[_Rows]()
            while parts and end + len(parts[0][1]) <= self._most:
                part = parts.pop(0)
                begin, end = end, end + len(part[1])
                self._fill(begin, end, part)
                now.append(part)
            if lib.llama_decode(self._context, self._batch.of(end)):
                for part in (*now, *parts):
                    self.clear(part[0])
                return {}
            if drawing := [part[0] for part in now if part[4]]:
                found |= self._drawn(drawing)
        return found

    def _parts(self, one: _Rows) -> list[_Rows]:
        """Pieces of at most a batch, of which the last draws if any."""
        seq, tokens, positions, before, draws = one
        cuts = range(0, len(tokens), self._most)
        return [
            (seq, tokens[at : at + self._most], positions[at : at + self._most], before[at : at + self._most],
             draws and at == cuts[-1])
            for at in cuts
        ]  # fmt: skip

    def _fill(self, begin: int, end: int, part: _Rows) -> None:
        seq, tokens, positions, before, draws = part
        batch = self._batch
        batch.tokens[begin:end], batch.positions[begin:end], batch.vectors[begin:end] = tokens, positions, before
        batch.sequences[begin:end], batch.wanted[begin:end] = seq, 0
        batch.wanted[end - 1] = draws

    def _drawn(self, drawing: Sequence[int]) -> dict[int, tuple[int, NDArray[np.float32]]]:
        lib.llama_synchronize(self._context)
        logits = np.ctypeslib.as_array(lib.llama_get_logits(self._context), (len(drawing), self._vocab))
        states = np.ctypeslib.as_array(ext.llama_get_embeddings_nextn(self._context), (len(drawing), self._width))
        return {
            seq: (int(row.argmax()), state[None].copy())
            for seq, row, state in zip(drawing, logits, states, strict=True)
        }

    # ---- memory of sequences -----------------------------------------------------------------------------------

    def clear(self, seq: int) -> None:
        self._trails[seq].clear()
        lib.llama_memory_seq_rm(self._memory, seq, -1, -1)

    def cut(self, seq: int, end: int) -> None:
        """Keep what stands before position `end`."""
        trail = self._trails[seq]
        if end < trail.read:
            lib.llama_memory_seq_rm(self._memory, seq, end, -1)
        trail.cut(end)

    def fork(self, source: int, target: int, end: int) -> None:
        """Make `target`, which is empty, what `source` is before position `end`."""
        lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        if end < self._trails[source].read:
            lib.llama_memory_seq_rm(self._memory, target, end, -1)
        self._trails[target].follow(self._trails[source], end)
