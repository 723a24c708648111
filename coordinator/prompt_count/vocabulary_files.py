"""Where the vocabulary of each model lies: a file of the operator's, one of an installed package, or the hub's, kept.

A file of the hub is fetched when the first prompt of its model is to be counted, in a process of its own
(`fetch.py`), and kept for good under the name of the catalog's entry and a hash of where it came from.
"""

import asyncio
import contextlib
import hashlib
import importlib.util
import logging
import sys
from pathlib import Path

from coordinator.prompt_count.environment import environment
from wire.catalog import ModelSpec

log = logging.getLogger("supernet.prompt_count")

FETCH_S = 300.0
RETRY_S = 600.0  # before the hub is asked again
FETCH = (sys.executable, "-m", "coordinator.prompt_count.fetch")


class VocabularyFiles:
    """`folder`: of what was fetched. A file MODEL-ID.gguf that the operator puts there comes before all others; the
    beginning of the model's file is enough, or one with its vocabulary alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._again_at: dict[str, float] = {}  # model -> when the hub may be asked again
        self._told: set[tuple[str, str]] = set()
        self._fetches: dict[str, asyncio.Task[None]] = {}

    def path(self, spec: ModelSpec) -> Path | None:
        """The file, at once; None while it is fetched, and where none can be had."""
        for place in self._places(spec):
            if place.is_file():
                return place
        if spec.repository is None:
            self.missing(spec, f"there is no {self._folder / spec.id}.gguf")
        elif spec.id not in self._fetches and self._again_at.get(spec.id, 0.0) <= asyncio.get_running_loop().time():
            task = asyncio.create_task(self._fetch(spec), name=f"vocabulary of {spec.id}")
            self._fetches[spec.id] = task
            task.add_done_callback(lambda _: self._fetches.pop(spec.id))
        return None

    def missing(self, spec: ModelSpec, why: str) -> None:
        """Tell the operator, once for each reason."""
        if (spec.id, why) not in self._told:
            self._told.add((spec.id, why))
            log.warning("prompts of %s are not counted here, only bounded: %s", spec.id, why)

    async def close(self) -> None:
        """End what is being fetched."""
        fetches = list(self._fetches.values())
        for task in fetches:
            task.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)

    def _places(self, spec: ModelSpec) -> list[Path]:
        places = [self._folder / f"{spec.id}.gguf"]
        if spec.package is not None:
            found = importlib.util.find_spec(spec.package)
            folders = (found.submodule_search_locations if found else None) or []
            places += [Path(folder) / spec.files[0].name for folder in folders]
        if spec.repository is not None:
            places.append(self._fetched(spec))
        return places

    def _fetched(self, spec: ModelSpec) -> Path:
        source = f"{spec.repository}@{spec.revision}/{spec.files[0].name}"
        return self._folder / f"{spec.id}-{hashlib.sha256(source.encode()).hexdigest()[:16]}.gguf"

    async def _fetch(self, spec: ModelSpec) -> None:
        named = (str(spec.repository), spec.revision, spec.files[0].name, str(self._fetched(spec)))
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            *FETCH, *named, stdin=asyncio.subprocess.DEVNULL, stderr=pipe, env=environment(), start_new_session=True
        )
        why = f"the hub took longer than {FETCH_S:g} s"
        try:
            async with asyncio.timeout(FETCH_S):
                _, said = await child.communicate()
                why = said.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
        except TimeoutError:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        if child.returncode:
            self._again_at[spec.id] = asyncio.get_running_loop().time() + RETRY_S
            self.missing(spec, f"its vocabulary cannot be fetched: {why}")
        else:
            log.info("the vocabulary of %s is here: its prompts are counted from now on", spec.id)
