"""Where the pictures of a prompt lie among its tokens: which rows are theirs, and at which positions.

A row of a picture counts like a token: in the context, in usage, in slices and in prefixes. But it is computed from the
picture's vectors, never in one decode with tokens, and its position is not its index: all rows of a picture stand at
the position of the first, told apart by line and column, and the text behind goes on as many positions further as the
picture is wide or high, whichever is more (M-RoPE, the rule of Qwen's models). So an index never says where to cut.
"""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from worker.engine.port import Placed

_ROWS_OF_A_HASH = 8  # a SHA-256 is eight numbers of 32 bits


class Layout:
    """The pictures of one prompt, in their order. Without any, a position is an index."""

    def __init__(self, pictures: Sequence[Placed]) -> None:
        self._pictures = pictures

    @property
    def pictures_end(self) -> int:
        """Index of the token behind the last picture; 0: there is none."""
        return self._pictures[-1].end if self._pictures else 0

    def picture(self, index: int) -> Placed | None:
        """The picture whose row has this index; None: it is a token."""
        for one in self._pictures:
            if one.at <= index < one.end:
                return one
        return None

    def until_change(self, index: int) -> int:
        """Rows from this index on that are of one kind: tokens, or one picture's; 0: all that are left."""
        for one in self._pictures:
            if index < one.end:
                return (one.at if index < one.at else one.end) - index
        return 0

    def position(self, index: int) -> int:
        """The position of the row with this index."""
        return self._position(index, 0) if self._pictures else index

    def end(self, count: int) -> int:
        """The first position that a sequence with the first `count` rows has nothing at.

        Of a picture that is begun and not ended no row can be cut off, as all have one position: the end is behind it.
        """
        return self._position(count, 1)

    def _position(self, index: int, inside: int) -> int:
        saved = 0  # positions that pictures before it did not use
        for one in self._pictures:
            if index <= one.at:
                break
            if index < one.end:
                return one.at - saved + inside
            saved += one.end - one.at - max(one.columns, one.rows)
        return index - saved

    def keyed(self, prompt: Sequence[int]) -> list[int]:
        """The prompt with a key in place of each row of a picture: what a prefix of it is known again by."""
        rows = list(prompt)
        for one in self._pictures:
            rows[one.at : one.end] = _keys(one)
        return rows

    def text(self, prompt: Sequence[int]) -> Sequence[int]:
        """The prompt without the rows of pictures."""
        if not self._pictures:
            return prompt
        return [token for index, token in enumerate(prompt) if not self.picture(index)]


def _keys(picture: Placed) -> list[int]:
    """31 bits for each row, below 0 where no token is. They come from all of the picture and from the row, so that
    nobody can make another picture that begins alike: 16 bits can be tried out, and then an answer is about the picture
    of somebody else."""
    count = picture.columns * picture.rows
    whole = f"{picture.digest} {picture.columns} {picture.rows}".encode()
    hashes = (sha256(b"%s %d" % (whole, block)).digest() for block in range(-(-count // _ROWS_OF_A_HASH)))
    numbers = np.frombuffer(b"".join(hashes), np.uint32)[:count] | np.uint32(1 << 31)
    keys: list[int] = numbers.view(np.int32).tolist()
    return keys


def misplaced(prompt: int, anchors: Sequence[int], pictures: Sequence[Placed], most: int) -> str:
    """What is wrong with the pictures of a prompt of so many tokens, none of which may have more than `most`; empty if
    nothing is."""
    free = 0
    for one in pictures:
        if one.columns < 1 or one.rows < 1 or one.at < free:
            return "a picture is empty, or begins inside the one before"
        if one.end - one.at > most:
            return f"a picture has {one.end - one.at} tokens, and {most} are the most"
        if one.end >= prompt:
            return "a picture must have text behind it"
        if any(one.at < anchor < one.end for anchor in anchors):
            return "an anchor lies inside a picture"
        free = one.end
    return ""
