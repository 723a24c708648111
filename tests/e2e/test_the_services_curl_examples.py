"""The service's three curl examples, word for word but for host, key and model, on a network of real programs: the tiny
model that draws, and a worker that has diffusers draw with the toy."""

import asyncio
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from PIL import Image

from tests.coordinator.api.curl_examples import (
    AUTOMATIC_IMAGE,
    AUTOMATIC_IMAGE_OFF,
    DEVELOPER_ROLE,
    QUICK_TEST,
    typed,
)
from tools.demo_media import TOY, WEIGHTS, toy
from tools.local_network import MODEL, Network

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
PATIENCE_S = 300


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Network]:
    network = Network(tmp_path, WEIGHTS)
    catalog = tmp_path / "with-media.yaml"
    catalog.write_text(network.catalog.read_text() + yaml.safe_dump({"media": toy()}))
    here = ("--catalog", str(catalog))
    try:
        network.start_coordinator(*here)
        network.start_worker(*here)
        network.start_media_worker(TOY, "image", *here)
        yield network
    finally:
        network.close()


def test_the_services_own_examples_with_a_real_chat_worker_and_a_real_pipeline(studio: Network) -> None:
    def printed(example: str) -> dict[str, Any]:
        return asyncio.run(typed(example, studio.url, studio.key, MODEL, PATIENCE_S))

    for example in (QUICK_TEST, DEVELOPER_ROLE, AUTOMATIC_IMAGE_OFF):  # the last would draw if its tools were not off
        answer = printed(example)
        (choice,) = answer["choices"]
        assert choice["message"]["content"] and choice["finish_reason"] == "stop", answer
        assert "sogni_tool_results" not in answer and f"{studio.url}/m/" not in choice["message"]["content"], answer

    answer = printed(AUTOMATIC_IMAGE)
    (choice,), (result,) = answer["choices"], answer["sogni_tool_results"]
    assert (result["name"], result["success"], result["model"]) == ("sogni_generate_image", True, TOY)
    assert choice["finish_reason"] == "stop" and not choice["message"].get("tool_calls"), answer
    (link,) = result["urls"]
    assert link.startswith(f"{studio.url}/m/") and link in choice["message"]["content"], answer
    with urlopen(link, timeout=PATIENCE_S) as got:
        assert got.headers["content-type"] == "image/png"
        picture = Image.open(BytesIO(got.read()))
    picture.load()
    assert (picture.format, picture.size) == ("PNG", (64, 64))
    assert len(picture.convert("RGB").getcolors(64 * 64) or ()) > 1, "one plain colour is no picture"
