"""The vocabulary of a GGUF file: text to tokens and back, without the weights."""

import ctypes
import functools
import os
import re
from typing import Any

import llama_cpp.llama_cpp as lib

from worker.bindings.backend import refused, start_backend

# HTML's </s> is a word of Qwen's vocabulary; llama.cpp takes it for the end of a turn because other models end so.
_TEXT = b"</s>"


class Vocab:
    """The tokens of a GGUF file, loaded without its weights. Implements `chat.prepared.Tokenizer`; thread-safe.

    `handle` shares the vocabulary of a loaded model in place of reading the file again.
    """

    def __init__(self, path: str, handle: Any = None) -> None:
        start_backend()
        if handle is None:
            params = lib.llama_model_default_params()
            params.vocab_only = True
            # Else llama.cpp asks every GPU for its free memory first, and that alone opens a CUDA context on each: some
            # hundred MiB that stay taken, and a card that an engine cannot share in exclusive mode.
            no_devices = (ctypes.c_void_p * 1)(None)
            params.devices = ctypes.addressof(no_devices)
            handle = lib.llama_model_load_from_file(path.encode(), params)
            if not handle:
                raise refused(f"cannot read the vocabulary of {os.path.basename(path)}")
        self._vocab = lib.llama_model_get_vocab(handle)
        self.size = lib.llama_vocab_n_tokens(self._vocab)
        template = lib.llama_model_chat_template(handle, None)
        self.template = template.decode("utf-8", "replace") if template else ""
        self._pieces: dict[int, bytes] = {}
        marked = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_USER_DEFINED
        ends = {lib.llama_vocab_eos(self._vocab), lib.llama_vocab_eot(self._vocab)}
        marks = [i for i in range(self.size) if lib.llama_vocab_get_attr(self._vocab, i) & marked]
        marks = [i for i in marks if i in ends or self.piece(i) != _TEXT]
        self.special = {self.piece(i).decode("utf-8", "replace"): i for i in marks}
        spelled = (text for text in self.special if len(text) > 1 and not text.isspace())
        self._marks = re.compile("|".join(map(re.escape, spelled)) or "(?!)")
        self.eog = frozenset(i for i in {*ends, *marks} if i >= 0 and lib.llama_vocab_is_eog(self._vocab, i))

    @functools.cached_property
    def longest(self) -> int:
        """Bytes of the longest token."""
        return max(len(self.piece(token)) for token in range(self.size))

    def tokenize(self, text: str) -> list[int]:
        """Tokens of plain text: none of them special, whatever the text says.

        llama.cpp leaves control tokens alone when asked to, but still reads user-defined ones (`<think>`,
        `<tool_call>`) out of any text; so the text is cut behind the first letter of each.
        """
        tokens: list[int] = []
        begin = 0
        while match := self._marks.search(text, begin):
            tokens += self._tokenize(text[begin : match.start() + 1])
            begin = match.start() + 1
        return tokens + self._tokenize(text[begin:])

    def _tokenize(self, text: str) -> list[int]:
        data = text.encode("utf-8", "replace")  # a lone surrogate from JSON has no UTF-8 form
        room = len(data) + 8
        while True:
            found = (lib.llama_token * room)()
            count = lib.llama_tokenize(self._vocab, data, len(data), found, room, False, False)
            if count >= 0:
                return found[:count]
            room = -count

    def piece(self, token: int) -> bytes:
        """The bytes of a token. Raises IndexError for a number that is no token."""
        known = self._pieces.get(token)
        if known is not None:
            return known
        if not 0 <= token < self.size:
            raise IndexError(f"token {token} is outside the vocabulary of {self.size}")
        room = 64
        while True:
            found = ctypes.create_string_buffer(room)
            count = lib.llama_token_to_piece(self._vocab, token, found, room, 0, True)
            if count >= 0:
                self._pieces[token] = found.raw[:count]
                return self._pieces[token]
            room = -count
