"""The few calls of llama.cpp that tests of the model files need: one sequence, one thread, no sampling."""

import ctypes
from pathlib import Path

import llama_cpp


class Model:
    """The few calls of llama.cpp that a test needs, one sequence, one thread."""

    def __init__(self, path: Path) -> None:
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        assert self.model, f"{path} does not load"
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        shape = llama_cpp.llama_context_default_params()
        shape.n_ctx, shape.n_batch, shape.n_threads, shape.n_threads_batch = 1024, 1024, 1, 1
        self.context = llama_cpp.llama_init_from_model(self.model, shape)

    def close(self) -> None:
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)

    def tokenize(self, text: str) -> list[int]:
        raw = text.encode()
        room = (llama_cpp.llama_token * (len(raw) + 8))()
        count = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), room, len(room), False, True)
        return list(room[:count])

    def text(self, ids: list[int]) -> str:
        pieces = []
        room = ctypes.create_string_buffer(128)
        for token in ids:
            size = llama_cpp.llama_token_to_piece(self.vocab, token, room, len(room), 0, True)
            pieces.append(room.raw[:size])
        return b"".join(pieces).decode(errors="replace")

    def logits(self, ids: list[int]) -> list[float]:
        """Of the next token; the context holds what was fed before."""
        tokens = (llama_cpp.llama_token * len(ids))(*ids)
        assert llama_cpp.llama_decode(self.context, llama_cpp.llama_batch_get_one(tokens, len(ids))) == 0
        row = llama_cpp.llama_get_logits_ith(self.context, -1)
        return [float(value) for value in row[: llama_cpp.llama_vocab_n_tokens(self.vocab)]]

    def answer(self, prompt: str, limit: int = 200) -> str:
        """What greedy decoding writes after a prompt, up to the end of the turn or `limit` tokens."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        answer: list[int] = []
        row = self.logits(self.tokenize(prompt))
        while len(answer) < limit:
            token = max(range(len(row)), key=row.__getitem__)
            if llama_cpp.llama_vocab_is_eog(self.vocab, token):
                break
            answer.append(token)
            row = self.logits([token])
        return self.text(answer)
