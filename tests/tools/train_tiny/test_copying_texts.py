"""The prompts that the bench of drafts asks small models for."""

from tools.bench.drafts.cases import trained
from tools.tiny_models.make import HERE
from tools.train_tiny.copying.texts import FILE, marked
from worker.bindings.vocab import Vocab


def test_marks_of_the_template_are_tokens_of_their_own() -> None:
    vocab = Vocab(str(HERE / "tiny-qwen35-mtp.gguf"))
    begin, end = vocab.special["<|im_start|>"], vocab.special["<|im_end|>"]
    assert marked(vocab, "<|im_start|>user\n<|im_end|>") == (begin, *vocab.tokenize("user\n"), end)
    prompt = trained(0.0)(vocab, 0, 0, 8).prompt
    assert prompt[0] == begin and prompt.count(end) == prompt.count(begin) - 1


def test_a_changed_line_stands_once_in_the_answer() -> None:
    assert FILE.change in FILE.answer and FILE.change not in FILE.text and FILE.answer.count("\n") == 300
