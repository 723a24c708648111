"""Child processes that a tool has started."""

import asyncio
from asyncio.subprocess import Process

STOP_S = 20.0


async def stop(process: Process) -> None:
    """End it if it still runs: by SIGTERM, after 20 s by SIGKILL."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()
