from pathlib import Path

import pytest

from program.catalog import load_catalog
from program.settings import ConfigError


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"default: x\nmodels:\n  - id: \xff\n", r"own\.yaml:3: .*UTF-8"),
        (b"default: x\nmodels: []\nprice: 3\n", r"own\.yaml:3: .*price"),
        (b"[", r"own\.yaml"),
    ],
)
def test_a_catalog_that_is_none_is_told_by_its_line(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        load_catalog(tmp_path / "own.yaml")


def test_the_shipped_catalog_is_found_and_valid() -> None:
    assert load_catalog(None).default == "qwen3.6-35b-a3b-gguf-iq4xs"


def test_a_missing_catalog_is_named_and_the_flag_that_names_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml.*--catalog"):
        load_catalog(tmp_path / "none.yaml")


def test_a_catalog_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "own.yaml").write_text("")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigError, match=r"own\.yaml: Permission denied"):
        load_catalog(tmp_path / "own.yaml")
