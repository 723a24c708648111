"""The operator's file of providers, and where a provider may send anybody."""

from pathlib import Path

import pytest

from coordinator.identity.providers import ProviderSettings, loopback, read_providers, safe

GOOD = '[example]\nname = "Example"\nissuer = "https://login.example/realm"\nclient_id = "supernet"\n'


def test_each_table_is_a_provider(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    file = tmp_path / "oidc.toml"
    local = '[local]\nname = "Here"\nissuer = "http://127.0.0.1:3000"\nclient_id = "x"\nclient_secret_file = "secret"\n'
    file.write_text(GOOD + local)
    first, second = read_providers(file)
    assert first == ProviderSettings("example", "Example", "https://login.example/realm", "supernet")
    assert second.client_secret == "hush" and "hush" not in repr(second)


BAD = {
    "": "0 providers",
    "x": "no TOML",
    "a = 1": "no table",
    GOOD.replace("[example]", "[Big]"): "no table",
    GOOD + 'secret = "x"': "known are",
    GOOD.replace('"Example"', "7"): "in quotes",
    GOOD.replace("Example", " "): "can be seen",
    GOOD.replace("Example", "E" * 33): "can be seen",
    GOOD.replace("https", "http"): "with https",
    GOOD.replace("/realm", "/?x"): "with https",
    GOOD.replace("https://login.example/realm", "https://a@b"): "with https",
    GOOD.replace("supernet", "a b"): "client_id",
    GOOD + 'client_secret_file = "none"': "cannot read",
    GOOD + 'client_secret_file = "empty"': "no secret",
    GOOD + GOOD.replace("[example]", "[again]"): "twice",
    "".join(GOOD.replace("[example]", f"[a{n}]").replace("/realm", f"/{n}") for n in range(9)): "9 providers",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_with_the_file_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "empty").write_text("\n")
    file = tmp_path / "oidc.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=BAD[text]):
        read_providers(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        read_providers(tmp_path / "none")


def test_nobody_is_sent_where_there_is_no_tls_but_on_this_machine() -> None:
    far, here = "https://login.example", "http://localhost:3000"
    assert safe("https://login.example/token", far) and safe("https://tokens.example/", here)
    assert safe("http://127.0.0.1:1/token", here) and safe("http://[::1]/token", here) and safe(here)
    for unsafe in (
        "http://login.example/token",
        "ftp://login.example/",
        "//login.example",
        "https://",
        "",
        "https:// x",
    ):
        assert not safe(unsafe, far) and not safe(unsafe, here)
    for own in ("https://127.0.0.1/token", "https://localhost/", "https://a.localhost/", "https://[::1]/"):
        assert not safe(own, far)  # a provider elsewhere names this machine
    for odd in (
        "https://a@b/",
        "https://login.example\\@evil/",
        "https://[::1/",
        "https://login.example:x/",
        "https://ä/",
    ):
        assert not safe(odd, far)
    assert loopback(here) and not loopback(far) and not loopback("x")
