"""Everything that is measured, as processes on this machine: started together, idle while it is not their turn."""

import asyncio
import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tools import environments
from tools.bench.network.client import BenchError, Target
from tools.bench.network.upstream import CONTEXT, SLOTS
from tools.children import stop
from tools.free_port import free_port

START_S = 600.0  # LiteLLM takes minutes on a busy machine
LITELLM = "litellm[proxy]"
REAL_SLOTS = 8
REAL_CONTEXT = 1024
CATALOG = """
default: paced
models:
{entries}
"""
ENTRY = """
  - id: {id}
    name: {id}
    format: qwen-json
    files: [{{name: bench.gguf, sha256: {sha256}}}]
    context: 8192
    max_output: 4096
    thinking: false
    price: {{prompt: 0, completion: 0}}
    licence: none
"""


@dataclass(frozen=True)
class Options:
    """`llama_server`: a program, or None for the one of xllamacpp. `litellm` False: measured without it."""

    model: Path | None  # GGUF of the cases with a real model
    llama_server: Path | None = None
    litellm: bool = True
    threads: int = 1


@dataclass(frozen=True)
class Servers:
    """Each serves the models "paced" and "instant" (scripted), and "real" if there is one."""

    ours: Target
    upstream: Target  # the scripted engine alone
    llama: Target | None
    litellm: Target | None


@asynccontextmanager
async def started(options: Options, folder: Path) -> AsyncIterator[Servers]:
    """Raises BenchError with the last words of what did not start."""
    async with AsyncExitStack() as stack:
        upstream = Target(free_port())
        program = [sys.executable, "-m", "tools.bench.network.upstream", "--port", str(upstream.port)]
        await stack.enter_async_context(running("upstream", program, folder, upstream))
        llama = None
        if options.model is not None:
            llama = Target(free_port())
            await stack.enter_async_context(running("llama-server", llama_command(options, llama), folder, llama))
        ours = await stack.enter_async_context(our_network(options, folder))
        litellm = None
        if options.litellm:
            litellm = await stack.enter_async_context(proxy(upstream, llama, folder))
        yield Servers(ours, upstream, llama, litellm)


# ---- ours --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def our_network(options: Options, folder: Path) -> AsyncIterator[Target]:
    """A coordinator and a worker for each model."""
    names = ["paced", "instant", *(["real"] if options.model else [])]
    catalog, db = folder / "models.yaml", folder / "coordinator.db"
    sha256 = hashlib.sha256(options.model.read_bytes() if options.model else b"").hexdigest()
    catalog.write_text(CATALOG.format(entries="".join(ENTRY.format(id=name, sha256=sha256) for name in names)))
    target = Target(free_port(), create_key(db))
    serve = ["-m", "coordinator", "serve", "--port", str(target.port), "--db", str(db), "--catalog", str(catalog)]
    waiting = ["--queue", str(2 * SLOTS), "--queue-per-account", str(2 * SLOTS)]
    waiting += ["--rpm", "0", "--tpm", "0", "--concurrency", "0"]  # of keys: what is measured is the machine
    script = folder / "words.json"
    script.write_text(json.dumps([{"when": "a", "say": "abcdefghijklmnop"}]))
    slots = ["--slots", str(SLOTS), "--context", str(CONTEXT)]
    worker = {
        "paced": ["--scripted", "-", *slots],
        "instant": ["--scripted", str(script), *slots],
        "real": ["--model-file", str(options.model), "--slots", str(REAL_SLOTS), "--context", str(REAL_CONTEXT)],
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running("coordinator", [sys.executable, *serve, *waiting], folder, target))
        for name in names:
            dial = ["-m", "worker", "--coordinator", f"ws://127.0.0.1:{target.port}", "--catalog", str(catalog)]
            dial += ["--model", name, "--state-dir", str(folder / name), "--threads", str(options.threads)]
            command = [sys.executable, *dial, *worker[name]]
            await stack.enter_async_context(running(name, command, folder, None, {"SUPERNET_KEY": target.key}))
            await until_healthy(target, f"/v1/models/{name}", b'"workers_online":1')
        yield target


def create_key(db: Path) -> str:
    create = [sys.executable, "-m", "coordinator", "key", "create", "--init", "--db", str(db), "--name", "bench"]
    try:
        made = subprocess.run([*create, "--json"], capture_output=True, text=True, timeout=START_S)
    except subprocess.TimeoutExpired:
        raise BenchError(f"no key within {START_S:.0f} s: is the machine busy? The figures would say nothing") from None
    if made.returncode:
        raise BenchError(f"no key could be made: {made.stderr.strip()}")
    key: str = json.loads(made.stdout)["key"]
    return key


# ---- others ------------------------------------------------------------------------------------------------------


def llama_command(options: Options, target: Target) -> list[str]:
    port, slots, threads = str(target.port), str(REAL_SLOTS), str(options.threads)
    if options.llama_server is not None:
        shape = ["-np", slots, "-c", str(REAL_SLOTS * REAL_CONTEXT), "-t", threads, "-tb", threads, "-ngl", "0"]
        return [str(options.llama_server), "-m", str(options.model), *shape, "--host", "127.0.0.1", "--port", port]
    python = environments.python_with(environments.folder("bench") / "xllamacpp", ["xllamacpp"])
    program = Path(__file__).with_name("llama_server.py")
    return [str(python), str(program), str(options.model), port, slots, str(REAL_CONTEXT), threads]


@asynccontextmanager
async def proxy(upstream: Target, llama: Target | None, folder: Path) -> AsyncIterator[Target]:
    """LiteLLM's proxy in front of the same models: one key, no data base, no log lines, one process as ours is one."""
    python = environments.python_with(environments.folder("bench") / "litellm", [LITELLM])
    behind = {"paced": upstream, "instant": upstream, **({"real": llama} if llama else {})}
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": f"openai/{name}",
                "api_base": f"http://127.0.0.1:{target.port}/v1",
                "api_key": "none",
                "allowed_openai_params": ["ignore_eos"],
            },
        }
        for name, target in behind.items()
    ]
    config = folder / "litellm.yaml"
    config.write_text(json.dumps({"model_list": models}))  # JSON is YAML
    target = Target(free_port(), f"sk-{secrets.token_hex(32)}")
    command = [str(python.with_name("litellm")), "--config", str(config), "--host", "127.0.0.1"]
    command += ["--port", str(target.port), "--telemetry", "False"]
    environment = {"LITELLM_MASTER_KEY": target.key, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    async with running("litellm", command, folder, target, environment, health="/health/liveliness"):
        yield target


# ---- processes ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def running(
    name: str,
    command: list[str],
    folder: Path,
    target: Target | None,
    environment: Mapping[str, str] | None = None,
    health: str = "/health",
) -> AsyncIterator[Process]:
    """A child with its output in a file; with a target, until it answers there. Ended with the block."""
    log = folder / f"{name}.log"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SUPERNET_")}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=out, stderr=out, env={**clean, **(environment or {})}
        )
    try:
        if target is not None:
            try:
                await until_healthy(target, health, b" 200 ", process)
            except BenchError as error:
                raise BenchError(f"{name}: {error}\n{log.read_text(errors='replace')[-2000:]}") from None
        yield process
    finally:
        await stop(process)


async def until_healthy(target: Target, path: str, wanted: bytes, process: Process | None = None) -> None:
    limit = time.monotonic() + START_S
    while wanted not in await get(target, path):
        if process is not None and process.returncode is not None:
            raise BenchError("ended before it answered")
        if time.monotonic() > limit:
            raise BenchError(f"{path} has not answered after {START_S:.0f} s")
        await asyncio.sleep(0.2)


async def get(target: Target, path: str) -> bytes:
    """The whole response; nothing if nobody answers."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        head = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {target.key}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()
    except (OSError, TimeoutError):
        return b""
