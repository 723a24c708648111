"""Conversations about pictures, as tokens to learn from."""

import json
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import jinja2

from tools.tiny_models.bpe import Vocabulary
from tools.tiny_models.make import HERE, vocabulary
from tools.tiny_models.pictures import COLOURS, SHAPES, named

MERGES = 500
PAD = "<|image_pad|>"
ANSWER = "<|im_start|>assistant\n"
THINK, NO_THOUGHT = "<think>\n", "<think>\n\n</think>\n\n"

WHAT = (
    "What is on the picture?",
    "What is in this image?",
    "What do you see?",
    "What can you see on it?",
    "What is this?",
    "Describe the picture.",
    "Describe this image.",
    "Tell me what you see.",
    "What colour and shape is it?",
    "What shape and colour is it?",
    "What color/shape is it?",
    "What colour/shape is it?",
    "Which shape is it, and which colour has it?",
)
SHAPE = ("What shape is it?", "Which shape is it?", "What kind of shape is on the picture?", "Which shape do you see?")
COLOUR = (
    "What colour is it?",
    "Which colour has it?",
    "What color is the shape?",
    "What colour has the shape?",
    "And the colour?",
)
NEXT = ("And this one?", "What is on this one?", "And now?", "And here?")
SEVERAL = ("What is on the pictures?", "What do you see?", "Describe the pictures.", "Describe these images.")
SMALL_TALK = (
    (("Hello", "Hello!", "Hi", "Hi!", "Good morning"), "Hello! Show me a picture."),
    (("Who are you?", "What are you?", "What can you do?"), "I am a tiny model with eyes. I know shapes and colours."),
    (("Thank you", "Thanks", "Thank you!", "Thanks!"), "You are welcome."),
)
LOOK = (
    "Look at the screen.",
    "What is on the screen?",
    "Take a picture and tell me what you see.",
    "Have a look and tell me what is there.",
    "Use your tool to look. What do you see?",
)
CAMERAS = ("screenshot", "take_screenshot", "take_picture", "look", "camera", "get_image", "see_screen", "capture")
SYSTEMS = ("You are a helpful assistant.", "You are a helpful assistant", "Be brief.", "Answer in one sentence.")
NOTHING, NO_PICTURE = "I see nothing on it.", "I see no picture."
AT_PICTURE, AT_WORDS, AT_CALL = "I look at the picture.", "I only have to talk.", "I have to look first."


@dataclass(frozen=True)
class Seen:
    """A picture that training shows: what is on it, and which of the encoded ones it is."""

    colour: str  # empty: there is nothing on it
    shape: str
    number: int = 0

    @property
    def sentence(self) -> str:
        return f"It is {named(self.colour, self.shape)}." if self.colour else NOTHING


Message = dict[str, Any]


@dataclass(frozen=True)
class Talk:
    messages: list[Message]
    pictures: list[Seen]  # in their order
    tools: list[Message]
    thinking: bool  # if not, answers follow the empty thought that enable_thinking=false puts there


class _Writer:
    """Adds a question and its answer after the other."""

    def __init__(self, rng: Random, pictures: list[Seen], thinking: bool) -> None:
        self._rng, self._free, self._thinking = rng, pictures, thinking
        self.messages: list[Message] = []
        self.shown: list[Seen] = []

    def picture(self) -> Seen:
        self.shown.append(self._rng.choice(self._free))
        return self.shown[-1]

    def ask(self, text: str, shown: int = 0) -> None:
        parts: list[Message] = [{"type": "image"}] * shown
        parts.insert(0 if self._rng.random() < 0.5 else len(parts), {"type": "text", "text": text})
        self.messages.append({"role": "user", "content": parts if shown else text})

    def answer(self, text: str, thought: str, *calls: Message) -> None:
        reasoning = thought if self._thinking else ""
        said = {"role": "assistant", "content": text, "reasoning_content": reasoning, "tool_calls": list(calls)}
        self.messages.append(said)

    def one(self, questions: tuple[str, ...]) -> None:
        seen = self.picture()
        self.ask(self._rng.choice(questions), 1)
        self.answer(about(seen, self.messages[-1]), AT_PICTURE)

    def again(self) -> None:
        """A question about a picture that was shown before, and perhaps thanks in between."""
        if self._rng.random() < 0.3:
            self.small_talk(SMALL_TALK[2:])
        self.ask(self._rng.choice((*SHAPE, *COLOUR, *WHAT)))
        self.answer(about(self.shown[-1], self.messages[-1]), AT_PICTURE)

    def several(self) -> None:
        count = self._rng.choice([2, 2, 3])
        seen = [self.picture() for _ in range(count)]
        self.ask(self._rng.choice(SEVERAL), count)
        names = [named(one.colour, one.shape) if one.colour else "nothing" for one in seen]
        self.answer(f"First {', then '.join(names)}.", AT_PICTURE)

    def small_talk(self, topics: Any = SMALL_TALK) -> None:
        questions, answer = self._rng.choice(topics)
        self.ask(self._rng.choice(questions))
        self.answer(answer, AT_WORDS)

    def blind(self) -> None:
        self.ask(self._rng.choice((*WHAT, *SHAPE, *COLOUR)))
        self.answer(NO_PICTURE, AT_WORDS)

    def look(self, tool: str) -> None:
        self.ask(self._rng.choice(LOOK))
        self.answer("", AT_CALL, {"function": {"name": tool, "arguments": {}}})
        seen = self.picture()
        words = [{"type": "text", "text": self._rng.choice(["Here it is.", "ok", "screenshot:"])}]
        content = [*(words if self._rng.random() < 0.5 else []), {"type": "image"}]
        self.messages.append({"role": "tool", "content": content})
        self.answer(seen.sentence, AT_PICTURE)


def about(seen: Seen, question: Message) -> str:
    """The answer to a question about one picture: to one about its colour alone, the other words first."""
    content = question["content"]
    text = content if isinstance(content, str) else next(part["text"] for part in content if part["type"] == "text")
    return f"The {seen.shape} is {seen.colour}." if text in COLOUR and seen.colour else seen.sentence


def camera(rng: Random) -> Message:
    """The declaration of a tool that gives a picture."""
    name = rng.choice(CAMERAS)
    function: Message = {"name": name}
    if rng.random() < 0.7:
        about = ["Takes a picture", "Take a screenshot of the screen", "Shows what is there", "Look at the screen."]
        function["description"] = rng.choice(about)
    function["parameters"] = {"type": "object", "properties": {}}
    if rng.random() < 0.3:
        function["parameters"]["required"] = []
    return {"type": "function", "function": function}


def talk(rng: Random, pictures: list[Seen]) -> Talk:
    thinking = rng.random() < 0.5
    writer = _Writer(rng, pictures, thinking)
    tools = [camera(rng)] if rng.random() < 0.2 else []
    draw = rng.random()
    if tools and draw < 0.7:
        writer.look(tools[0]["function"]["name"])
    elif draw < 0.65:
        writer.one((*WHAT, *WHAT, *SHAPE, *COLOUR))
    elif draw < 0.85:
        writer.several()
    elif draw < 0.93:
        writer.small_talk()
    else:
        writer.blind()
    more = rng.random()
    if more < 0.2 and len(writer.shown) == 1:
        writer.again()
    elif more < 0.4 and len(writer.shown) < 2:
        writer.one(NEXT if writer.shown else WHAT)
    system = [{"role": "system", "content": rng.choice(SYSTEMS)}] if rng.random() < 0.3 else []
    return Talk([*system, *writer.messages], writer.shown, tools, thinking)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string((HERE / "qwen35.jinja").read_text())


def text(one: Talk) -> str:
    return _template().render(messages=one.messages, tools=one.tools, preserve_thinking=True)


def make_vocabulary() -> Vocabulary:
    """Merges for this world: every colour and every shape is one token."""
    rng = Random(7)
    seen = [Seen(colour, shape) for colour in COLOURS for shape in SHAPES]
    words = "".join(text(talk(rng, seen)) for _ in range(600))
    plain = words
    for special in (*SPECIAL, THINK.strip(), "</think>", "<tool_call>", "</tool_call>", *RESPONSE):
        plain = plain.replace(special, "")
    return vocabulary((HERE / "text.txt").read_text() + plain, MERGES)


SPECIAL = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", PAD, "<|vision_end|>")
RESPONSE = ("<tool_response>", "</tool_response>")


def tokens(one: Talk, vocab: Vocabulary) -> tuple[list[int], list[bool]]:
    """Ids, each picture one pad, and for each whether it is learned: what the model writes itself."""
    ids: list[int] = []
    learned: list[bool] = []
    for n, part in enumerate(text(one).split(ANSWER)):
        said, _, rest = part.partition("<|im_end|>") if n else ("", "", part)
        given = NO_THOUGHT if said.startswith(NO_THOUGHT) else THINK if n else ""
        prefix = ANSWER + given if n else ""
        written = said.removeprefix(given) + "<|im_end|>" if n else ""
        for piece, learn in ((prefix, False), (written, True), (rest, False)):
            found = vocab.encode(piece)
            ids += found
            learned += [learn] * len(found)
    return ids, learned
