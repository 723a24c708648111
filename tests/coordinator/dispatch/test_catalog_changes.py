"""A catalog changes under workers that are connected: what is removed ends well, what is new is taken."""

from coordinator.dispatch.effects import Failed, Finished, Noted
from program.catalog import load_catalog
from tests.coordinator.dispatch.driver import Driver, M
from wire import messages as wire
from wire.offers import ModelOffer

SPEC = load_catalog(None).models[0]


def hello(driver: Driver, worker: str = "w1") -> wire.Hello:
    found = driver.dispatch.worker(f"gpus/{worker}")
    assert found is not None
    return found.hello


def test_jobs_of_a_model_that_was_removed_end_well_those_that_wait_too_and_then_it_is_gone() -> None:
    driver = Driver()
    driver.join(slots=1)
    driver.submit("j1")
    _, first = driver.started()
    driver.submit("j2")
    assert driver.place("j2") == 1
    driver.dispatch.catalog.removed({M: SPEC})
    driver.passes(1, alive=("w1",))
    driver.serves("w1", first)
    assert driver.one(Finished).job == "j1"
    _, second = driver.started()
    driver.serves("w1", second)
    assert driver.one(Finished).job == "j2"
    driver.passes(0.25, alive=("w1",))
    assert driver.dispatch.catalog.outgoing == {}
    assert driver.dispatch.workers[0].replicas == {} and driver.dispatch.online(M).workers == 0
    driver.submit("j3")
    assert driver.one(Failed).job == "j3"


def test_a_job_of_it_whose_worker_dies_goes_on_at_another() -> None:
    driver = Driver()
    driver.join("w1")
    driver.submit("j1")
    driver.started()
    driver.join("w2")
    driver.dispatch.catalog.removed({M: SPEC})
    driver.drops("w1", resumable=False)
    assert driver.started()[0] == "w2"


def test_an_offer_that_is_not_taken_any_more_gets_no_job_and_what_runs_there_ends() -> None:
    driver = Driver()
    session = driver.join("w1")
    driver.submit("j1")
    _, start = driver.started()
    driver.join("w2")
    driver.dispatch.catalog.offers(session, hello(driver).model_copy(update={"models": ()}), driver.now)
    driver.submit("j2")
    assert driver.started()[0] == "w2"
    driver.serves("w1", start)
    assert driver.one(Finished).job == "j1"
    driver.passes(30, alive=("w1", "w2"))
    assert driver.dispatch.online(M).workers == 1


def test_an_offer_that_is_taken_now_waits_for_the_next_word_of_its_engine_and_then_has_those_that_wait() -> None:
    driver = Driver()
    session = driver.dial("w1")
    whole = hello(driver)
    driver.dispatch.catalog.offers(session, whole.model_copy(update={"models": ()}), driver.now)
    driver.dispatch.catalog.offers(session, whole, driver.now)
    assert driver.dispatch.online(M).workers == 0, "it has not said that it is ready"
    driver.capacity("w1")
    driver.submit("j1")
    assert driver.started()[0] == "w1"


def test_a_smaller_context_counts_at_once_and_leaves_the_slots_as_they_are() -> None:
    driver = Driver()
    session = driver.join("w1", slots=1)
    driver.submit("j1")
    less = ModelOffer(id=M, context=512, slots=1)
    driver.dispatch.catalog.offers(session, hello(driver).model_copy(update={"models": (less,)}), driver.now)
    online = driver.dispatch.online(M)
    assert (online.context, online.slots, online.free) == (512, 1, 0)


def test_a_session_that_has_ended_and_a_hello_that_is_the_same_change_nothing() -> None:
    driver = Driver()
    session = driver.join("w1")
    driver.dispatch.catalog.offers("another", hello(driver).model_copy(update={"models": ()}), driver.now)
    driver.dispatch.catalog.offers(session, hello(driver), driver.now)
    driver.passes(0.25, alive=("w1",))
    assert not driver.all(Noted) and driver.dispatch.online(M).workers == 1
