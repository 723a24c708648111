"""Whatever comes in whatever order, every attempt with pictures ends once, and nothing of it stays behind."""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.thoroughness import at_most
from tests.worker.session.pictured import LARGE, OTHER, PIXELS, SMALL, ask, blob, picture, pieces, prepared, seeing
from tests.worker.session.transcript import M
from wire.blobs import Need
from wire.errors import ErrorCode, SupernetError
from wire.messages import Ack, AckItem, Cancel, Welcome
from worker.engine import port
from worker.session import effects
from worker.session.pictures import SILENT_S

SLOTS = 3
FILES = (SMALL, LARGE, OTHER)
ENDS = ("refused", "done", "failed", "cancelled")
PIECES = [part for data in FILES for part in pieces(data)]
PIECES += [blob(b"wrong", of=SMALL), blob(b"?" * len(OTHER), of=OTHER)]


class Orders(RuleBasedStateMachine):
    """A coordinator, a line, a reader, a preparer and an engine that do what they may in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.session = seeing(SLOTS)
        self.now = 0.0
        self.up = True
        self.started: dict[str, bool] = {}  # job -> its line was never lost
        self.ends: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.reading: list[effects.ReadPictures] = []
        self.preparing: list[effects.Prepare] = []
        self.shown: set[str] = set()
        self.running: list[port.Submit] = []

    def perform(self, found: list[effects.Effect]) -> None:
        for effect in found:
            match effect:
                case effects.Send(message=Need() as need):
                    self.asked[need.job] += 1
                case effects.Send(message=message):
                    assert self.up, "nothing is said into a lost line"
                    kind: str = getattr(message, "type", "")
                    if kind in ENDS:
                        self._ended(message, kind)
                case effects.ReadPictures():
                    self.reading.append(effect)
                case effects.Prepare():
                    self.preparing.append(effect)
                case effects.Command(command=port.Picture(id=name)):
                    self.shown.add(name)
                case effects.Command(command=port.Submit() as submit):
                    assert {one.digest for one in submit.pictures} <= self.shown
                    self.running.append(submit)
                case _:
                    pass

    def _ended(self, message: Any, kind: str) -> None:
        self.ends[message.job] += 1
        if kind != "refused":
            item = AckItem(job=message.job, attempt=message.attempt, next_seq=message.seq + 1)
            self.perform(self.session.received(Ack(items=(item,)), self.now))

    # ---- what may happen ---------------------------------------------------------------------------------------------

    @precondition(lambda self: self.up)
    @rule(numbers=st.lists(st.integers(0, 2), min_size=1, max_size=4))
    def start(self, numbers: list[int]) -> None:
        job = f"j{len(self.started)}"
        self.started[job] = True
        self.perform(self.session.received(ask(*(FILES[n] for n in numbers), job=job), self.now))

    @precondition(lambda self: self.up)
    @rule(number=st.integers(0, len(PIECES) - 1))
    def piece(self, number: int) -> None:
        part = PIECES[number]
        useless = self.session.useless(part)
        before = self.session.jobs.chats.pictures.blobs.size_bytes
        found = self.session.received(part, self.now)
        if useless:
            assert found == [] and self.session.jobs.chats.pictures.blobs.size_bytes == before
        self.perform(found)

    @precondition(lambda self: self.up)
    @rule(number=st.integers(0, 2))
    def whole_file(self, number: int) -> None:
        for part in pieces(FILES[number]):
            self.perform(self.session.received(part, self.now))

    @precondition(lambda self: self.up and self.started)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.started)))
        self.perform(self.session.received(Cancel(job=job, attempt=1), self.now))

    @precondition(lambda self: self.reading)
    @rule(fault=st.sampled_from([None, None, None, ErrorCode.INVALID_REQUEST, ErrorCode.WORKER_BUSY]))
    def read(self, fault: ErrorCode | None) -> None:
        effect = self.reading.pop(0)
        for file in effect.files:
            if fault:
                self.perform(self.session.picture_failed(effect, SupernetError(fault, "is damaged")))
                return
            self.perform(self.session.picture_read(effect, picture(file.sha256[:6]), PIXELS))
            if not self.session.jobs.chats.pictures.reads(effect):
                return

    @precondition(lambda self: self.preparing)
    @rule(works=st.booleans())
    def prepare(self, works: bool) -> None:
        effect = self.preparing.pop(0)
        if works:
            self.perform(self.session.prepared(effect.key, prepared(*effect.seen)))
        else:
            why = SupernetError(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "too long")
            self.perform(self.session.prepare_failed(effect.key, why))

    @precondition(lambda self: self.running)
    @rule(reason=st.sampled_from(["stop", "cancelled", "failed"]))
    def engine_ends(self, reason: Any) -> None:
        self.perform(self.session.engine(M, port.Ended(self.running.pop(0).job, reason)))

    @precondition(lambda self: self.up)
    @rule()
    def lose_the_line(self) -> None:
        self.up = False
        self.session.link_lost(self.now)
        self.started = dict.fromkeys(self.started, False)

    @precondition(lambda self: not self.up)
    @rule()
    def dial(self) -> None:
        self.session.resume()
        self.up = True
        self.perform(self.session.received(Welcome(session="s1"), self.now))

    @rule(passed_s=st.sampled_from([0.25, SILENT_S]))
    def time_passes(self, passed_s: float) -> None:
        self.now += passed_s
        self.perform(self.session.tick(self.now))

    # ---- what holds --------------------------------------------------------------------------------------------------

    @invariant()
    def once(self) -> None:
        assert not any(count > 1 for count in self.ends.values()), self.ends
        assert not any(count > 1 for count in self.asked.values()), "each asks once"
        assert self.session.models[M].slots.held <= SLOTS

    def teardown(self) -> None:
        """Let all that is under way end: then every job has, and nothing is left."""
        if not self.up:
            self.dial()
        for _ in range(2):
            self.time_passes(SILENT_S)
        while self.reading:
            self.read(None)
        while self.preparing:
            self.prepare(True)
        while self.running:
            self.engine_ends("cancelled")
        assert not self.session.jobs.attempts and self.session.models[M].slots.free == SLOTS
        assert all(self.ends[job] == 1 for job, known in self.started.items() if known), self.ends
        blobs = self.session.jobs.chats.pictures.blobs
        assert all(not entry.claims for entry in blobs._entries.values())
        assert not self.session.jobs.chats.pictures._unread


TestOrders = Orders.TestCase
TestOrders.settings = settings(max_examples=at_most(60), stateful_step_count=30, deadline=None)
