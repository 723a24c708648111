"""What an answer is held to while it is generated: a grammar, and a limit of its thought. Types only."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Constraint:
    """A llguidance grammar (Lark text) that the answer must match: from its start, or from behind the token `after` if
    one is given, or from the token `call` on if that comes first. If the model ends its turn before the grammar has
    begun, `after` is emitted instead."""

    grammar: str
    after: int | None = None
    call: int | None = None


@dataclass(frozen=True)
class ReasoningLimit:
    """How long an answer may think, and the tokens by which thoughts are told.

    A thought begins with the token `open`, or with the answer if it is `opened` (the prompt ends inside one). The token
    `open` begins one only at the start of the answer or behind another thought, with nothing between but blanks (the
    tokens of `close` other than `end`); behind text it is text. A thought ends with the token `end`, or with a call:

    - Without `calls`, every token `call` begins one.
    - With `calls`, the texts that calls begin with, the token `call` begins one only if such a text follows it, or a
      JSON object whose first key is not the name. Blanks do not count. Anything else is still the thought.

    Once an answer has spent `budget` tokens inside thoughts, the thought is closed by force: the tokens `close`, `end`
    among them, are emitted instead of drawn ones. That thought was the last, and so is one that text follows: from then
    on neither `open` nor `end` is drawn, so a model that goes on thinking leaves no stray tag in its answer. With
    `budget` None no thought is wanted, and neither tag is ever drawn.

    An end of turn inside a thought becomes `end`, because a thought alone is no answer.
    """

    budget: int | None
    open: int
    end: int
    close: tuple[int, ...]
    opened: bool
    call: int | None = None
    calls: tuple[str, ...] = ()
