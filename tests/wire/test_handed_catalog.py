"""A coordinator's catalog in a worker's eyes: what it may name, and what becomes of the rest."""

import json
from typing import Any

import pytest

from program.catalog import load_catalog
from wire.codec import MAX_SMALL_TO_WORKER_BYTES, encode
from wire.handed_catalog import MAX_CHARS, HandedCatalog, Unusable, fingerprint, read, write

OWN = load_catalog(None)
CHAT: dict[str, Any] = json.loads(write(OWN))["models"][0]
PACKAGES = {str(spec.package) for spec in OWN.models} | {str(spec.package) for spec in OWN.media}


def text(*models: Any, media: Any = (), default: Any = "m", **rest: Any) -> str:
    return json.dumps({"default": default, "models": models, "media": media, **rest})


def entry(**changes: Any) -> dict[str, Any]:
    return CHAT | {"id": "m"} | changes


def test_what_is_written_is_read_as_it_was_and_has_one_name() -> None:
    handed = read(write(OWN), PACKAGES)
    assert handed.catalog == OWN and handed.left_out == ()
    assert fingerprint(write(OWN)) == fingerprint(write(handed.catalog)) != fingerprint(text(entry()))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "qwen-yaml"},
        {"kind_of_cache": "new"},
        {"repository": "../../etc"},
        {"repository": "https://host/owner/name"},
        {"repository": "owner/name/more"},
        {"revision": "refs/../x"},
        {"files": [{"name": "../m.gguf"}]},
        {"files": [{"name": "/etc/m.gguf"}]},
        {"files": [{"name": "m.safetensors"}]},
        {"files": [{"name": "http://host/m.gguf"}]},
        {"files": [{"name": "m.gguf", "url": "http://host/m.gguf"}]},
        {"files": [{"name": "m.gguf", "sha256": "short"}]},
        {"projector": {"name": "..\\m.gguf"}},
        {"repository": None, "files": [{"name": "m.gguf"}]},
        {"repository": None, "package": "antigravity", "files": [{"name": "m.gguf", "sha256": "a" * 64}]},
        {"context": 2**40},
        {"context": "4096"},
        {"price": {"prompt": -1, "completion": 1}},
    ],
)
def test_an_entry_that_this_version_does_not_understand_in_full_is_left_out_and_named(changes: dict[str, Any]) -> None:
    handed = read(text(entry(**changes), entry(id="fine"), default="fine"), PACKAGES)
    assert [spec.id for spec in handed.catalog.models] == ["fine"]
    assert handed.left_out == ("m",)


def test_what_is_no_name_is_not_shown_to_anybody() -> None:
    handed = read(text(entry(), entry(id="\x1b[31mred"), entry(id=7), "m", None, [1]), PACKAGES)
    assert [spec.id for spec in handed.catalog.models] == ["m"] and handed.left_out == ()


def test_a_name_that_stands_twice_is_the_first() -> None:
    assert read(text(entry(context=512, max_output=1), entry()), PACKAGES).catalog.models[0].context == 512


def test_a_default_that_this_version_cannot_serve_is_no_other_model() -> None:
    handed = read(text(entry(format="new"), entry(id="fine")), PACKAGES)
    assert handed.catalog.default == "m" and handed.left_out == ("m",)


def test_a_newer_list_beside_those_that_are_known_is_no_fault() -> None:
    assert read(text(entry(), voices=[{"id": "v"}]), PACKAGES).catalog.models[0].id == "m"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "null",
        "[]",
        "{}",
        text(),
        text(entry(format="new")),
        text(entry(), default="../x"),
        text(entry(), default=None),
        '{"default":"m","models":7}',
        text(entry(), media=7),
        text(entry(), media=[json.loads(write(OWN))["media"][0] | {"id": "m"}]),
        "[" * 10_000,
        "{}," * 100_000,
        " " * (MAX_CHARS + 1),
        '"\ud800"',
    ],
)
def test_what_is_of_no_use_is_refused(wrong: str) -> None:
    with pytest.raises(Unusable):
        read(wrong, PACKAGES)


def test_no_more_entries_are_read_than_a_catalog_may_have() -> None:
    bare = {
        "id": "m",
        "name": "M",
        "format": "qwen-json",
        "repository": "o/n",
        "files": [{"name": "m.gguf"}],
        "context": 512,
        "max_output": 1,
        "price": {"prompt": 1, "completion": 1},
        "licence": "MIT",
    }
    many = [bare | {"id": f"m{number}"} for number in range(300)]
    assert len(read(text(*many, default="m0"), PACKAGES).catalog.models) == 256


def test_the_longest_text_fits_a_frame_however_it_is_escaped() -> None:
    assert len(encode(HandedCatalog(text='"' * MAX_CHARS))) < MAX_SMALL_TO_WORKER_BYTES


def test_an_entry_of_a_size_that_no_disk_has_is_left_out() -> None:
    huge = 10**4000
    file = entry(id="file", files=[{"name": "m.gguf", "size_bytes": huge}])
    eyes = entry(id="eyes", projector={"name": "p.gguf", "size_bytes": huge})
    presets = entry(id="presets", presets={"plain_general": {"temperature": 1, "top_p": 1, "top_k": huge}})
    toy = json.loads(write(OWN))["media"][0]
    media = [toy | {"id": "whole", "size_bytes": huge}, toy | {"id": "memory", "memory_bytes": huge}]
    found = read(text(entry(), file, eyes, presets, media=media), PACKAGES)
    assert found.left_out == ("file", "eyes", "presets", "whole", "memory")
