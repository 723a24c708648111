"""GET /v1/estimate."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs

from coordinator.api import app
from tests.coordinator.conftest import CATALOG, Coordinator, Start
from tests.coordinator.media_worker import CATALOG as MEDIA_CATALOG

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
SEEING = CATALOG.replace("files: [{name: tiny.gguf}]", "files: [{name: tiny.gguf}], projector: {name: eyes.gguf}")


async def test_an_estimate_is_exact(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        asked = "model=tiny&input_tokens=1000&max_output_tokens=1001&token_type=spark"
        found = (await http.get("/v1/estimate", params=asked)).json()
        assert found["cost"] == {"nano_usd": 1_200_900, "usd": "0.0012009", "spark": "0.24018", "sogni": "0.12009"}
        assert found["price"] == {"version": 1, "prompt_nano_usd": 300, "completion_nano_usd": 900}
        assert (await http.get("/v1/estimate", params={"model": "ghost"})).status_code == 404
        for wrong in ({"input_tokens": "-1"}, {"max_output_tokens": "1.5"}, {"token_type": "gold"}):
            assert (await http.get("/v1/estimate", params={"model": "tiny", **wrong})).status_code == 400


async def test_pictures_are_estimated_by_the_most_that_they_can_be(start_coordinator: Start) -> None:
    async with start_coordinator(SEEING) as coordinator, coordinator.http() as http:
        vision = (await http.get("/v1/models/tiny")).json()["vision"]
        for detail, tokens in (("auto", 1026), ("high", 1026), ("low", 258), ("original", 1026)):
            assert vision["tokens_per_image"][detail] == tokens
            asked = {"model": "tiny", "input_tokens": "10", "images": "2", "image_detail": detail}
            found = (await http.get("/v1/estimate", params=asked)).json()
            assert found["cost"]["nano_usd"] == 300 * (10 + 2 * tokens)
            assert found["request"]["image_tokens"] == 2 * tokens
        for wrong in ({"images": "21"}, {"image_detail": "best"}):
            assert (await http.get("/v1/estimate", params={"model": "tiny", **wrong})).status_code == 400


async def test_pictures_for_a_model_that_takes_text_only_have_no_price(start_coordinator: Start) -> None:
    """It was told, and the request that came after it refused."""
    async with start_coordinator(SEEING) as coordinator, coordinator.http() as http:
        answer = await http.get("/v1/estimate", params={"model": "other", "images": "1"})
        assert answer.status_code == 400 and answer.json()["error"]["param"] == "images"
        assert "takes text only. Models that see pictures: tiny" in answer.json()["error"]["message"]
        assert (await http.get("/v1/estimate", params={"model": "other", "images": "0"})).status_code == 200


async def test_an_estimate_is_as_the_document_of_the_api_has_it(start_coordinator: Start) -> None:
    """What may be asked, of a chat and of each kind of media, and what is answered."""
    described = json.loads(Path(app.__file__).with_name("openapi.json").read_text(encoding="utf-8"))
    operation = described["paths"]["/v1/estimate"]
    answered = operation["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    holds = jsonschema_rs.validator_for({**answered, "components": described["components"]})
    asked: list[dict[str, str]] = [
        {"model": "tiny", "input_tokens": "5", "max_output_tokens": "7", "token_type": "spark"},
        {"model": "tiny", "images": "0", "image_detail": "low"},
        {"model": "draws", "n": "3", "size": "128x64"},
        {"model": "films", "n": "2", "size": "64x48", "seconds": "2", "fps": "8"},
    ]
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert names == set().union(*asked)
    async with start_coordinator(MEDIA_CATALOG) as coordinator, coordinator.http() as http:
        for query in asked:
            found = await http.get("/v1/estimate", params=query)
            assert found.status_code == 200, found.text
            holds.validate(found.json())
            assert ("units" in found.json()) is (query["model"] != "tiny")
            for missing in ("price", "cost", "request"):
                assert not holds.is_valid({name: one for name, one in found.json().items() if name != missing})


async def test_media_are_estimated_to_the_nano_dollar(start_coordinator: Start) -> None:
    async with start_coordinator(MEDIA_CATALOG) as coordinator, coordinator.http() as http:
        found = (
            await http.get("/v1/estimate", params={"model": "films", "seconds": "4", "token_type": "spark"})
        ).json()
        assert found["units"] == 4 and found["price"] == {"version": 1, "unit_nano_usd": 20_000_000}
        assert found["cost"]["nano_usd"] == 80_000_000 and found["cost"]["usd"] == "0.08"
        assert found["request"]["frames"] == 33 and found["request"]["token_type"] == "spark"
        for wrong in ({"seconds": "9"}, {"size": "64"}, {"token_type": "gold"}, {"max_output_tokens": "1"}):
            answer = await http.get("/v1/estimate", params={"model": "films", **wrong})
            assert answer.status_code == 400 and answer.json()["error"]["param"] == next(iter(wrong))
