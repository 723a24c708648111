"""Conversations find the worker that has read them, through the real dispatch."""

from coordinator.scheduler.prefix_affinity import trail
from coordinator.scheduler.state import JobSpec
from tests.coordinator.dispatch.driver import Desk, M
from wire import messages as wire
from wire.chat import ChatRequest, Message

LONG = "a long text about nothing in particular " * 200


def chat(*texts: str) -> ChatRequest:
    roles = ("system", "user", "assistant")
    turns = [Message(role=roles[0 if i == 0 else 1 + (i - 1) % 2], content=text) for i, text in enumerate(texts)]  # type: ignore[arg-type]
    return ChatRequest(messages=tuple(turns), max_tokens=100)


def two_workers() -> Desk:
    desk = Desk()
    desk.join("w1", slots=2)
    desk.join("w2", slots=2)
    return desk


def ask(desk: Desk, job: str, request: ChatRequest, account: str = "client", session: str = "") -> str:
    """Serve a whole job; which worker had it."""
    desk.now += 1
    spec = JobSpec(job, account, M, request, 1, session=session)
    desk.out = desk.dispatch.submit(spec, desk.now)
    worker, start = desk.started()
    desk.accepts(worker, job, start.attempt)
    desk.delta(worker, job, start.attempt, 0, "yes")
    desk.done(worker, job, start.attempt, 1)
    return worker


def trusting(desk: Desk) -> Desk:
    """The hand-driven workers say that 3 of 7 tokens were cached, whatever was asked: believe them fully again."""
    for worker in desk.dispatch.workers:
        worker.seats[M].remembered.trust = 1.0
    return desk


def test_every_turn_of_a_conversation_goes_where_the_last_one_went() -> None:
    desk = two_workers()
    home = ask(desk, "j1", chat(LONG, "hello"))
    other = ask(desk, "k1", chat("another system prompt", "hello"))
    assert other != home, "equals take turns"
    assert ask(trusting(desk), "j2", chat(LONG, "hello", "yes", "and now?")) == home
    assert ask(trusting(desk), "j3", chat(LONG, "hello", "yes", "and now?", "yes", "again?")) == home


def test_chats_that_share_a_system_prompt_go_where_it_is_also_for_another_account() -> None:
    desk = two_workers()
    home = ask(desk, "j1", chat(LONG, "hello"))
    assert ask(trusting(desk), "j2", chat(LONG, "something else"), account="another") == home


def test_a_session_that_the_client_names_stays_where_it_was() -> None:
    desk = two_workers()
    home = ask(desk, "j1", chat("a", "hello"), session="s1")
    assert ask(desk, "k1", chat("b", "hello"), session="s2") != home
    assert ask(trusting(desk), "j2", chat(LONG, "all that was said before, in short"), session="s1") == home


def test_a_worker_without_a_free_slot_is_not_waited_for() -> None:
    desk = Desk()
    desk.join("w1", slots=1)
    desk.join("w2", slots=1)
    home = ask(desk, "j1", chat(LONG, "hello"))
    desk.submit("blocks", request=chat(LONG, "hello", "yes", "more"))
    assert desk.started()[0] == home
    assert ask(desk, "j2", chat(LONG, "hello", "yes", "and now?")) != home


def test_an_engine_that_was_down_has_forgotten() -> None:
    desk = two_workers()
    home = ask(desk, "j1", chat(LONG, "hello"))
    assert known(desk, home)
    desk.capacity(home, status="down")
    desk.capacity(home)
    assert not known(desk, home)


def test_a_new_process_has_forgotten_and_a_new_socket_has_not() -> None:
    desk = two_workers()
    home = ask(desk, "j1", chat(LONG, "hello"))
    desk.drops(home)
    desk.redials(home)
    assert known(desk, home)
    desk.drops(home)
    desk.dial(home, instance="b")
    assert not known(desk, home)


def test_what_the_worker_says_was_cached_teaches_how_far_to_believe() -> None:
    desk = two_workers()
    home = ask(desk, "j1", chat(LONG, "hello"))
    seat = next(worker for worker in desk.dispatch.workers if worker.key.endswith(home)).seats[M]
    assert seat.remembered.trust == 1.0, "nothing was believed of the first"
    assert ask(desk, "j2", chat(LONG, "hello", "yes", "and now?")) == home
    assert 0 < seat.remembered.trust < 1.0, "all was believed, and 3 of 7 were cached"


def test_a_prompt_counts_as_read_at_the_first_token() -> None:
    desk = two_workers()
    desk.submit("j1", request=chat(LONG, "hello"))
    worker, start = desk.started()
    assert isinstance(start, wire.Start)
    desk.accepts(worker)
    assert not known(desk, worker)
    desk.delta(worker, tokens="y")
    assert known(desk, worker)


def known(desk: Desk, worker: str) -> int:
    seat = next(each for each in desk.dispatch.workers if each.key.endswith(worker)).seats[M]
    return seat.remembered.known(trail(chat(LONG, "hello"), "client"))
