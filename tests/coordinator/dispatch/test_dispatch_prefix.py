"""Conversations find the worker that has read them, through the real dispatch."""

from coordinator.scheduler.prefix_affinity import prompt_prefixes
from coordinator.scheduler.state import JobSpec
from tests.coordinator.dispatch.driver import Driver, M
from wire import messages as wire
from wire.chat import ChatRequest, Message

LONG = "a long text about nothing in particular " * 200


def chat(*texts: str) -> ChatRequest:
    roles = ("system", "user", "assistant")
    turns = [Message(role=roles[0 if i == 0 else 1 + (i - 1) % 2], content=text) for i, text in enumerate(texts)]
    return ChatRequest(messages=tuple(turns), max_tokens=100)


def two_workers() -> Driver:
    driver = Driver()
    driver.join("w1", slots=2)
    driver.join("w2", slots=2)
    return driver


def ask(driver: Driver, job: str, request: ChatRequest, account: str = "client", session: str = "") -> str:
    """Serve a whole job; which worker had it."""
    driver.now += 1
    spec = JobSpec(job, account, M, request, 1, session=session)
    driver.out = driver.dispatch.submit(spec, driver.now)
    worker, start = driver.started()
    driver.accepts(worker, job, start.attempt)
    driver.delta(worker, job, start.attempt, 0, "yes")
    driver.done(worker, job, start.attempt, 1)
    return worker


def trusting(driver: Driver) -> Driver:
    """The hand-driven workers say that 3 of 7 tokens were cached, whatever was asked: believe them fully again."""
    for worker in driver.dispatch.workers:
        worker.replicas[M].prefix_index.trust = 1.0
    return driver


def test_every_turn_of_a_conversation_goes_where_the_last_one_went() -> None:
    driver = two_workers()
    home = ask(driver, "j1", chat(LONG, "hello"))
    other = ask(driver, "k1", chat("another system prompt", "hello"))
    assert other != home, "equals take turns"
    assert ask(trusting(driver), "j2", chat(LONG, "hello", "yes", "and now?")) == home
    assert ask(trusting(driver), "j3", chat(LONG, "hello", "yes", "and now?", "yes", "again?")) == home


def test_chats_that_share_a_system_prompt_go_where_it_is_also_for_another_account() -> None:
    driver = two_workers()
    home = ask(driver, "j1", chat(LONG, "hello"))
    assert ask(trusting(driver), "j2", chat(LONG, "something else"), account="another") == home


def test_a_session_that_the_client_names_stays_where_it_was() -> None:
    driver = two_workers()
    home = ask(driver, "j1", chat("a", "hello"), session="s1")
    assert ask(driver, "k1", chat("b", "hello"), session="s2") != home
    assert ask(trusting(driver), "j2", chat(LONG, "all that was said before, in short"), session="s1") == home


def test_a_worker_without_a_free_slot_is_not_waited_for() -> None:
    driver = Driver()
    driver.join("w1", slots=1)
    driver.join("w2", slots=1)
    home = ask(driver, "j1", chat(LONG, "hello"))
    driver.submit("blocks", request=chat(LONG, "hello", "yes", "more"))
    assert driver.started()[0] == home
    assert ask(driver, "j2", chat(LONG, "hello", "yes", "and now?")) != home


def test_an_engine_that_was_down_has_forgotten() -> None:
    driver = two_workers()
    home = ask(driver, "j1", chat(LONG, "hello"))
    assert known(driver, home)
    driver.capacity(home, status="down")
    driver.capacity(home)
    assert not known(driver, home)


def test_a_new_process_has_forgotten_and_a_new_socket_has_not() -> None:
    driver = two_workers()
    home = ask(driver, "j1", chat(LONG, "hello"))
    driver.drops(home)
    driver.redials(home)
    assert known(driver, home)
    driver.drops(home)
    driver.dial(home, instance="b")
    assert not known(driver, home)


def test_what_the_worker_says_was_cached_teaches_how_far_to_believe() -> None:
    driver = two_workers()
    home = ask(driver, "j1", chat(LONG, "hello"))
    replica = next(worker for worker in driver.dispatch.workers if worker.key.endswith(home)).replicas[M]
    assert replica.prefix_index.trust == 1.0, "nothing was believed of the first"
    assert ask(driver, "j2", chat(LONG, "hello", "yes", "and now?")) == home
    assert 0 < replica.prefix_index.trust < 1.0, "all was believed, and 3 of 7 were cached"


def test_a_prompt_counts_as_read_at_the_first_token() -> None:
    driver = two_workers()
    driver.submit("j1", request=chat(LONG, "hello"))
    worker, start = driver.started()
    assert isinstance(start, wire.Start)
    driver.accepts(worker)
    assert not known(driver, worker)
    driver.delta(worker, tokens="y")
    assert known(driver, worker)


def known(driver: Driver, worker: str) -> int:
    replica = next(each for each in driver.dispatch.workers if each.key.endswith(worker)).replicas[M]
    return replica.prefix_index.cached_tokens(prompt_prefixes(chat(LONG, "hello"), "client"))
