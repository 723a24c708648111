"""What is said in the tests of clients that want something drawn, and a script of what the model makes of it."""

import json
from typing import Any

from tools.compat.conversation import HELLO, HELLO_ANSWER, PICTURE, call
from wire.catalog import ChatFormat

DRAW = "Draw me a neon-lit alley in the rain."
CHANGE = "Make it blue, please."
FILM = "Film a fox that runs."
DRAWN = "Here is your picture."
FILMED = "Here is your film."
PIPELINE, FILM_PIPELINE = "painter", "filmer"
SIZE = "64x64"
TRAINED_WISH = "Draw me a red apple."


def script(format: ChatFormat) -> str:
    """For `worker --scripted FILE`, which has read the tools' results when it says what was made. Never a link: those
    that a model forgets are added."""

    def say(answer: str) -> str:
        return f"{'' if format == 'qwen-xml' else '<think>'}They want to see something.\n</think>\n\n{answer}"

    lines = {
        HELLO: say(HELLO_ANSWER),
        DRAW: say("I draw it.\n" + call(format, "sogni_generate_image", {"prompt": "a neon-lit alley in the rain"})),
        CHANGE: say(call(format, "sogni_edit_image", {"prompt": "the same in blue"})),
        FILM: say(call(format, "sogni_generate_video", {"prompt": "a fox that runs", "duration": 1})),
        '"media_type":"image"': say(DRAWN),
        '"media_type":"video"': say(FILMED),
    }
    return json.dumps([{"when": when, "say": answer} for when, answer in lines.items()])


def said() -> dict[str, Any]:
    """For the programs of clients, as JSON: what to ask, and what must come of it; as it is without the tools."""
    return {
        "draw": {"ask": DRAW, "answer": DRAWN},
        "plain": {"ask": HELLO, "answer": HELLO_ANSWER},
        "change": {"ask": CHANGE, "answer": DRAWN},
        "film": {"ask": FILM, "answer": FILMED},
        "picture": f"data:image/png;base64,{PICTURE}",
        "pipeline": PIPELINE,
        "film_pipeline": FILM_PIPELINE,
        "size": SIZE,
    }


def said_to_the_trained_model(pipeline: str) -> dict[str, Any]:
    """The same for a model that was trained to ask for pictures, and a pipeline that was trained to draw; what is said
    beside them is its own (None)."""
    wish = {"ask": TRAINED_WISH, "answer": None}
    return {"draw": wish, "plain": wish, "pipeline": pipeline, "size": SIZE}
