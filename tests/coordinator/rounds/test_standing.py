from coordinator.dispatch.effects import Deliver
from coordinator.media.handles import Medium
from coordinator.media.results import Piece, Result
from coordinator.rounds.course import Covered
from coordinator.rounds.events import ToolProgress
from coordinator.rounds.standing import TOGETHER_CHARS, VERSION, Log, Said, Standing, made, read, write
from tests.coordinator.rounds.scripts import artefact, says, thinks, url
from wire.chat import Content, Part, Usage
from wire.messages import TokenLogprob


def standing(*results: Result, log: tuple[Said | ToolProgress, ...] = (), version: int = VERSION) -> Standing:
    covered = Covered(2, Usage(prompt=1, completion=2), "", results[:1], ())
    return Standing(covered, "a", "b", False, (), "N.2.0", "tool_calls", results[1:], (), (), log, version)


def drawn(number: int, handle: str | None) -> Result:
    return Result(f"c{number}", "draw", (Piece(artefact(number), url(number), handle),), "image")


def test_it_is_read_as_it_was_written_and_not_at_all_by_another_version() -> None:
    progress = ToolProgress("1.1", "c1", "draw", "{}", "done", 100, result=drawn(1, "media:1"))
    one = standing(drawn(1, "media:1"), log=(Said((Content(text="hm"),), 3), progress))
    assert read(write(one)) == one
    assert read(write(standing(version=VERSION + 1))) is None
    assert read(b"{}") is None


def test_what_was_made_is_told_in_the_order_of_its_handles() -> None:
    one = standing(drawn(1, "media:3"), drawn(2, "media:2"), drawn(3, None), drawn(4, "media:10"))
    assert made(one) == [Medium("image", artefact=artefact(number).id) for number in (2, 1, 4)]


def test_what_was_said_is_kept_together_and_told_again_as_it_was() -> None:
    log = Log()
    words = [thinks("so"), thinks(" be"), says("it"), says(), says(" is"), says("." * TOGETHER_CHARS), says("!")]
    log.add(words)
    log.add([ToolProgress("1.1", "c1", "draw", "{}", "running", 50)])
    assert len(log.entries) == 3, "the thought, the answer, and what is too long to be joined"
    parts = [part for event in log.events("N.0") if isinstance(event, Deliver) for part in event.delta.parts]
    assert texts(parts) == texts([part for event in words for part in event.delta.parts])


def test_what_has_logprobs_stays_apart() -> None:
    event = says("a")
    delta = event.delta.model_copy(update={"logprobs": (TokenLogprob(bytes=(97,), logprob=-0.5),)})
    log = Log()
    log.add([Deliver("N.0", delta, 1), Deliver("N.0", delta, 2), says("b")])
    again = [event for event in log.events("N.0") if isinstance(event, Deliver)]
    assert [len(event.delta.logprobs) for event in again] == [1, 1, 0]
    assert [event.completion for event in again] == [1, 2, 1]


def texts(parts: list[Part]) -> list[tuple[str, str]]:
    """Kind and text, those of one kind together."""
    joined: list[tuple[str, str]] = []
    for part in parts:
        kind, text = type(part).__name__, getattr(part, "text", "")
        if joined and joined[-1][0] == kind:
            joined[-1] = kind, joined[-1][1] + text
        else:
            joined.append((kind, text))
    return joined
