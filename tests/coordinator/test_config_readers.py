"""Texts of settings that mean something, and those that do not; test_config.py reads them through the settings."""

import pytest

from coordinator.config_readers import read_cluster, read_image, read_origins


def test_an_image_is_named_as_a_registry_does() -> None:
    assert read_image("registry.example:5000/supernet-worker:0.1.0") == "registry.example:5000/supernet-worker:0.1.0"


@pytest.mark.parametrize("text", ["", "two words", "a;b", "$(id)", "-v", "x" * 300])
def test_what_a_shell_would_read_as_more_than_a_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no name of an image"):
        read_image(text)


def test_origins_are_kept_as_a_browser_sends_them() -> None:
    assert read_origins("https://App.example/, http://other.example") == ("https://app.example", "http://other.example")


def test_each_server_of_a_cluster_has_the_scheme_before_it() -> None:
    assert read_cluster("tls://one.example,two.example:4223") == ("tls://one.example:4222", "tls://two.example:4223")
