"""Which platform tools a request is given: those that somebody serves at this moment, where all who have a say agree.

They cost the client the tokens that declare them, as a part of its prompt; where nothing is served nothing is declared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from coordinator.attachment import Attachment
from coordinator.media import tools as platform
from coordinator.media.makings import PREFIX
from coordinator.media.ready import Ready
from coordinator.media.tools import NAMES
from coordinator.request import ChatJob
from coordinator.rounds.course import MESSAGES
from wire.chat import MAX_MESSAGES, MAX_TOOLS, Tool
from wire.errors import invalid
from wire.media_catalog import MediaSpec
from wire.media_tools import TOOLS

Mode = Literal["default", "opt-in", "off"]
MODES: tuple[Mode, ...] = ("default", "opt-in", "off")
UNSERVED = "no worker serves it at the moment"
TOO_SHORT = "the context of the model is too short for it"


@dataclass(frozen=True)
class Offer:
    """The tools that a request is given. `without`: why it is given none; for one that is missing beside others, or
    where nobody has a say against them, `too_short` are the names of those that are served and do not fit the model."""

    tools: tuple[Tool, ...] = ()
    without: str = ""
    too_short: frozenset[str] = frozenset()

    def why_not(self, name: str) -> str:
        """Why a tool of ours is not among them."""
        return self.without or (TOO_SHORT if name in self.too_short else UNSERVED)


def served(catalog: Sequence[MediaSpec], ready: Ready) -> frozenset[str]:
    """Names of the tools that a worker can be asked for."""
    return frozenset(PREFIX + tool for tool in TOOLS if any(ready.serves(spec, tool) for spec in catalog))


def offered(job: ChatJob, names: frozenset[str], context: int, mode: Mode, key: bool = True) -> Offer:
    """The tools for a request, of those that are served. `context`: tokens that a worker has for it. `key`: whether the
    client's key has them on."""
    if without := _against(job, mode, key):
        return Offer(without=without)
    request, wish = job.request, job.platform
    if wish.pictures is not None and not wish.wanted:
        names &= wish.pictures.tools
    if wish.allowed is not None:
        names &= wish.allowed
    tools = platform.declared(names, context, {tool.name for tool in request.tools})
    if len(request.tools) + len(tools) > MAX_TOOLS:
        return Offer(without="the request has too many tools of its own")
    return Offer(tools, too_short=names - {tool.name for tool in tools})


def _against(job: ChatJob, mode: Mode, key: bool) -> str:
    """Why a request is given none of them, whoever serves them; empty if nothing speaks against it."""
    wish, choice = job.platform, job.platform.choice
    if wish.wanted is False:
        return "'sogni_tools' is false"
    if mode == "off":
        return "the operator of this network has the platform tools switched off"
    if not key:
        return "this API key has the platform tools switched off"
    if mode == "opt-in" and not wish.wanted and wish.pictures is None:
        return "platform tools have to be asked for by 'sogni_tools' here"
    if job.n > 1:
        return "with 'n' there are several answers, and each would call it"
    if job.request.json_schema is not None:
        return "the answer is held to JSON, and what platform tools add to it is none"
    if choice == "none" or (choice.startswith("name:") and choice.removeprefix("name:") not in NAMES):
        return "'tool_choice' lets none of them be called"
    if len(job.request.messages) + MESSAGES > MAX_MESSAGES:
        return "the request has too many messages"
    return ""


def given(job: ChatJob, offer: Offer) -> ChatJob:
    """The request with these tools declared, before its own: so what comes first is the same for all. Raises
    invalid_request if it cannot do without one that it is not given, and for what is wrong with its attachments."""
    request, wish = job.request, job.platform
    if offer.tools:
        request = request.model_copy(update={"tools": (*offer.tools, *request.tools), "tool_choice": wish.choice})
        wish = replace(wish, declared=tuple(tool.name for tool in offer.tools))
    job = replace(job, request=request, platform=wish, attachments=_taken(job, offer))
    _check_choice(job, offer)
    vain = _in_vain(job, offer)
    return replace(job, warnings=(*job.warnings, *vain)) if vain else job


def _taken(job: ChatJob, offer: Offer) -> tuple[Attachment, ...]:
    """The attachments that a tool takes. Raises invalid_request for one that no tool takes that is run here, unless it
    is of an earlier answer, and for one that cannot be read."""
    names = [tool.name for tool in offer.tools] if job.platform.run else []
    taken = []
    for one in job.attachments:
        if platform.take(one.kind, names):
            if one.fault is not None:
                raise one.fault
            taken.append(one)
        elif one.refused is not None:
            raise one.refused
    return tuple(taken)


def _check_choice(job: ChatJob, offer: Offer) -> None:
    """Raise invalid_request for a choice that cannot be made."""
    choice, known = job.platform.choice, {tool.name for tool in job.request.tools}
    name = choice.removeprefix("name:")
    if name != choice and name not in known:
        what = offer.why_not(name) if name in NAMES else "no tool in 'tools' has this name"
        raise invalid("tool_choice", f"Invalid 'tool_choice': '{name}' is not declared: {what}.")
    if choice == "required" and not known:
        if allowed := sorted(job.platform.allowed or ()):
            whys = "; ".join(f"'{one}' is not declared: {offer.why_not(one)}" for one in allowed)
            raise invalid("tool_choice", f"Invalid 'tool_choice': none of the allowed tools can be called: {whys}.")
        raise invalid("tool_choice", "Invalid 'tool_choice': 'required' needs at least one function in 'tools'.")


def _in_vain(job: ChatJob, offer: Offer) -> list[str]:
    """What the answer says of tools that the request asks for and is not given."""
    wish, said = job.platform, []
    if wish.wanted and not offer.tools:
        said.append(f"'sogni_tools': the model was told of none of these tools: {offer.why_not('')}")
    if wish.pictures is not None and not wish.pictures.tools & set(wish.declared):
        why = offer.why_not(min(wish.pictures.tools))
        said.append(f"the tool 'image_generation' is not offered, and the model was not told of it: {why}")
    for name in sorted((wish.allowed or frozenset()) - set(wish.declared) - {tool.name for tool in job.request.tools}):
        if wish.pictures is None or name not in wish.pictures.tools:
            said.append(f"'tool_choice' allows '{name}', and the model was not told of it: {offer.why_not(name)}")
    return said
