from pathlib import Path

import pytest

from worker import config
from worker.config import ConfigError


@pytest.mark.parametrize(
    ("given", "socket", "api"),
    [
        ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("wss://net.example/v1/worker", "wss://net.example", "https://net.example"),
        ("https://net.example", "wss://net.example", "https://net.example"),
    ],
)
def test_addresses_are_taken_in_either_form(given: str, socket: str, api: str) -> None:
    assert (config.worker_url(given), config.api_url(given)) == (socket, api)


@pytest.mark.parametrize("wrong", ["", "net.example", "ftp://net.example", "ws://"])
def test_a_wrong_address_says_how_to_write_it(wrong: str) -> None:
    with pytest.raises(ConfigError, match="wss://host"):
        config.worker_url(wrong)


def test_a_key_file_gives_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-1\nrest\n")
    assert config.read_key(tmp_path / "key") == "sk-1"
    with pytest.raises(ConfigError, match="nothing"):
        config.read_key(tmp_path / "nothing")


def test_the_shipped_catalogue_is_found_and_valid() -> None:
    assert config.read_catalogue(None).default == "qwen3.6-35b-a3b-gguf-iq4xs"


def test_a_missing_catalogue_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        config.read_catalogue(tmp_path / "none.yaml")
