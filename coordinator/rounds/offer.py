"""Which platform tools a request is given: those that somebody serves at this moment, where all who have a say agree.

They cost the client the tokens that declare them, as a part of its prompt; where nothing is served nothing is declared.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

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
UNSERVED = "'sogni_tools': no worker serves any of these tools at the moment, so the model was told of none"


def served(catalog: Sequence[MediaSpec], ready: Ready) -> frozenset[str]:
    """Names of the tools that a worker can be asked for."""
    return frozenset(PREFIX + tool for tool in TOOLS if any(ready.serves(spec, tool) for spec in catalog))


def offered(job: ChatJob, names: frozenset[str], context: int, mode: Mode) -> tuple[Tool, ...]:
    """The tools for a request, of those that are served. `context`: tokens that a worker has for it."""
    wanted = job.platform.wanted
    if wanted is False or mode == "off" or (mode == "opt-in" and not wanted):
        return ()
    request = job.request
    if job.n > 1 or request.json_schema is not None:
        return ()  # several answers would draw several times, and a link makes JSON none
    choice = job.platform.choice
    if choice == "none" or (choice.startswith("name:") and choice.removeprefix("name:") not in NAMES):
        return ()  # none of them could be called
    tools = platform.declared(names, context, {tool.name for tool in request.tools})
    if len(request.tools) + len(tools) > MAX_TOOLS or len(request.messages) + MESSAGES > MAX_MESSAGES:
        return ()
    return tools


def given(job: ChatJob, tools: Sequence[Tool]) -> ChatJob:
    """The request with these tools declared, before its own: so what comes first is the same for all. Raises
    invalid_request if it cannot do without one that it is not given."""
    request, choice = job.request, job.platform.choice
    if tools:
        chosen = request.model_copy(update={"tools": (*tools, *request.tools), "tool_choice": choice})
        declared = tuple(tool.name for tool in tools)
        job = replace(job, request=chosen, platform=replace(job.platform, declared=declared))
    elif job.platform.wanted:
        job = replace(job, warnings=(*job.warnings, UNSERVED))
    known = {tool.name for tool in job.request.tools}
    name = choice.removeprefix("name:")
    if name != choice and name not in known:
        what = "no worker serves it at the moment" if name in NAMES else "no tool in 'tools' has this name"
        raise invalid("tool_choice", f"Invalid 'tool_choice': '{name}' is not declared: {what}.")
    if choice == "required" and not known:
        raise invalid("tool_choice", "Invalid 'tool_choice': 'required' needs at least one function in 'tools'.")
    return job
