"""How far a model file is, for whoever watches: a bar on a terminal, a log line every few seconds otherwise."""

import logging
import time
from typing import Any, TextIO

from tqdm import tqdm

from worker.weights.files import Progress

LINE_EVERY_S = 10.0
log = logging.getLogger("supernet.weights")


class Console:
    """Shows a Report's progress on `stream`: a bar on a terminal, lines elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: tqdm[Any] | None = None
        self._shown: tuple[str, str] | None = None
        self._line_at = 0.0

    def __call__(self, progress: Progress) -> None:
        key = (progress.file, progress.phase)
        if self._stream.isatty():
            if key != self._shown:
                self.close()
                label = f"{progress.phase} {progress.file}"
                self._bar = tqdm(
                    desc=label, total=progress.total_bytes or None, unit="B", unit_scale=True, file=self._stream
                )
            if self._bar is not None:
                self._bar.update(progress.done_bytes - self._bar.n)
        elif key != self._shown or time.monotonic() - self._line_at >= LINE_EVERY_S:
            self._line_at = time.monotonic()
            percent = 100 * progress.done_bytes // progress.total_bytes if progress.total_bytes else 0
            log.info("%s %s: %d MiB, %d %%", progress.phase, progress.file, progress.done_bytes >> 20, percent)
        self._shown = key

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
