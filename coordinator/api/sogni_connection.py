"""One socket of Sogni's SDKs: frames in, frames out, its jobs, and what it is told by itself.

Nothing is queued for it: whoever has something to say writes it, one after another, and a socket to which a frame
cannot be written for SEND_S is given up. So a client that does not read holds up its own jobs, as one does that does
not read its HTTP stream. Jobs end with their socket.
"""

import asyncio
from collections import deque
from functools import partial
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from coordinator.accounts.keys_in_use import Principal
from coordinator.api.account_access import AccountAccess
from coordinator.api.intake import Admitted
from coordinator.api.platform import PlatformTools
from coordinator.api.sogni_job import answered
from coordinator.hub.hub import ENDED
from coordinator.ledger.grants import balances_of
from coordinator.openai.json_body import Json
from coordinator.request import ChatJob
from coordinator.sogni.account import authenticated, balances_json
from coordinator.sogni.errors import CANCELLED, CLOSE_ELSEWHERE, CLOSE_UNAUTHORIZED, LOST, NOT_OFFERED, ended, job_error
from coordinator.sogni.frames import Said, read, written
from coordinator.sogni.models import model_info
from coordinator.sogni.paths import MEDIA
from coordinator.sogni.request import job_id, loaded, parse
from coordinator.sogni.subscriptions import Subscriptions
from program.useless_frames import UselessFrames
from wire.errors import ErrorCode, SupernetError, invalid

MOST_JOBS = 64  # of one socket at a time; what its key may besides is counted as for every request
USED_IDS = 1024  # that are remembered, so that no frame is answered twice
SEND_S = 10.0
TELL_S = 2.0  # between two looks at what a client is told by itself
BALANCE_S = 0.25  # jobs that end together change a balance once
SETTLED_S = 5.0  # that a balance waits for what was booked before it
CLOSE_PROTOCOL, CLOSE_SLOW = 1008, 1013


class Closed(Exception):
    """The socket is to be closed, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Connection:
    """A socket of a known caller: `serve` runs to its end, `close` ends it from outside. `useless`: what it may still
    send that is of no use."""

    def __init__(
        self,
        socket: WebSocket,
        platform: PlatformTools,
        access: AccountAccess,
        principal: Principal,
        useless: UselessFrames,
    ) -> None:
        self._socket = socket
        self._platform = platform
        self._intake = platform.intake
        self._access = access
        self._principal = principal
        self._useless = useless
        self._subscriptions = Subscriptions.of_query(socket.query_params.get("socketEventSubscriptions", ""))
        self._writing = asyncio.Lock()
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._used: deque[str] = deque(maxlen=USED_IDS)
        self._end: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()
        self._booked = asyncio.Event()  # a job has ended: the balance is another

    def close(self, code: int, reason: str) -> None:
        """End it: `serve` raises Closed. Only the first call counts."""
        if not self._end.done():
            self._end.set_result(Closed(code, reason))

    async def serve(self, name: str) -> None:
        """Serve until the client has left. `name` is the account's. Raises Closed where it is to be closed, and
        SupernetError where the database is away at the beginning."""
        balances = await self._balances()
        await self._say("authenticated", authenticated(self._principal.account, name, balances))
        reading = asyncio.create_task(self._read(), name="sogni read")
        telling = asyncio.create_task(self._tell(balances), name="sogni tell")
        try:
            await asyncio.wait((reading, telling, self._end), return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost = list(self._jobs)
            tasks = [reading, telling, *self._jobs.values()]
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        if self._end.done():
            closed = self._end.result()
            if closed.code == CLOSE_ELSEWHERE:  # an SDK that is not told waits for 35 s whether they come back
                for job in lost:
                    await self._say("llmJobError", ended(job, LOST, closed.reason))
            raise closed

    # ---- what it is told -----------------------------------------------------------------------------------------

    async def _say(self, type: str, data: Json) -> None:
        """Write a frame, after those that are being written."""
        async with self._writing:
            try:
                async with asyncio.timeout(SEND_S):
                    await self._socket.send_text(written(type, data))
            except TimeoutError:
                self._unread()
            except (WebSocketDisconnect, WebSocketDisconnected):
                pass  # the reader hears of it

    def _unread(self) -> None:
        self.close(CLOSE_SLOW, "this client does not read")

    async def _tell(self, balances: Json) -> None:
        """Which models there are and what the account has, whenever it is different; and that the key has ended."""
        models: Json | None = None
        await self._say("balanceUpdate", balances)
        while True:
            if not self._access.accounts.in_use(self._principal.key):
                self.close(CLOSE_UNAUTHORIZED, ENDED)
                return
            if self._subscriptions.wants("swarmLLMModels") and (now := self._models()) != models:
                models = now
                await self._say("swarmLLMModels", models)
            try:
                async with asyncio.timeout(TELL_S):
                    await self._booked.wait()
            except TimeoutError:
                continue
            balances = await self._tell_balances(balances)

    async def _tell_balances(self, before: Json) -> Json:
        await asyncio.sleep(BALANCE_S)
        self._booked.clear()
        await self._access.ledger.flushed(SETTLED_S)
        try:
            balances = await self._balances()
        except SupernetError:
            return before  # the database is away: what has changed is told with the next job
        if balances != before and self._subscriptions.wants("balanceUpdate"):
            await self._say("balanceUpdate", balances)
        return balances

    async def _balances(self) -> Json:
        found = await self._access.read(balances_of, self._principal.account)
        return balances_json(found, self._intake.billing.units)

    def _models(self) -> Json:
        online = {spec: self._intake.hub.dispatch.online(spec.id) for spec in self._intake.catalog.now.models}
        return {spec.id: model_info(spec, now.workers, now.context) for spec, now in online.items() if now.workers}

    # ---- what it says --------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Take frames until it has left, or sends too much of no use."""
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                return
            text: str | None = event.get("text")
            if why := await self._take(text if text is not None else bytes(event["bytes"])):
                self.close(CLOSE_PROTOCOL, why)
                return
            await asyncio.sleep(self._useless.pause_s())  # frames that come together do not keep others waiting

    async def _take(self, frame: str | bytes) -> str | None:
        """Take one frame. Returns why the socket is to be closed; None: it goes on."""
        size = len(frame)
        try:
            said = await self._intake.aside(size, partial(read, frame))
            of_use = await self._act(said)
        except SupernetError as error:
            told = {"error": error.code.value, "error_message": error.message, "param": error.param}
            await self._say("protocolError", told)
            return self._useless.invalid(size, self._intake.hub.now())
        return self._useless.valid(size, 0.0 if of_use else 1.0, self._intake.hub.now())

    async def _act(self, said: Said) -> bool:
        """Do what a frame asks for; whether it was of use. Raises SupernetError for what is none of these."""
        match said.type:
            case "llmJobRequest":
                return await self._begin(said)
            case "jobError":
                return await self._cancel(_named(said.small()))
            case "jobRequest":
                refused = ended(_named(said.small(most=len(said.data))), NOT_OFFERED, MEDIA)
                await self._say("jobError", {**refused, "isFromWorker": False})
            case "changeNetwork":
                await self._say("changeNetwork", {"network": "fast"})  # there is one, which waits for nobody
            case "setSocketEventSubscriptions":
                self._subscriptions.update(said.small())
                now = {"socketEventSubscriptions": self._subscriptions.flags}
                await self._say("socketEventSubscriptionsUpdated", now)
            case _:
                raise invalid("type", f"Unknown type of frame: {said.type!r}.")
        return False

    async def _begin(self, said: Said) -> bool:
        """Begin a job, or say why not. Raises SupernetError where it has no id of its own to be told under."""
        size, catalog = len(said.data), self._intake.catalog.now
        body = await self._intake.aside(size, partial(loaded, said.data))
        job = job_id(body)
        if job in self._jobs:
            raise invalid("jobID", f"Invalid 'jobID': {job!r} runs already.")
        try:
            if job in self._used:
                raise invalid("jobID", f"Invalid 'jobID': {job!r} has been answered. Each job needs an id of its own.")
            if len(self._jobs) >= MOST_JOBS:
                message = f"A socket has at most {MOST_JOBS} jobs at a time: wait until one of them ends."
                raise SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, message, retry_after_s=1.0)
            principal = self._intake.admit(self._socket.headers)
            asked = await self._intake.aside(size, partial(parse, body, said.data, catalog))
        except SupernetError as error:
            await self._say("llmJobError", job_error(job, error))
            return False
        self._used.append(job)
        task = self._jobs[job] = asyncio.create_task(self._answer(job, asked, Admitted(principal)), name="sogni job")
        task.add_done_callback(lambda _: self._jobs.pop(job))
        return True

    async def _answer(self, job: str, asked: ChatJob, admitted: Admitted) -> None:
        try:
            await answered(self._say, self._platform, job, asked, admitted, self._socket.headers, self._unread)
        except SupernetError as error:
            await self._say("llmJobError", job_error(job, error))
        except Exception:
            bug = SupernetError(ErrorCode.INTERNAL_ERROR, "The server had an error while it processed your request.")
            await self._say("llmJobError", job_error(job, bug))
            raise
        finally:
            self._booked.set()

    async def _cancel(self, job: str) -> bool:
        """End a job whose client does not want it any more; whether there was one."""
        told: Json = {"jobID": job, "didCancel": False, "error_message": "There is no such job, or it has ended."}
        if (task := self._jobs.get(job)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if task.cancelled():
                await self._say("llmJobError", ended(job, CANCELLED, CANCELLED))
                told = {"jobID": job, "didCancel": True}
        await self._say("artistCancelConfirmation", told)
        return bool(told["didCancel"])


def _named(data: Any) -> str:
    """The job that a frame is about."""
    if not isinstance(data, dict):
        raise invalid("data", "Invalid 'data': expected an object.")
    return job_id(data)
