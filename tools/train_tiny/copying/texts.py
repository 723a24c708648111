"""What is to be repeated: a text, or a text of which one line becomes another, as a whole answer under the template."""

import re
from random import Random
from typing import NamedTuple

from tools.train_tiny import words
from worker.bindings.vocab import Vocab

USER, SYSTEM = "<|im_start|>user\n", "<|im_start|>system\n"
END, ANSWER = "<|im_end|>\n", "<|im_start|>assistant\n"
WORDS = sorted({word for word in words.THINGS if len(word) > 3})


class Task(NamedTuple):
    """The prompt begins with `change`, the line to write in place of the one that begins alike, or with none."""

    text: str
    change: str
    answer: str

    @property
    def prompt(self) -> str:
        changed = f"{SYSTEM}{self.change}{END}" if self.change else ""
        return f"{changed}{USER}{self.text}{END}{ANSWER}"

    def tokens(self, vocab: Vocab) -> tuple[int, ...]:
        return marked(vocab, self.prompt)


def marked(vocab: Vocab, text: str) -> tuple[int, ...]:
    """Tokens of a chat as its template writes it. `Vocab.tokenize` takes marks for text, so they are put in between."""
    parts = re.split(f"({'|'.join(map(re.escape, sorted(vocab.special, key=len, reverse=True)))})", text)
    each = ([vocab.special[part]] if part in vocab.special else vocab.tokenize(part) for part in parts)
    return tuple(token for tokens in each for token in tokens)


def _names(rng: Random, count: int) -> list[str]:
    found = dict[str, None]()
    while len(found) < count:
        found[" ".join(rng.sample(WORDS, 2))] = None
    return list(found)


def edit(rng: Random, lines: int) -> Task:
    """A file of settings with so many lines, of which one gets another value."""
    file = [f"{name}: {rng.choice(WORDS)}\n" for name in _names(rng, lines)]
    at = rng.randrange(lines)
    name, value = file[at].split(": ")
    changed = f"{name}: {rng.choice([word for word in WORDS if word != value.strip()])}\n"
    return Task("".join(file), changed, "".join([*file[:at], changed, *file[at + 1 :]]))


def repeat(rng: Random, entries: int) -> Task:
    """A JSON object with so many entries, as it is."""
    body = ",\n".join(f' "{name}": "{rng.choice(WORDS)}"' for name in _names(rng, entries))
    text = f"{{\n{body}\n}}\n"
    return Task(text, "", text)


FILE, JSON = edit(Random("a file"), 300), repeat(Random("JSON"), 200)  # those that the bench asks for
