from pathlib import Path

import pytest

from program.settings import ConfigError
from worker import config


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


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "its first line is empty"),
        (b"\nsk-1\n", "its first line is empty"),
        ("sk-1\r\n".encode("utf-16"), "letters that no key has"),
        (b"sk-1\xff\n", "letters that no key has"),
        ("schl\u00fcssel\n".encode(), "letters that no key has"),
    ],
)
def test_a_file_without_a_key_is_told_without_its_content(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigError, match=says) as refused:
        config.read_key(tmp_path / "key")
    assert "sk-1" not in str(refused.value) and str(tmp_path / "key") in str(refused.value)


def test_a_key_may_come_from_a_windows_editor_and_never_from_an_endless_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbfsk-1\r\n")
    assert config.read_key(tmp_path / "key") == "sk-1"
    with pytest.raises(ConfigError, match="/dev/zero"):
        config.read_key(Path("/dev/zero"))


def test_what_may_be_made_is_a_list_of_tools() -> None:
    assert config.tools("generate_music, generate_image") == ("generate_image", "generate_music")
    for wrong, said in (("paint", "there is no paint"), (" , ", "name one at least")):
        with pytest.raises(ValueError, match=said):
            config.tools(wrong)
