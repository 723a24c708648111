"""Nobody is crowded out, and shares follow the weights: minutes of a network in virtual time."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import pytest

from coordinator.scheduler.state import Limits
from tools.simulation.fair_weather import Ask, Network, words
from wire.chat import ChatRequest, Message

SMALL_S = 4.0  # the small account asks this often, the greedy one 50 times as often: six times what the network can do
TIMES = 50
LASTS_S = 200.0


def question(dice: random.Random, prompt: int, answer: int) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=words(dice, prompt)),), max_tokens=answer)


def arrivals(network: Network, dice: random.Random, mean_s: float, ask: Callable[[], object]) -> None:
    def come() -> None:
        ask()
        network.timeline.after(dice.expovariate(1 / mean_s), come)

    network.timeline.after(dice.expovariate(1 / mean_s), come)


@dataclass(frozen=True)
class Load:
    """Tokens: the small account's prompts, and the greedy one's answers, from the shortest to the longest."""

    prompt: int
    shortest: int
    longest: int


def waits_of_the_small_one(load: Load, greedy: bool) -> tuple[list[float], Network]:
    """Seconds until the first token; a request that never got one would be missing, so all must."""
    network, dice = Network(), random.Random(1)
    arrivals(network, random.Random(2), SMALL_S, lambda: network.ask("small", question(dice, load.prompt, 200)))
    if greedy:
        crowd = random.Random(3)
        arrivals(
            network,
            crowd,
            SMALL_S / TIMES,
            lambda: network.ask("greedy", question(crowd, 500, crowd.randint(load.shortest, load.longest))),
        )
    network.timeline.run(LASTS_S)
    asks = [ask for ask in network.asks.values() if ask.spec.account == "small" and ask.at < LASTS_S - 40]
    assert len(asks) > 10 and not any(ask.failed for ask in asks)
    return [ask.first_token - ask.at for ask in asks if ask.first_token is not None], network


@pytest.mark.parametrize(
    "load",
    [
        pytest.param(Load(2000, 100, 500), id="answers of all lengths"),
        pytest.param(Load(2000, 300, 300), id="answers of one length, whose slots become free in waves"),
        pytest.param(Load(200, 100, 500), id="short prompts, which alone wait for next to nothing"),
        pytest.param(Load(200, 500, 1500), id="short prompts beside long answers"),
    ],
)
def test_an_account_that_asks_50_times_as_much_does_not_double_the_wait_of_a_small_one(load: Load) -> None:
    alone, _ = waits_of_the_small_one(load, greedy=False)
    beside, network = waits_of_the_small_one(load, greedy=True)
    assert len(beside) == len(alone)
    assert median(beside) <= 2 * median(alone), f"{median(alone):.2f} s alone, {median(beside):.2f} s beside"
    refused = [ask.failed for ask in network.asks.values() if ask.failed]
    assert set(refused) <= {"queue_full", "queue_timeout"} and len(refused) > 500, "the greedy one really is too much"


def keep_asking(network: Network, account: str, weight: float, shape: tuple[int, int], dice: random.Random) -> None:
    """Thirty requests of the account at any time."""

    def again(_: Ask | None = None) -> None:
        prompt, answer = shape
        network.ask(account, question(dice, prompt, dice.randint(answer // 2, answer * 2)), weight, again)

    for _ in range(30):
        again()


def test_shares_follow_the_weights_within_5_percent() -> None:
    network = Network(limits=Limits(queue_wait_s=3600.0))
    keep_asking(network, "one", 1.0, (900, 100), random.Random(1))
    keep_asking(network, "two", 2.0, (100, 300), random.Random(2))
    keep_asking(network, "four", 4.0, (300, 150), random.Random(3))
    network.timeline.run(300.0)
    served = network.served(since=60.0)
    share = {account: tokens / sum(served.values()) for account, tokens in served.items()}
    for account, weight in (("one", 1), ("two", 2), ("four", 4)):
        assert share[account] == pytest.approx(weight / 7, rel=0.05), share
