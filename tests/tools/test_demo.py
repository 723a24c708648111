"""How the demo ends; that it works is in tests/scripts."""

import os
import signal
import socket
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack
from typing import cast

import pytest

from tools.demo import Demo, Signals, Stopped
from tools.demo_client import Service
from tools.processes import Process

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = [signal.getsignal(number) for number in NUMBERS]
    yield
    for number, handler in zip(NUMBERS, before, strict=True):
        signal.signal(number, handler)


def made(stack: ExitStack) -> Demo:
    return Demo(Namespace(json=False, vision=False, media=False, prompt="x"), stack, Signals())


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
WORDS = b'data: {"choices": [{"delta": {"content": "words"}}]}\n\n'


@pytest.mark.parametrize("number", NUMBERS)
def test_the_answer_is_left_before_those_are_ended_who_would_wait_until_it_is_read(number: int) -> None:
    left, ended = threading.Event(), list[bool]()

    def answer() -> None:
        line, _ = server.accept()
        with line:
            line.recv(65536)
            line.sendall(HEAD + b"%x\r\n%s\r\n" % (len(WORDS), WORDS))
            time.sleep(0.2)  # the client reads on
            os.kill(os.getpid(), number)
            while line.recv(65536):
                pass
            left.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Stopped), ExitStack() as stack:
            demo = made(stack)
            stack.callback(lambda: ended.append(left.wait(20)))
            demo.ask(Service("127.0.0.1", server.getsockname()[1], "key", "model"))
        thread.join(20)
    assert ended == [True]


def test_a_signal_while_a_process_is_ended_cuts_nothing_short() -> None:
    order: list[str] = []

    class Ends:
        def stop(self) -> None:
            signal.raise_signal(signal.SIGINT)
            order.append("ended")

    with pytest.raises(Stopped), ExitStack() as stack:
        demo = made(stack)
        for _ in range(2):
            stack.callback(demo.stop, cast(Process, Ends()))
    assert order == ["ended", "ended"]
