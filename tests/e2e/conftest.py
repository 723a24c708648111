from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from openai import OpenAI
from playwright.sync_api import Browser

from tests.e2e.browser import chromium
from tools.compat import conversation as said
from tools.local_network import Network
from wire.catalog import ChatFormat


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


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


@pytest.fixture(scope="module", params=get_args(ChatFormat))
def scripted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    """A client of a network whose worker follows the script, in each format."""
    folder = tmp_path_factory.mktemp("scripted")
    network = Network(folder, folder / "no model", format=request.param)
    script = folder / "script.json"
    script.write_text(said.script(request.param))
    try:
        network.start_coordinator()
        network.start_worker("--scripted", str(script))
        with OpenAI(base_url=network.url + "/v1", api_key=network.key, max_retries=0) as client:
            yield client
    finally:
        network.close()
