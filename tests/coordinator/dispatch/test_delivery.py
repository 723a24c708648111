from coordinator.dispatch.effects import Deliver
from tests.coordinator.dispatch.driver import Driver


def test_a_client_gets_each_token_once_with_their_number_so_far() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts()
    driver.delta(seq=0, tokens="ab")
    assert driver.one(Deliver).completion == 2
    driver.delta(seq=1, tokens="c")
    assert (driver.one(Deliver).completion, driver.text()) == (3, "c")
    driver.delta(seq=1, tokens="c")
    assert not driver.all(Deliver)


def test_who_gave_the_last_token_has_read_the_prompt() -> None:
    driver = Driver()
    driver.join()
    driver.submit()
    driver.accepts(prompt=9)
    assert driver.dispatch.progress("j1") is not None
    driver.delta(tokens="ab")
    progress = driver.dispatch.progress("j1")
    assert progress is not None
    assert (progress.prompt, progress.reader, progress.served) == (9, "gpus/w1", (("gpus/w1", 2),))
