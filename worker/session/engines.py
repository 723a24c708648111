"""What the engines say of themselves, loaded or gone: told to the coordinator and to the owner, and to their jobs."""

from collections.abc import Mapping

from worker.engine import port
from worker.issues import issue
from worker.media_engine import port as media_port
from worker.session.effects import Effect, GiveUp, Redial
from worker.session.jobs import Jobs
from worker.session.line import Line
from worker.session.problems import Problems
from worker.session.served_media import ServedMedia
from worker.session.served_model import ServedModel


class Engines:
    """Takes the events of all engines, by the name of the model that each has. Each method returns the effects."""

    def __init__(
        self,
        models: Mapping[str, ServedModel],
        media: Mapping[str, ServedMedia],
        jobs: Jobs,
        line: Line,
        problems: Problems,
    ) -> None:
        self._models = models
        self._media = media
        self._jobs = jobs
        self._line = line
        self._problems = problems

    def event(self, model: str, event: port.Event | media_port.Event) -> list[Effect]:
        """Take an event of one engine."""
        match event:
            case port.Stepped():
                return self._jobs.chats.stepped(event)
            case port.Ended():
                return self._jobs.chats.ended(event)
            case port.Ready():
                return self._ready(model, event)
            case port.Down():
                return self._down(model, event)
            case media_port.Progress():
                return self._jobs.media.progressed(event)
            case media_port.Made():
                return self._jobs.media.made(event)
            case media_port.Ended():
                return self._jobs.media.ended(event)
            case media_port.Ready():
                return self._media_ready(model, event)
            case media_port.Down():
                return self._media_down(model, event)
            case port.Pulse():
                self._models[model].pulse = event  # told with the next heartbeat
                return []
            case port.Loading() | media_port.Loading() | media_port.Pulse():
                return []

    def _ready(self, model: str, ready: port.Ready) -> list[Effect]:
        served = self._models[model]
        served.status = "ready"
        effects = [*self._line.send(self._jobs.capacity()), *self._problems.sight(model, ready)]
        effects += self._problems.solve("engine_down", f"the engine of {model} runs again")
        # Hello alone says what is offered, so it is said again; nothing runs yet that a new socket would hold up
        return (
            [*effects, Redial(0, None, "what the model sees is to be registered")]
            if served.seen(ready.image_ms)
            else effects
        )

    def _down(self, model: str, event: port.Down) -> list[Effect]:
        """The engine died: its jobs end as retryable, the coordinator learns that the model is down, and why."""
        broken = event.retry_in_s is None
        self._models[model].status, self._models[model].pulse = "broken" if broken else "down", port.Pulse()
        row = event.problem or ("engine_broken" if broken else "engine_down")
        problem = issue(row, f"the engine of {model} ended: {event.message}"[:4000])
        effects = [*self._line.send(self._jobs.capacity()), *self._problems.add(problem)]
        if broken:
            effects += [*self._problems.solve("engine_down", "it is not started any more"), GiveUp(problem)]
        return [*effects, *self._jobs.chats.engine_died(model, event.message)]

    def _media_ready(self, model: str, ready: media_port.Ready) -> list[Effect]:
        """The pipeline is loaded, or says anew what it can do: what Hello has said otherwise is said again."""
        served = self._media[model]
        served.status = "ready"
        effects = [*self._line.send(self._jobs.capacity())]
        effects += self._problems.solve("media_engine_down", f"the engine of {model} runs again")
        if not served.loaded(ready):
            return effects
        return [*effects, Redial(0, None, f"what {model} can make is to be registered")]

    def _media_down(self, model: str, event: media_port.Down) -> list[Effect]:
        """As for a chat's engine; but one that stays down ends no worker that chats."""
        broken = event.retry_in_s is None
        self._media[model].status = "broken" if broken else "down"
        row = event.problem or ("media_engine_broken" if broken else "media_engine_down")
        problem = issue(row, f"the engine of {model} ended: {event.message}"[:4000])
        effects = [*self._line.send(self._jobs.capacity()), *self._problems.add(problem)]
        if broken:
            effects += self._problems.solve("media_engine_down", "it is not started any more")
            effects += [] if self._models else [GiveUp(problem)]
        return [*effects, *self._jobs.media.engine_died(model, event.message)]
