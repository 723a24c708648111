"""From a rendered prompt to its tokens: text, special tokens, and a row for each patch of its pictures."""

from collections.abc import Sequence

from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError, invalid
from wire.pictures import MOST_TOKENS
from worker.chat.dialect import Pieces
from worker.chat.pictures import IMAGE_PAD, SEEING_ROLES, VIDEO_PAD
from worker.chat.prepared import Seen, Tokenizer
from worker.chat.special_tokens import SpecialTokens
from worker.engine.port import Placed

_FAR_TOO_LONG = 2  # contexts: up to there a client is told how long exactly its messages are
_WORTH_A_CUT = 256  # tokens: a hybrid's state that is kept costs memory (63 MiB at 35B), reading so few costs less


def prompt_tokens(
    pieces: Pieces,
    pictures: Sequence[Seen],
    special: SpecialTokens,
    tokenizer: Tokenizer,
    context: int,
    request: ChatRequest,
) -> tuple[list[int], tuple[Placed, ...]]:
    """The tokens of a prompt, and where its `pictures` stand among them; `request` is what it was made of.

    Only what the template wrote is the place of a picture: who spells `<|image_pad|>` in a text has written a text.
    Raises SupernetError: INVALID_REQUEST if the template does not show each picture once, CONTEXT_LENGTH_EXCEEDED if
    not one token fits behind the prompt.
    """
    _check_places(pieces, len(pictures))
    tokens: list[int] = []
    placed: list[Placed] = []
    most = _FAR_TOO_LONG * context
    for is_special, text in pieces:
        if len(tokens) > most or special.longer_than(most - len(tokens), text, tokenizer):
            raise _too_long(f"more than {most}", context, pictures, request)
        if not is_special:
            tokens += special.tokenize(text, tokenizer)
        elif text == IMAGE_PAD:
            seen = pictures[len(placed)]
            placed.append(Placed(len(tokens), seen.columns, seen.rows, seen.digest))
            tokens += [special.ids[text]] * (seen.columns * seen.rows)
        else:
            tokens.append(special.ids[text])
    if len(tokens) + 1 > context:
        raise _too_long(f"{len(tokens)}", context, pictures, request)
    return tokens, tuple(placed)


def _check_places(pieces: Pieces, pictures: int) -> None:
    written = [text for is_special, text in pieces if is_special]
    if VIDEO_PAD in written:
        raise invalid("messages", "This model's chat template shows a film where none was sent.")
    if (shown := written.count(IMAGE_PAD)) != pictures:
        raise invalid(
            "messages",
            f"This model's chat template shows {shown} of the {pictures} pictures: it may take them in messages of the "
            "user only, or none at all.",
        )


def _too_long(found: str, context: int, pictures: Sequence[Seen], request: ChatRequest) -> SupernetError:
    rows = sum(one.columns * one.rows for one in pictures)
    share = f", {rows} of them for {len(pictures)} picture(s)" if pictures else ""
    hint = (
        f" A text in them spells a picture (data:image/...): as an image part it takes {MOST_TOKENS} tokens at most."
        if any("data:image/" in message.content for message in request.messages if message.role in SEEING_ROLES)
        else ""
    )
    return SupernetError(
        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
        f"The messages come to {found} tokens{share}, and this model takes at most {context} tokens, prompt and answer "
        f"together. Shorten the messages.{hint}",
        param="messages",
    )


def anchors(tokens: list[int], start: int | None, reminders: int, pictures: Sequence[Placed]) -> tuple[int, ...]:
    """Where a later prompt is likely to leave this one: behind the system message, which many share; before the
    reminders at the end, which many clients send for one turn only; where the answer begins; and behind the last
    picture, about which many questions may come. `start`: the token that begins a turn."""
    cuts = {cut for cut in (one.end + 1 for one in pictures[-1:]) if cut >= _WORTH_A_CUT}
    turns = [at for at, token in enumerate(tokens) if token == start and at > 0]
    if turns:
        cuts |= {turns[0], turns[max(0, len(turns) - 1 - reminders)], turns[-1]}
    return tuple(sorted(cuts))
