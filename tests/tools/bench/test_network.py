"""The bench of the network: our real processes, and the scripted upstream where a proxy would stand."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tools.bench.network import cases, platform_tools, servers
from tools.bench.network.__main__ import added, parser, requests
from tools.bench.network.client import (
    Answer,
    Ask,
    BenchError,
    Closed,
    Connection,
    Target,
    connections,
    rounds,
    throughput,
)
from tools.bench.network.servers import Options, Servers, running, started
from tools.bench.network.upstream import END, HEAD, frame
from tools.free_port import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with started(Options(model=None, litellm=False), tmp_path_factory.mktemp("bench")) as up:
        yield replace(up, litellm=up.upstream)


@pytest.mark.process
async def test_each_case_measures_all_sides(network: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "ROUNDS", {"paced": 2})
    latencies = await added(network, "paced", network.upstream, pairs=1)
    assert [row.case.partition(": ")[2] for row in latencies] == [
        "TTFT p50 beside alone",
        "added TTFT p50 beside LiteLLM",
        "time per token p50 beside alone",
        "added time per token p50 beside LiteLLM",
    ]
    assert all(row.runs == 1 and row.peer is not None for row in latencies)
    paced = latencies[2]
    # near the 20 ms of the script; less where a first token came late, and those behind it did not
    assert paced.ours > 0 and paced.peer
    rates = await requests(network, pairs=1, steps=(1, 4), seconds=0.5)
    assert [row.case for row in rates] == ["scripted, 1 stream: requests", "scripted, 4 streams: requests"]
    assert all(row.ours > 0 and row.peer and row.unit == "1/s" for row in rates)


async def test_an_answer_has_as_many_tokens_as_were_asked_for_on_both_sides(network: Servers) -> None:
    for target in (network.ours, network.upstream):
        answers = await rounds(target, 2, 2, lambda stream, number: Ask("instant", "a", 10 + stream))
        assert [answer.events for answer in answers] == [10, 10, 11, 11]
        assert all(answer.sent < answer.first <= answer.last for answer in answers)


async def test_an_error_is_an_error_and_no_number(network: Servers) -> None:
    with pytest.raises(BenchError, match="status 401"):
        await throughput(replace(network.ours, key="sk-wrong"), 1, 0.1, Ask("instant", "a", 4))
    with pytest.raises(BenchError, match="status 404"):
        await throughput(network.ours, 1, 0.1, Ask("no-such-model", "a", 4))


async def test_a_connection_that_the_server_closed_is_opened_again(network: Servers) -> None:
    async with connections(network.upstream, 1) as (connection,):
        await connection.ask(Ask("instant", "a", 4))
        connection.close()
        await asyncio.sleep(0)
        assert (await connection.ask(Ask("instant", "a", 4))).events == 4


async def test_a_server_may_close_a_kept_connection_after_the_next_request_was_sent_but_not_a_new_one() -> None:
    """As llama-server does behind each streamed answer."""
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while requests < 4 and (await reader.readuntil(b'"stream": true}')):
            requests += 1
            if requests in (1, 3):
                event = frame(b'{"content":"a"}')
                writer.write(HEAD + event + event + frame(b"[DONE]") + END)
            else:
                break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        async with connections(Target(server.sockets[0].getsockname()[1]), 1) as (connection,):
            assert [(await connection.ask(Ask("instant", "a", 2))).events for _ in range(2)] == [2, 2]
            assert requests == 3
            connection.close()
            await asyncio.sleep(0)
            with pytest.raises(Closed):
                await connection.ask(Ask("instant", "a", 2))


async def test_an_event_that_arrives_in_pieces_is_one_token_and_one_without_text_is_none() -> None:
    connection = Connection(Target(1))
    answer = connection._answer = Answer(sent=0.0)
    for piece in (b'data: {"content":', b'"a"}\n', b'\ndata: {"content":""}\n\ndata: {"content":null}\n\n'):
        connection.on_body(piece)
    connection.on_body(b'data: {"reasoning_content":"b"}\n\ndata: [DONE]\n\n')
    assert answer.events == 2


async def test_what_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "echo no luck; exit 1"]
    with pytest.raises(BenchError, match=r"thing: ended before it answered\nno luck"):
        async with running("thing", command, tmp_path, Target(free_port())):
            pass


async def test_a_given_llama_server_is_run_with_the_shape_of_our_worker(tmp_path: Path) -> None:
    command = servers.llama_command(Options(Path("m.gguf"), Path("llama-server"), threads=2), Target(1))
    assert " ".join(command).startswith("llama-server -m m.gguf -np 8 -c 8192 -t 2 -tb 2 -ngl 0")


async def test_its_defaults_are_the_whole_comparison() -> None:
    given = parser().parse_args([])
    assert given.case is None and not given.without_litellm and given.llama_server is None


@pytest.mark.process
async def test_what_the_platform_tools_cost_is_measured_on_one_coordinator(tmp_path: Path) -> None:
    rows = await platform_tools.told(tmp_path, pairs=1, answers=1)
    assert [row.case.rpartition(": ")[2] for row in rows] == ["processor time", "TTFT p50"]
    assert all(row.ours > 0 and row.peer and row.runs == 1 and row.unit == "ms" for row in rows)
