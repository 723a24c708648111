"""What a catalog may say (wire/catalog.py), and that every refusal of its text names the line."""

from pathlib import Path

import pytest

from wire.catalog import Catalog
from wire.catalog_text import CatalogError, parse
from wire.errors import ErrorCode, SupernetError

SHIPPED = Path(__file__).parents[2] / "models.yaml"
SHA = "ab" * 32
ENTRY = """\
default: tiny
models:
  - id: tiny
    name: Tiny
    format: qwen-xml
    repository: someone/tiny-GGUF
    files:
      - name: tiny.gguf
    context: 4096
    max_output: 1024
    price: {prompt: 1, completion: 2}
    licence: MIT
"""


def refusal(text: str) -> str:
    with pytest.raises(CatalogError) as caught:
        parse(text, "models.yaml")
    return str(caught.value)


def test_bytes_of_a_file_are_read_as_utf_8_with_or_without_a_mark_in_front() -> None:
    assert parse(b"\xef\xbb\xbf" + ENTRY.encode(), "models.yaml") == parse(ENTRY, "models.yaml")
    with pytest.raises(CatalogError, match=r"models\.yaml:2: .*UTF-8"):
        parse(b"default: x\n# \xff\n", "models.yaml")


def test_the_shipped_catalog_is_valid_and_names_the_default() -> None:
    catalog = parse(SHIPPED.read_text(), "models.yaml")
    default = catalog.get(catalog.default)
    assert default.id == "qwen3.6-35b-a3b-gguf-iq4xs"
    assert (default.context, default.price.prompt, default.price.completion) == (262144, 300, 900)
    assert default.projector is not None and default.projector.name == "mmproj-BF16.gguf"
    assert [spec.id for spec in catalog.models][:3] == [
        "qwen3.6-35b-a3b-gguf-iq4xs",
        "qwen3.5-35b-a3b-abliterated-gguf-q4km",
        "qwen3.5-35b-a3b-gguf-q4km",
    ]
    assert all(spec.price.prompt > 0 and spec.price.completion > 0 for spec in catalog.models)


def test_presets_fall_back_within_their_own_column() -> None:
    presets = parse(SHIPPED.read_text(), "models.yaml").models[0].presets
    coding, plain_coding = presets.choose("coding", True), presets.choose("coding", False)
    assert coding is not None and (coding.temperature, coding.presence_penalty) == (0.6, 0.0)
    assert plain_coding == presets.plain_general
    assert presets.choose("reasoning", True) == presets.thinking_general


def test_models_keep_the_order_of_the_file_and_an_unknown_id_lists_what_there_is() -> None:
    second = ENTRY.split("models:\n")[1].replace("tiny\n", "other\n", 1)
    catalog = parse(ENTRY + second, "models.yaml")
    assert [spec.id for spec in catalog.models] == ["tiny", "other"]
    with pytest.raises(SupernetError) as caught:
        catalog.get("absent")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND
    assert caught.value.param == "model"
    assert "tiny, other" in caught.value.message


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("    name: Tiny", "    name: Tiny\n    colour: red", 5, "unknown key 'models.0.colour'"),
        ("    licence: MIT\n", "", 3, "key 'models.0.licence' is missing"),
        ("    context: 4096", "    context: '4096'", 9, "models.0.context"),
        ("    context: 4096", "    context: 4096.5", 9, "models.0.context"),
        ("    context: 4096", "    context: true", 9, "models.0.context"),
        ("prompt: 1,", "prompt: 0.3,", 11, "models.0.price.prompt"),
        ("prompt: 1,", "prompt: -1,", 11, "models.0.price.prompt"),
        ("  - id: tiny", "  - id: Tiny/../x", 3, "models.0.id"),
        ("someone/tiny-GGUF", "../tiny", 6, "models.0.repository"),
        ("someone/tiny-GGUF", "a/b/c", 6, "models.0.repository"),
        ("name: tiny.gguf", "name: ../tiny.gguf", 8, "models.0.files.0.name"),
        ("name: tiny.gguf", "name: /etc/tiny.gguf", 8, "models.0.files.0.name"),
        ("name: tiny.gguf", "name: a\\b.gguf", 8, "models.0.files.0.name"),
        ("name: tiny.gguf", "name: .hidden.gguf", 8, "models.0.files.0.name"),
        ("name: tiny.gguf", "name: tiny.exe", 8, "models.0.files.0.name"),
        ("name: tiny.gguf", "name: tiny.gguf\n        sha256: abc", 9, "models.0.files.0.sha256"),
        ("qwen-xml", "qwen-yaml", 5, "models.0.format"),
        ("max_output: 1024", "max_output: 9999", 3, "max_output 9999 is more than context 4096"),
        ("default: tiny", "default: absent", 1, "'absent' is not one of the models"),
        ("    licence: MIT", "    licence: MIT\n    licence: MIT", 13, "'licence' appears twice"),
        ("    licence: MIT", "    licence: 2024-01-01", 12, "in quotes"),
        ("    licence: MIT", "    licence: 2024-13-41", 12, "not a value"),
        ("    licence: MIT", "    licence: !!python/object:os.system x", 12, "could not determine a constructor"),
        ("    licence: MIT", "    licence: [MIT", 13, "expected"),
        ("    licence: MIT", "    1: MIT", 12, "plain text"),
        ("    files:", "    package: somewhere\n    files:", 3, "either a repository or a package"),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_key(old: str, new: str, line: int, says: str) -> None:
    assert old in ENTRY
    message = refusal(ENTRY.replace(old, new, 1))
    assert message.startswith(f"models.yaml:{line}: ")
    assert says in message


def test_all_mistakes_are_told_at_once() -> None:
    message = refusal(ENTRY.replace("licence", "license").replace("4096", "many"))
    assert message.splitlines() == [
        "models.yaml:3: key 'models.0.licence' is missing",
        "models.yaml:9: models.0.context: Input should be a valid integer (found 'many')",
        "models.yaml:12: unknown key 'models.0.license'",
    ]


def test_the_same_id_twice_is_refused_with_both_lines() -> None:
    message = refusal(ENTRY + ENTRY.split("models:\n")[1])
    assert message.startswith("models.yaml:13: ") and "line 3" in message


def test_a_split_model_lists_every_part_in_order() -> None:
    def with_files(*names: str) -> str:
        files = "".join(f"      - name: {name}\n" for name in names)
        return ENTRY.replace("      - name: tiny.gguf\n", files)

    first, second = "q/big-00001-of-00002.gguf", "q/big-00002-of-00002.gguf"
    assert len(parse(with_files(first, second), "models.yaml").models[0].files) == 2
    for wrong in ((second, first), (first,), (first, "q/other-00002-of-00002.gguf"), ("a.gguf", "b.gguf")):
        assert "a split model lists every part in order" in refusal(with_files(*wrong))


def test_a_package_ships_one_file_with_its_sha256() -> None:
    package = ENTRY.replace("repository: someone/tiny-GGUF", "package: tiny_weights")
    assert "with its sha256" in refusal(package)
    spec = parse(package.replace("tiny.gguf", f"tiny.gguf\n        sha256: {SHA}"), "m").models[0]
    assert (spec.package, spec.files[0].sha256) == ("tiny_weights", SHA)


def test_aliases_are_allowed_but_cannot_be_nested_into_a_bomb() -> None:
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "too many values" in refusal("\n".join(layers))
    assert "too many values" in refusal("a: &a [*a]")


@pytest.mark.parametrize("text", ["", "# nothing\n", "just text", "[]", "default: x\n", "\x00", "a: b\n---\nc: d\n"])
def test_something_that_is_no_catalog_is_refused(text: str) -> None:
    assert refusal(text).startswith("models.yaml")


def test_a_text_too_long_or_too_deep_is_refused_before_it_is_read() -> None:
    assert "bytes" in refusal("#" * 300_000)
    assert "nested deeper" in refusal("[" * 100_000)
    assert "nested deeper" in refusal("a: " + "{b: " * 50)


def test_a_catalog_is_frozen() -> None:
    catalog: Catalog = parse(ENTRY, "models.yaml")
    with pytest.raises(ValueError, match="frozen"):
        catalog.default = "other"  # type: ignore[misc]


def test_files_of_the_operator_s_own_are_known_by_their_hash() -> None:
    own = ENTRY.replace("    repository: someone/tiny-GGUF\n", "")
    assert "files of your own need a sha256 each" in refusal(own)
    spec = parse(own.replace("tiny.gguf", f"tiny.gguf\n        sha256: {SHA}"), "m").models[0]
    assert (spec.repository, spec.package, spec.files[0].sha256) == (None, None, SHA)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ("{architecture: qwen3, layers: 4, embedding: 160, experts: 0}", None),
        ("{architecture: qwen3}", None),
        ("{layers: 4}", "architecture"),
        ("{architecture: 'a b'}", "architecture"),
        ("{architecture: qwen3, layers: 0}", "layers"),
        ("{architecture: qwen3, heads: 4}", "unknown key"),
    ],
)
def test_a_shape_says_what_the_header_must_say(shape: str, says: str | None) -> None:
    text = ENTRY.replace("    context:", f"    shape: {shape}\n    context:")
    if says is None:
        found = parse(text, "m").models[0].shape
        assert found is not None and found.architecture == "qwen3"
    else:
        assert says in refusal(text)


def test_sizes_are_parts_of_a_whole() -> None:
    line = "    sizes: {{files: {files}, input: 40, experts: {experts}, token: 8}}\n"
    sizes = parse(ENTRY + line.format(files=100, experts=60), "models.yaml").models[0].sizes
    assert sizes is not None and (sizes.files, sizes.experts, sizes.job, sizes.projector) == (100, 60, 0, 0)
    for files, experts in ((100, 61), (0, 0)):
        assert "together cannot be more" in refusal(ENTRY + line.format(files=files, experts=experts))
    assert "sizes" in refusal(ENTRY + "    sizes: {files: 100}\n")
