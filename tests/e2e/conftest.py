from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from tests.e2e.network import Network


@pytest.fixture
def empty(tmp_path: Path, tiny_chat: Path) -> Iterator[Network]:
    """A coordinator without workers."""
    network = Network(tmp_path, tiny_chat)
    try:
        network.start_coordinator()
        yield network
    finally:
        network.close()


@pytest.fixture
def network(empty: Network) -> Network:
    """A coordinator and one worker."""
    empty.start_worker()
    return empty


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> Iterator[Network]:
    """A coordinator and one worker for all tests of a file: none of them may harm it."""
    network = Network(tmp_path_factory.mktemp("standing"), tiny_chat)
    try:
        network.start_coordinator()
        network.start_worker()
        yield network
    finally:
        network.close()


@pytest.fixture
def client(network: Network) -> Iterator[OpenAI]:
    with OpenAI(base_url=network.url + "/v1", api_key=network.key, max_retries=0) as made:
        yield made
