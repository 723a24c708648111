"""What a worker says that is not so: frames again, frames left out, other attempts' numbers, slots that it has not.

The content of answers stays true: nothing in the protocol could tell a false token from a true one.
"""

from collections import deque

from pydantic import BaseModel

from tools.simulation.world import World
from wire import messages as wire
from wire.chat import Usage
from wire.offers import ModelState

CHANCE = 0.1
REMEMBERED = 100  # frames that it may say again, in another life too


class Liar:
    def __init__(self, world: World) -> None:
        self._world = world
        self.honest = True
        self._said: deque[BaseModel] = deque(maxlen=REMEMBERED)
        self.ever = False  # it has lied in this life: what it holds is its own affair

    def begin(self) -> None:
        self.honest, self.ever = False, True

    def says(self, message: BaseModel) -> list[BaseModel]:
        """The frames that go out in place of `message`."""
        dice = self._world.dice
        if not isinstance(message, wire.Hello):
            self._said.append(message)
        if self.honest or isinstance(message, wire.Hello) or dice.random() > CHANCE:
            return [message]
        match dice.randrange(6):
            case 0 | 5:
                return [message, dice.choice(self._said)]
            case 1:
                return []
            case 2 if self._world.orders:
                return [message, self._stolen()]
            case 3:
                return [self._later_attempt(message), message]
            case _:
                many = ModelState(id="m", status="ready", slots=64, free=64)
                return [message, wire.Capacity(models=(many,))]

    def _stolen(self) -> BaseModel:
        """An end for a job that may be anyone's."""
        dice = self._world.dice
        jobs = [*self._world.orders, *self._world.commissions]
        job, attempt, seq = dice.choice(jobs), dice.randint(1, 3), dice.randrange(20)
        usage = Usage(prompt=10**6, completion=10**6)
        return wire.Done(job=job, attempt=attempt + 3, seq=seq, finish_reason="stop", usage=usage)

    def _later_attempt(self, message: BaseModel) -> BaseModel:
        if isinstance(message, wire.Deltas):
            items = tuple(item.model_copy(update={"attempt": item.attempt + 1}) for item in message.items)
            return wire.Deltas(items=items)
        if hasattr(message, "attempt"):
            return message.model_copy(update={"attempt": message.attempt + 1})
        return message
