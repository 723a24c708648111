"""What a request says of the platform tools: whether it wants them, who runs them, and what it is told meanwhile."""

from coordinator.openai.fields import Fields
from coordinator.openai.tools import Chosen
from coordinator.request import PictureWish, PlatformWish
from wire.errors import invalid

WANTED = (True, "creative-tools", "creative-agent", "rich")  # the words are those of Sogni's own clients
UNWANTED = (False, "none")


def read_wanted(fields: Fields) -> bool | None:
    """Read `sogni_tools`; None without it."""
    value = fields.take("sogni_tools")
    if value is None:
        return None
    for wanted, values in ((True, WANTED), (False, UNWANTED)):
        if any(type(value) is type(one) and value == one for one in values):
            return wanted
    listed = ", ".join(map(repr, (*WANTED[1:], UNWANTED[1])))
    raise invalid("sogni_tools", f"Invalid 'sogni_tools': supported values are true, false, {listed}.")


def read_platform(
    fields: Fields,
    wanted: bool | None,
    chosen: Chosen,
    *,
    progress: bool = False,
    pictures: PictureWish | None = None,
) -> PlatformWish:
    """`chosen`: the tool_choice, whatever tools the request declares itself."""
    run = fields.flag("sogni_tool_execution")
    return PlatformWish(wanted, run is not False, progress, chosen.choice, chosen.allowed, pictures)


def plain_choice(chosen: Chosen) -> str:
    """The choice among the request's own tools, as it holds where no other is declared."""
    tools, choice = chosen.tools, chosen.choice
    name = choice.removeprefix("name:")
    holds = bool(tools) if name == choice else any(tool.name == name for tool in tools)
    return choice if holds else "none"
