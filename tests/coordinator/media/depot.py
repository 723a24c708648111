"""The endpoint that takes what workers made, over the real store on this disk. It stands still between two of its
steps until the test lets it go on, so that anything may come between: while a file is verified, while the filter is
asked, and once the object is there and its row is not.

A file is what a real one would be found to be: its facts. No two are equal.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, cast

from starlette.requests import Request

from coordinator.api.artefact_uploads import ArtefactUploads
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.facts import Facts, media_type
from coordinator.artefacts.local import LocalObjects
from coordinator.artefacts.staging import Staging
from coordinator.hub.attempts import Attempts
from coordinator.store.database import Database
from coordinator.store.store import Store
from wire.errors import ErrorCode, SupernetError
from wire.media import EditImage, GenerateImage, GenerateMusic, Making, MediaRequest
from wire.messages import Start

Reply = Literal["taken", "again", "refused"]


@dataclass
class Delivery:
    """One request of a worker's, from its first byte to its answer."""

    start: Start
    task: "asyncio.Task[Reply] | None" = None
    stands: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)


_UNDER_WAY: ContextVar[Delivery] = ContextVar("delivery")


async def _stand() -> None:
    delivery = _UNDER_WAY.get()
    delivery.stands.set()
    await delivery.goes_on.wait()
    delivery.goes_on.clear()


class _Checker:
    async def check(self, file: Path, media_type: str, into: Path, *whose: str) -> Facts:
        await _stand()
        return await asyncio.to_thread(_read, file, into)


def _read(file: Path, into: Path) -> Facts:
    data = file.read_bytes()
    into.write_bytes(data)
    return Facts(**json.loads(data)["facts"])


class _Objects(LocalObjects):
    async def put(self, sha256: str, file: Path, media_type: str) -> None:
        await super().put(sha256, file, media_type)
        await _stand()


@dataclass(frozen=True)
class _Filter:
    blocks: Callable[[], bool]

    async def objection(self, make: Making, file: Path) -> str | None:
        await _stand()
        return "the filter blocked it" if self.blocks() else None


class Depot:
    """`hub`: who knows the attempts; `blocks`: whether the filter keeps a file back. To be closed."""

    def __init__(self, database: Database, folder: Path, hub: object, blocks: Callable[[], bool]) -> None:
        self._opened = ExitStack()
        store = self._opened.enter_context(Store(database))
        self._objects, self._staging = folder / "objects", folder / "partial"
        artefacts = Artefacts(store, _Objects(self._objects), Staging(self._staging), _Checker(), days=30)
        self._endpoint = ArtefactUploads(Attempts(cast(Any, hub)), artefacts, cast(Any, _Filter(blocks)))

    def close(self) -> None:
        self._opened.close()

    async def forward(self, delivery: Delivery) -> Reply | None:
        """Its next step. Returns the answer if there is one by then."""
        if delivery.task is None:
            delivery.task = asyncio.create_task(self._put(delivery))
        else:
            delivery.stands.clear()
            delivery.goes_on.set()
        stands = asyncio.create_task(delivery.stands.wait())
        await asyncio.wait({delivery.task, stands}, return_when=asyncio.FIRST_COMPLETED)
        stands.cancel()
        return delivery.task.result() if delivery.task.done() else None

    async def _put(self, delivery: Delivery) -> Reply:
        _UNDER_WAY.set(delivery)
        try:
            response = await self._endpoint.put(_request(delivery.start))
        except SupernetError as error:
            return "again" if error.code is ErrorCode.OVERLOADED else "refused"
        return "taken" if response.status_code in (200, 201) else "refused"

    def objects(self) -> set[str]:
        """What lies on the disk as an object."""
        return {file.name for file in self._objects.rglob("*") if file.is_file()}

    def partial(self) -> list[Path]:
        """What lies there and is none."""
        return list(self._staging.iterdir()) if self._staging.is_dir() else []


def _request(start: Start) -> Request:
    assert start.upload is not None and isinstance(start.request, MediaRequest)
    make = start.request.make
    data = json.dumps({"facts": asdict(_facts(make)), "attempt": f"{start.job}/{start.attempt}"}).encode()
    headers = {
        "authorization": f"Bearer {start.upload.token}",
        "content-type": media_type(make),
        "content-length": str(len(data)),
        "digest": f"sha-256={b64encode(sha256(data).digest()).decode()}",
    }
    scope = {
        "type": "http",
        "method": "PUT",
        "path_params": {"job": start.job, "attempt": str(start.attempt)},
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    return Request(scope, receive)


def _facts(make: Making) -> Facts:
    if isinstance(make, GenerateMusic):
        return Facts(media_type(make), seconds=make.seconds)
    if isinstance(make, GenerateImage | EditImage):
        return Facts(media_type(make), make.width, make.height)
    return Facts(media_type(make), make.width, make.height, make.frames, make.fps)
