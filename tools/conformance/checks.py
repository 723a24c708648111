"""The checks, in the order in which they run: sentences of docs/protocol.md, tried. A Violation fails one."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from websockets.exceptions import ConnectionClosed

from tools.conformance.coordinator import ANSWER_S, DIAL_S, JOB_S, Attempt, Coordinator, Link, Violation
from wire import messages as wire
from wire.codec import encode
from wire.errors import ErrorCode

Check = Callable[[Coordinator], Awaitable[None]]

LONG = 2000  # tokens of an answer that is not to end by itself
SHORT = 12
BEAT_S = 1.0
WINDOW = 32
SLACK = 64  # tokens of an engine's step that may be on the way when the window is full
CANCEL_S = 10.0


def need(condition: object, otherwise: str) -> None:
    if not condition:
        raise Violation(otherwise)


async def hello(kit: Coordinator) -> None:
    """The worker dials the right path with key and subprotocol, and says a valid hello with at least one model."""
    await kit.drop()
    link = await kit.dialled()
    need(link.hello.protocol == wire.PROTOCOL_VERSION, f"speaks protocol {link.hello.protocol}")
    need(link.hello.models, "offers no model")


async def welcome(kit: Coordinator) -> None:
    """After welcome it reports capacity, and its model becomes ready with free slots within those offered."""
    await kit.drop()
    link = await kit.dialled()
    await link.welcome()
    await link.until(lambda: link.capacity, "a capacity after the welcome")
    await link.ready()
    state = link.state
    need(state and state.slots <= link.model.slots, "has more slots than its hello offered")
    need(state and 0 < state.free <= state.slots, f"is ready, idle, and reports {state and state.free} free slots")


async def heartbeat(kit: Coordinator) -> None:
    """Capacity comes at least every heartbeat_s of the welcome, without being asked."""
    await kit.drop()
    link = await kit.dialled()
    await link.welcome(heartbeat_s=BEAT_S * kit.pace)
    await link.ready()
    before = link.capacities
    await link.until(lambda: link.capacities >= before + 3, "three heartbeats", 6 * BEAT_S)


async def job(kit: Coordinator) -> None:
    """A start is accepted, its deltas are numbered from 0 without gaps, done ends it, and usage counts its tokens."""
    link = await kit.link()
    attempt = await link.start(SHORT, kit.job())
    await link.served(attempt)
    need(attempt.end.finish_reason == "length", f"finished for {attempt.end.finish_reason} at max_tokens")
    need(len(attempt.tokens) == SHORT, f"sent {len(attempt.tokens)} tokens: {SHORT} were asked for")
    need(attempt.end.usage.completion == SHORT, f"counts {attempt.end.usage.completion} tokens in usage")


async def unknown_fields(kit: Coordinator) -> None:
    """Fields that it does not know are ignored."""
    link = await kit.link()
    attempt = link.offer(SHORT, kit.job())
    frame = json.loads(encode(attempt.start))
    frame["from_the_future"] = frame["request"]["from_the_future"] = {"a": [1]}
    await link.send(json.dumps(frame))
    await link.served(attempt)


async def unknown_frame(kit: Coordinator) -> None:
    """A frame of unknown type is answered with an error frame, and changes nothing else."""
    await _complains(kit, '{"type":"from_the_future"}')


async def garbage(kit: Coordinator) -> None:
    """What is no frame is answered with an error frame, and changes nothing else."""
    for frame in ("not json", "[]", '{"type":"start","job":"a/../b","attempt":0}'):
        await _complains(kit, frame)


async def _complains(kit: Coordinator, frame: str) -> None:
    link = await kit.link()
    before = len(link.errors)
    await link.send(frame)
    await link.until(lambda: len(link.errors) > before, f"an error frame for {frame}")
    await link.served(await link.start(SHORT, kit.job()))


async def unknown_model(kit: Coordinator) -> None:
    """A start for a model that it does not serve is refused."""
    link = await kit.link()
    attempt = await link.start(SHORT, kit.job(), model="no-such-model")
    await link.until(lambda: attempt.end, "a refusal")
    need(isinstance(attempt.end, wire.Refused), f"answered with {attempt.end.type}")


async def busy(kit: Coordinator) -> None:
    """With every slot taken a further start is refused, and the capacity shows no free slot."""
    link = await kit.link()
    state = link.state
    assert state is not None, "the link is ready"
    running = [await link.start(LONG, kit.job()) for _ in range(state.slots)]
    await link.until(lambda: all(attempt.frames or attempt.end for attempt in running), "tokens of every slot", JOB_S)
    extra = await link.start(SHORT, kit.job())
    await link.until(lambda: extra.end, "a refusal when every slot is taken")
    need(isinstance(extra.end, wire.Refused), f"{state.slots + 1} jobs run in {state.slots} slots")
    full = "a capacity without free slots while all are taken"
    await link.until(lambda: link.state and link.state.free == 0, full, 2 * wire.HEARTBEAT_S)
    for attempt in running:
        if attempt.end is None:
            await link.cancel(attempt)
    await link.until(lambda: all(attempt.end for attempt in running), "the end of cancelled jobs", CANCEL_S)


async def cancel(kit: Coordinator) -> None:
    """A cancelled job ends within 10 s as cancelled, its slot is free again, and nothing more comes of it."""
    link = await kit.link()
    attempt = await _running(link, kit)
    await link.cancel(attempt)
    await link.until(lambda: attempt.end, "the end of a cancelled job", CANCEL_S)
    need(not isinstance(attempt.end, wire.Failed), "a cancelled job failed")
    need(len(attempt.tokens) < LONG, "a cancelled job was finished all the same")
    await link.until(lambda: link.state and link.state.free == link.state.slots, "the slot to be free again")
    await link.silence(0.5)


async def cancel_of_nothing(kit: Coordinator) -> None:
    """A cancel for an attempt that it does not know changes nothing."""
    link = await kit.link()
    await link.send(wire.Cancel(job=kit.job(), attempt=1))
    await link.served(await link.start(SHORT, kit.job()))


async def started_twice(kit: Coordinator) -> None:
    """A repeated start is answered with an error frame, and the attempt goes on to its one end."""
    link = await kit.link()
    attempt = await _running(link, kit, tokens=200)
    before = len(link.errors)
    await link.send(attempt.start)
    await link.until(lambda: len(link.errors) > before or attempt.end, "an error frame for a repeated start")
    need(len(link.errors) > before, "a repeated start was not answered with an error frame")
    await link.served(attempt)


async def window(kit: Coordinator) -> None:
    """With a window of tokens that are not acknowledged the job pauses; an ack lets it go on."""
    await kit.drop()
    link = await kit.dialled()
    await link.welcome(window_tokens=WINDOW)
    await link.ready()
    link.acking = False
    attempt = await link.start(4 * WINDOW + SLACK, kit.job())
    await link.until(lambda: len(attempt.tokens) >= WINDOW // 2, "the first tokens", JOB_S)
    await link.silence(3.0)
    sent = len(attempt.tokens)
    need(sent <= WINDOW + SLACK, f"sent {sent} tokens into a window of {WINDOW}")
    link.acking = True
    await link.ack(attempt)
    await link.served(attempt)


async def resume(kit: Coordinator) -> None:
    """After a cut it dials again, names session and attempts, and goes on where the coordinator says."""
    link = await kit.link()
    attempt = await _running(link, kit)
    session = link.session
    await kit.drop()
    again = await kit.dialled()
    _named(again, attempt.start.job, session)
    have = len(attempt.frames)
    await again.welcome(kept=(wire.KeptJob(job=attempt.start.job, attempt=1, next_seq=have),))
    await again.until(lambda: len(attempt.frames) > have, "the job to go on after a resume", JOB_S)
    await again.cancel(attempt)
    await again.until(lambda: attempt.end, "the end of a cancelled job", CANCEL_S)


async def replay(kit: Coordinator) -> None:
    """Frames that were not acknowledged are sent again after a resume, the very same ones."""
    link = await kit.link()
    link.acking = False
    attempt = await _running(link, kit, frames=6)
    session, seen = link.session, list(attempt.frames)
    await kit.drop()
    again = await kit.dialled()
    _named(again, attempt.start.job, session)
    attempt.frames = seen[:2]
    await again.welcome(kept=(wire.KeptJob(job=attempt.start.job, attempt=1, next_seq=2),))
    await again.until(lambda: len(attempt.frames) >= len(seen), "the replay of frames that did not arrive", JOB_S)
    need(attempt.frames[: len(seen)] == seen, "the replayed frames are not those that were sent")
    await again.cancel(attempt)
    await again.until(lambda: attempt.end, "the end of a cancelled job", CANCEL_S)


async def forgotten(kit: Coordinator) -> None:
    """An attempt that the welcome does not keep is stopped, and nothing is said of it again."""
    link = await kit.link()
    attempt = await _running(link, kit)
    await kit.drop()
    again = await kit.dialled()
    del kit.attempts[attempt.start.job, 1]  # from here on, any frame of it is a violation
    await again.welcome()
    await again.until(lambda: again.state and again.state.free == again.state.slots, "its slot to be free", CANCEL_S)
    await again.silence(0.5)


async def continued(kit: Coordinator) -> None:
    """A start with delivered tokens goes on with the very tokens that would have followed them."""
    link = await kit.link()
    whole = await link.start(2 * SHORT, kit.job())
    await link.served(whole)
    rest = await link.start(2 * SHORT, kit.job(), attempt=2, delivered=tuple(whole.tokens[:SHORT]))
    await link.served(rest)
    need(rest.tokens == whole.tokens[SHORT:], "the rest of an answer is not what the whole answer has there")


async def move(kit: Coordinator) -> None:
    """Asked to move it closes, dials again after the pause, and resumes."""
    link = await kit.link()
    await link.send(wire.Move(after_s=0.5))
    again = await kit.dialled(DIAL_S)
    need(link.socket.close_code is not None or link.socket.state.name != "OPEN", "kept the old connection open")
    await again.welcome()
    await again.ready()
    await again.served(await again.start(SHORT, kit.job()))


async def drain(kit: Coordinator) -> None:
    """Asked to drain it says so, refuses starts, finishes what runs, and leaves with a polite close."""
    link = await kit.link()
    attempt = await _running(link, kit, tokens=100)
    await link.send(wire.Drain(deadline_s=60))
    await link.until(lambda: link.draining, "a draining frame")
    if attempt.end is None:
        late = await link.start(SHORT, kit.job())
        await link.until(lambda: late.end, "a refusal while draining")
        need(isinstance(late.end, wire.Refused), f"took a job while draining: {late.end.type}")
        need(late.end.code is ErrorCode.WORKER_DRAINING, f"refused with {late.end.code}, not worker_draining")
        await link.served(attempt)
    try:
        async with asyncio.timeout((60 + ANSWER_S) * kit.pace):
            while True:
                await link.socket.recv()
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else None
        need(code in (1000, 1001), f"left with close code {code}: 1000 or 1001 say that it will not resume")
    except TimeoutError:
        raise Violation("did not leave") from None


async def _running(link: Link, kit: Coordinator, tokens: int = LONG, frames: int = 1) -> Attempt:
    attempt = await link.start(tokens, kit.job())
    await link.until(lambda: len(attempt.frames) >= frames or attempt.end, "the first tokens of a job", JOB_S)
    need(attempt.end is None, f"a job of {tokens} tokens ended at once")
    return attempt


def _named(link: Link, job: str, session: str) -> None:
    resumed = link.hello.resume
    need(resumed and resumed.session == session, "hello after a cut does not name the session that it had")
    need(resumed and any(each.job == job for each in resumed.jobs), "hello after a cut does not name the running job")


CHECKS: dict[str, Check] = {
    check.__name__.replace("_", "-"): check
    for check in (
        hello,
        welcome,
        heartbeat,
        job,
        unknown_fields,
        unknown_frame,
        garbage,
        unknown_model,
        busy,
        cancel,
        cancel_of_nothing,
        started_twice,
        continued,
        window,
        resume,
        replay,
        forgotten,
        move,
        drain,  # last: the worker leaves
    )
}
