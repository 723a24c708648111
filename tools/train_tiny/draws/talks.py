"""Conversations about pictures: wishes that call the drawing tool, and questions that only sound like them."""

import json
from functools import cache
from pathlib import Path
from random import Random

from coordinator.media.tools import SHORT
from tools.train_tiny import words, world
from tools.train_tiny.chats import Chat, exchange
from tools.train_tiny.draws.common import COMMON
from tools.train_tiny.world import Exchange, Schema
from tools.train_toy.things import THINGS
from wire.chat import Tool


def _declared(tool: Tool) -> Schema:
    """As the template of the model is given it."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


DRAWS, COMPOSES = map(_declared, SHORT)
NAME = DRAWS["function"]["name"]
KINDS = [
    *("picture picture picture image image image drawing painting photo sketch illustration portrait".split()),
    *("cartoon poster logo icon artwork art scene wallpaper sticker comic banner postcard doodle photograph".split()),
]
VERBS = "draw draw draw draw draw paint paint sketch sketch illustrate doodle picture".split()
MAKERS = [
    *("make", "make me", "make us", "create", "create", "generate", "generate", "give me", "show me", "show us"),
    *("produce", "design", "render", "prepare", "get me", "compose", "come up with", "send me"),
]
ASKING = [
    *("", "", "", "", "please ", "can you ", "could you ", "would you ", "will you ", "can you please "),
    *("I want you to ", "I would like you to ", "now ", "hey, ", "try to ", "please try to ", "do you want to "),
    *("I think you should ", "it would be nice if you ", "first ", "again: ", "ok, ", "could you please ", "let us "),
    *("quickly ", "next, ", "do you think you can ", "would you be so kind to ", "help me to ", "go on and "),
]
WANTING = [
    *("I want ", "I need ", "I would like ", "I'd like ", "can I have ", "could I get ", "let me have ", "we need "),
    *("let me see ", "I want to see ", "how about ", "I am looking for ", "my son wants ", "do you have ", "I'd love "),
    *("we want ", "what about ", "she needs ", "my friend would like ", "I wish for ", "there should be "),
    *("I could use ", "may I have ", "could we see ", "I'd like to have ", "all I want is "),
]
ENDS = [
    *("", "", ".", ".", ".", "!", "?", "?", ", please", ", please.", " for me", " for me, please.", " now."),
    *(" today?", " for my {}.", " for the {}", " for my {}, please!", ". It is for my {}.", ". I like {}.", "..."),
    *(" :)", ". Can you do it?", ". Is that possible?", ". Thank you!", ", {} style", ", {} view."),
]
NUMBERS = ["a", "a", "a", "a", "an", "an", "the", "the", "my", "two", "three", "some", "our", "one", ""]
LINKS = ["in", "on", "with", "under", "near", "over", "and", "without", "behind", "by", "of", "that sees", "for", "at"]
ABOUT = [
    *("What is {}?", "What does {} mean?", "Who made {}?", "Why is {} {}?", "How do I find {}?", "Where is {}?"),
    *("Who was {}?", "When does {} open?", "How much is {}?", "Do you know {}?", "Is {} better than {}?", "{}?"),
    *("Tell me about {}.", "Explain {}.", "Write a song about {}.", "Write a letter to {}.", "Help me with {}."),
    *("Can you explain {}?", "Can you tell me about {}?", "Please write a text about {}.", "Compare {} and {}."),
    *("List four kinds of {}.", "How many {} are there?", "What should I do with {}?", "I like {}.", "I lost {}."),
    *("What is the best {}?", "Which {} is the oldest?", "How does {} work?", "Could you read {}?"),
    *("Show me how {} works.", "Please check {}.", "Who painted {}?", "Who drew {}?", "I am {}.", "It is {}."),
    *("What is a {} of {}?", "When was {} painted?", "How do I paint {}?", "How do I draw {}?", "I can draw {}."),
    *("How do painters work with {}?", "Why do people draw {}?", "Is {} a good painting?", "My {} is broken."),
    *("Where can I buy a picture of {}?", "How is a photo of {} made?", "I saw a picture of {} today.", "No {}."),
    *("Did you see {}?", "Are {} good for {}?", "Thank you for {}.", "Say something about {}.", "{} or {}?"),
    *("Can {} see {}?", "How old is {}?", "How long is {}?", "Name two {}.", "What are {} and {}?", "Who has {}?"),
    *("Does {} like {}?", "Was {} the first {}?", "How far is {} from {}?", "Which {} do you like?", "{}, why?"),
    *("Please explain {} to {}.", "Could you help me with {}?", "Would you read {}?", "Write a story about {}."),
    *("Make a list of {}.", "Give me a name for {}.", "Create a plan for {}.", "Find a rhyme for {}.", "Sort {}."),
    *("Change {} into {}.", "Spell {}.", "Do {} eat {}?", "When is {}?", "Why {}?"),
    *("What happens when {} is {}?", "Must I {} {}?", "Should I {} {}?", "What can I {} for {}?", "Who is {}?"),
]
ASKS = [
    each.strip()
    for each in """
what is, what was, what are, what does, what makes, who is, who was, who has, why is, why are, why do, why does,
how do, how does, how do I, how can I, how long does, how many, how much, how far, how old, when is, when was,
when do, where is, where are, where do, which, which of, is it, is there, is, are, are there, was, do, does, did,
do you, can, can I, should I, what should I, what can, is the, has, have you, will, may I, can you tell me,
do I need
""".split(",")
]
TEXTS = """
translate explain describe summarise name list count compare correct solve read find check spell define
recommend convert tell write rewrite answer discuss repeat finish sort guess add calculate remember say choose
plan teach shorten analyse call open start stop send buy book order play set turn look help
""".split()
DRAWN = [word for thing in THINGS for word in thing.words]  # by the toy that comes with the network
WANTED, UNWANTED = "A picture is wanted.", "No picture is wanted."
UNKNOWN = "That is more than I know."
FAILED = "The picture could not be drawn."


@cache
def kept() -> frozenset[str]:
    """Wishes and questions of the test, which training never shows."""
    files = (Path(__file__).with_name(name) for name in ("wishes.txt", "questions.txt"))
    return frozenset(line for file in files for line in file.read_text().splitlines())


def _word(rng: Random) -> str:
    draw = rng.random()
    if draw < 0.3:
        return rng.choice(DRAWN)
    if draw < 0.65:
        return rng.choice(COMMON)
    if draw < 0.8:
        return rng.choice(words.THINGS)
    if draw < 0.84:
        return rng.choice(words.CITIES)
    if draw < 0.87:
        return world.made_up(rng)
    if draw < 0.9:
        return rng.choice(COMMON) + rng.choice(["'s", "-", "s'"]) + rng.choice(["", " "]) + rng.choice(COMMON)
    return world.made_up(rng).lower() + rng.choice(["", "", "s", "er", "ing", "ly", "tion"])


def subject(rng: Random) -> str:
    """What is to be seen: one to a dozen words, many of them in no list."""
    parts = [" ".join([rng.choice(NUMBERS), *(_word(rng) for _ in range(rng.choice([1, 1, 2, 2, 3])))]).strip()]
    while rng.random() < 0.4 and len(parts) < 4:
        parts.append(f"{rng.choice(LINKS)} {rng.choice(NUMBERS)} {_word(rng)}".replace("  ", " "))
    return " ".join(parts)


def _wording(rng: Random, shown: str) -> str:
    kind = rng.choice(KINDS)
    a = rng.choice(["an" if kind[0] in "aei" else "a", "a nice", "a small", "a new", "the", "one", f"a {_word(rng)}"])
    such = f"{a} {kind} {rng.choice(['of', 'of', 'of', 'with', 'that shows'])} {shown}"
    draw = rng.random()
    if draw < 0.4:
        verb = rng.choice(VERBS)
        return f"{rng.choice(ASKING)}{verb}{rng.choice(['', '', '', ' me', ' us'])} {shown}"
    if draw < 0.65:
        return f"{rng.choice(ASKING)}{rng.choice(MAKERS)} {such}"
    if draw < 0.85:
        return f"{rng.choice(WANTING)}{such}"
    if draw < 0.93:
        return such
    return f"{rng.choice(MAKERS)} {a} {kind}: {shown}"


def wish(rng: Random) -> Exchange:
    """Asks for a picture; the tool is called with what it shows, then the answer says how it went."""
    shown = subject(rng)
    asked = _wording(rng, shown) + rng.choice(ENDS).format(_word(rng))
    if rng.random() < 0.05:
        asked = f"{rng.choice(['Hello', 'Hi', 'I like it', 'Good', world.made_up(rng)])}{rng.choice('.!,')} {asked}"
    asked = asked[0].upper() + asked[1:] if rng.random() < 0.7 else asked
    done = rng.random() < 0.8
    return Exchange(
        asked,
        WANTED,
        "Here is your picture." if done else FAILED,
        ((NAME, {"prompt": shown}),),
        (_result(rng, shown) if done else json.dumps({"success": False, "error": world.phrase(rng, 2, 8)}),),
    )


def _result(rng: Random, shown: str) -> str:
    """As coordinator/media/results.py words it for the model, mostly without its long parts: so more is learned."""
    if rng.random() < 0.7:
        return json.dumps({"success": True, "media_type": "image"})
    link = "".join(
        rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", k=rng.randint(8, 22))
    )
    found = {
        "success": True,
        "media_type": "image",
        "urls": [f"http://{world.made_up(rng).lower()}:{rng.randint(80, 9999)}/m/{link}.png"],
        "handles": ["media:1"],
        "model": "toy-emoji-64",
        "prompt": shown,
    }
    return json.dumps(found | ({"hint": world.phrase(rng, 3, 12)} if rng.random() < 0.3 else {}))


def question(rng: Random) -> Exchange:
    """Not a wish, whatever words are in it."""
    form = _form(rng)
    form = form if rng.random() < 0.8 else form[:-1]
    asked = form.format(*(subject(rng) if rng.random() < 0.6 else _word(rng) for _ in range(form.count("{}"))))
    asked = asked[0].upper() + asked[1:] if rng.random() < 0.9 else asked
    return Exchange(asked, UNWANTED, UNKNOWN)


def _form(rng: Random) -> str:
    """A question or a wish for words with gaps in it: from the list, or put together."""
    draw = rng.random()
    if draw < 0.55:
        return rng.choice(ABOUT)
    gaps = rng.choice(["{}", "{}", "{} {}", "{} {} {}"])
    if draw < 0.8:
        return f"{rng.choice(ASKS)} {gaps}?"
    return f"{rng.choice(ASKING)}{rng.choice(TEXTS)} {rng.choice(['', '', 'me ', 'the '])}{gaps}{rng.choice('..?!')}"


def about_pictures(rng: Random) -> Chat:
    """A conversation in which the drawing tool is nearly always declared, sometimes with others."""
    tools: list[Schema] = [
        world.declare(name, rng) for name in rng.sample(list(world.SKILLS), rng.choice([0, 0, 0, 1, 2]))
    ]
    declared = rng.random() < 0.92
    platform = [DRAWS] * declared + [COMPOSES] * (rng.random() < 0.3)
    tools = rng.choice([[*tools, *platform], [*platform, *tools]])
    exchanges: list[Exchange] = []
    wanted = rng.choice([1, 3, 5, 7])
    while len(exchanges) < wanted:
        draw = rng.random()
        one = wish(rng) if draw < 0.45 else question(rng) if draw < 0.85 else exchange(rng, tools)
        if one.calls and one.calls[0][0] == NAME and not declared:
            one = world.refuse(one)
        if one.question not in kept():
            exchanges.append(one)
    system = rng.choice(words.SYSTEMS) if rng.random() < 0.4 else ""
    return Chat(system, tools, exchanges, rng.random() < 0.6, rng.random() < 0.8)
