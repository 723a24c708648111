"""Objects in a bucket of S3, or of a server that speaks like it. Where, and with which keys, say the variables of AWS:
AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the others of its tools.

obstore (Rust's object_store) and not boto3: async by itself, a third of the size, no other packages."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from coordinator.artefacts.names import EXTENSIONS
from coordinator.artefacts.objects import Listed, ObjectsError

LINK = timedelta(hours=1)  # a film that is watched and paused; whoever comes later gets a new one from us
TIMEOUT_S = 60
FOLDER = "sha256/"
PART_BYTES = 8 * 1024 * 1024

if TYPE_CHECKING:
    from obstore import ListStream, ObjectMeta

T = TypeVar("T")


class S3Objects:
    """Objects below `url`: s3://BUCKET/PREFIX. Each has its media type, as who reads it asks the bucket itself."""

    def __init__(self, url: str) -> None:
        options = {"timeout": f"{TIMEOUT_S}s", "allow_http": True}  # if the operator's own endpoint is one
        self._store = S3Store.from_url(url, client_options=options)  # type: ignore[arg-type]

    async def put(self, sha256: str, file: Path, media_type: str) -> None:
        name = f"supernet-{sha256[:16]}.{EXTENSIONS[media_type]}"
        attributes = {"Content-Type": media_type, "Content-Disposition": f'inline; filename="{name}"'}
        put = obstore.put_async(self._store, FOLDER + sha256, file, attributes=attributes, chunk_size=PART_BYTES)
        await _reached(put)

    async def place(self, sha256: str, media_type: str) -> Path | str:
        return await _reached(obstore.sign_async(self._store, "GET", FOLDER + sha256, LINK))

    async def read(self, sha256: str) -> bytes:
        found = await _reached(obstore.get_async(self._store, FOLDER + sha256))
        return bytes(await _reached(found.bytes_async()))

    async def delete(self, sha256: str) -> None:
        await _reached(obstore.delete_async(self._store, FOLDER + sha256))

    async def all(self) -> AsyncIterator[Listed]:
        pages = obstore.list(self._store, FOLDER)
        while (page := await _next(pages)) is not None:
            for meta in page:
                yield Listed(meta["path"].rpartition("/")[2], int(meta["last_modified"].timestamp() * 1000))


async def _reached(work: Awaitable[T]) -> T:
    try:
        return await work
    except (BaseError, OSError) as error:  # of a file that is not there, it raises Python's own
        words = " ".join(str(error).split()).partition(" Debug source:")[0]  # Rust's own view of it comes after
        raise ObjectsError(f"S3: {words[:300]}") from None


async def _next(pages: "ListStream[Sequence[ObjectMeta]]") -> "Sequence[ObjectMeta] | None":
    try:
        return await _reached(pages.__anext__())
    except StopAsyncIteration:
        return None
