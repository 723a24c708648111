"""The arguments of one call -> what is to be made, or one sentence for the model that says what is wrong.

A stranger's model wrote them: nothing is believed. A number beyond the contract's bounds is an error, and so is a value
of another type. What the contract allows and the pipeline does not make (a size, a length) becomes the nearest that it
does make, and a note of the result says so: a model asks for 1,024 pixels because the tool's own words name them.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coordinator.media.handles import Handles, Medium, NoSuchMedia
from coordinator.media.tools import FULL
from wire.media import MAX_IMAGES, MAX_PROMPT_CHARS, MAX_VARIATIONS

MOST_CHARS = 256 * 1024
MOST_SIDE = 4096
MOST_NOTES = 8
MAX_SEED = 2**53
_NUMBER = re.compile(r"-?\d{1,16}(\.\d{1,9})?")
_PROPERTIES: Mapping[str, Mapping[str, Any]] = {tool.name: tool.parameters["properties"] for tool in FULL}
# Parameters of the contract that no pipeline here has a use for: what the result says of them.
_WITHOUT_EFFECT = ("composer_mode", "prompt_strength", "creativity", "audio_identity_strength", "detailer_strength")


class BadCall(Exception):
    """A call that cannot be carried out. The text is one plain sentence for the model."""


@dataclass
class Arguments:
    """The arguments of one call of a tool, read by name and within bounds. Each method raises BadCall.

    `notes`: what the result has to say of arguments that were taken and came to nothing.
    """

    tool: str
    values: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(text)

    def text(self, name: str, most: int = MAX_PROMPT_CHARS) -> str:
        """A string; empty where there is none."""
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise BadCall(f"{name} must be a text")
        if len(value) > most:
            raise BadCall(f"{name} has {len(value):,} characters, at most {most:,} are taken")
        _check_letters(name, value)
        return value.strip()

    def prompt(self) -> str:
        text = self.text("prompt")
        if not text:
            raise BadCall("prompt is missing: say what to make")
        return text

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`; a text that is one counts, as some models write all values as texts."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = float(value)
        number = _finite(value)
        if number is None:
            raise BadCall(f"{name} must be a number")
        if not low <= number <= high:
            raise BadCall(f"{name} is {number:.12g}: it must be from {low:g} to {high:g}")
        return number

    def integer(self, name: str, low: int, high: int) -> int | None:
        """The nearest integer to a number within bounds: the contract knows numbers only."""
        value = self.number(name, low, high)
        return None if value is None else round(value)

    def choice(self, name: str, default: str) -> str:
        """One of the values that the contract lists."""
        value = self.text(name, 64) or default
        listed: Sequence[str] = _PROPERTIES[self.tool][name]["enum"]
        if value not in listed and value != default:
            raise BadCall(f"{name} must be one of {', '.join(listed)}")
        return value

    def seed(self) -> int | None:
        """None, also for -1: one is drawn."""
        value = self.integer("seed", -1, MAX_SEED)
        return None if value == -1 else value

    def variations(self) -> int:
        if "number_of_variations" not in _PROPERTIES[self.tool]:
            return 1
        return self.integer("number_of_variations", 1, MAX_VARIATIONS) or 1

    def size(self) -> tuple[int, int] | None:
        """Width and height, which count together alone; None without them."""
        width, height = self.integer("width", 16, MOST_SIDE), self.integer("height", 16, MOST_SIDE)
        if width is None or height is None:
            if width or height:
                self.note("width and height count together only: the model's own size was made")
            return None
        return width, height

    # ---- media ---------------------------------------------------------------------------------------------------

    def medium(self, name: str, kind: Any, handles: Handles) -> Medium | None:
        value = self.text(name, MOST_CHARS)
        if not value:
            return None
        try:
            return handles.find(value, kind)
        except NoSuchMedia as error:
            raise BadCall(f"{name}: {error}") from None

    def needed(self, name: str, kind: Any, handles: Handles) -> Medium:
        """What the argument names, or the one thing of its kind in the conversation."""
        found = self.medium(name, kind, handles)
        if found is not None:
            return found
        try:
            return handles.only(kind)
        except NoSuchMedia as error:
            raise BadCall(f"{name} is missing: {error}") from None

    def images(self, handles: Handles) -> list[Medium]:
        """The pictures to edit, each once: the source, and those to go by."""
        source = self.medium("source_image_url", "image", handles)
        found = [] if source is None else [source]
        listed = self.values.get("reference_image_urls")
        listed = [listed] if isinstance(listed, str) else listed or []
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise BadCall("reference_image_urls must be an array of texts")
        for name in listed[: MAX_IMAGES + 1]:
            _check_letters("reference_image_urls", name)
            try:
                medium = handles.find(name, "image")
            except NoSuchMedia as error:
                raise BadCall(f"reference_image_urls: {error}") from None
            if medium not in found:
                found.append(medium)
        if len(found) > MAX_IMAGES or len(listed) > MAX_IMAGES + 1:
            self.note(f"at most {MAX_IMAGES} pictures are taken: the others were left out")
        return found[:MAX_IMAGES] or [self.needed("source_image_url", "image", handles)]


def read(tool: str, text: str) -> Arguments:
    """The arguments of a call of one of the six tools, from the JSON text that the model wrote. Raises BadCall."""
    if len(text) > MOST_CHARS:
        raise BadCall(f"the arguments have {len(text):,} characters, at most {MOST_CHARS:,} are taken")
    try:
        values = json.loads(text or "{}", parse_constant=_not_a_number)
    except (ValueError, RecursionError):
        raise BadCall("the arguments are no valid JSON") from None
    if not isinstance(values, dict):
        raise BadCall("the arguments must be a JSON object")
    arguments = Arguments(tool, values)
    if arguments.text("reference_audio_identity_url", MOST_CHARS):
        raise BadCall("no model here can speak with a given voice: leave reference_audio_identity_url out")
    for name in values:
        if name not in _PROPERTIES[tool]:
            arguments.note(f"there is no argument {name[:32]!r}: it was left out")
        elif name in _WITHOUT_EFFECT and values[name] is not None:
            arguments.note(f"{name} has no effect here")
    return arguments


def _check_letters(name: str, text: str) -> None:
    """Raises BadCall for half a character: no frame holds one, and what is told of an error repeats it."""
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadCall(f"{name} holds half a character (a lone surrogate)")


def _finite(value: object) -> float | None:
    """A number of JSON; None for what is none, or more than a float can hold: JSON knows no largest integer."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _not_a_number(word: str) -> None:
    raise ValueError(word)
