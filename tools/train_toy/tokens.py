"""The toy's own tokenizer: byte pairs as CLIP has them, a vocabulary of its few words."""

from collections.abc import Iterable
from tempfile import TemporaryDirectory

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = 1280
LENGTH = 40  # tokens of a prompt, both marks included; the rest is cut off


def make_tokenizer(texts: Iterable[str]) -> CLIPTokenizer:
    """Learns the merges of `texts`; every byte is a token, so no text is unknown."""
    like = CLIPTokenizer()._tokenizer
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer, learner.pre_tokenizer = like.normalizer, like.pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=WORDS,
            special_tokens=[START, END, *(f"{letter}</w>" for letter in alphabet)],
            initial_alphabet=alphabet,
            end_of_word_suffix="</w>",
            show_progress=False,
        ),
    )
    with TemporaryDirectory() as folder:
        vocab, merges = learner.model.save(folder)
        return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=LENGTH)
