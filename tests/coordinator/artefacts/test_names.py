"""What is a name of an artefact, and what is none."""

import pytest

from coordinator.artefacts import names
from wire.media import MEDIA_TYPES

ID = "Az09_-Az09_-Az09_-Az09"
BASE = "https://supernet.example/api"


def test_every_type_that_is_made_has_an_ending_of_its_own() -> None:
    assert tuple(names.EXTENSIONS) == MEDIA_TYPES
    assert len(set(names.EXTENSIONS.values())) == len(MEDIA_TYPES)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("image/png", "image/png"),
        ("IMAGE/JPG; charset=binary", "image/jpeg"),
        ("audio/x-wav", "audio/wav"),
        ("image/svg+xml", None),
        ("text/html", None),
        ("image/png, text/html", None),
        ("", None),
    ],
)
def test_a_content_type_is_one_of_a_short_list_or_nothing(given: str, meant: str | None) -> None:
    assert names.media_type_of(given) == meant


@pytest.mark.parametrize("media_type", names.EXTENSIONS)
def test_a_link_leads_back_to_its_id(media_type: str) -> None:
    link = names.link(BASE, ID, media_type)
    assert names.id_of(link, BASE) == names.id_of(link.removeprefix(BASE), BASE) == names.id_of(ID, BASE) == ID
    assert names.id_of(link + "?download=1", BASE) == ID
    name = link.rpartition("/")[2]
    assert names.read_file_name(name) == (ID, names.EXTENSIONS[media_type])


@pytest.mark.parametrize(
    "name",
    [
        f"https://evil.example/m/{ID}.png",
        f"{BASE}.evil.example/m/{ID}.png",
        f"{BASE}@evil.example/m/{ID}.png",
        f"{BASE}/m/../m/{ID}.png",
        f"{BASE}/m/{ID}.svg",
        f"{BASE}/m/{ID}.png/..",
        f"{BASE}/m/{ID}",
        f"m/{ID}.png",
        f"{ID}.png",
        f"{ID}\n",
        ID[:-1],
        ID + "A",
        "../../../../etc/passwd",
        f"{BASE}/m/{'A' * 600}.png",
        "",
    ],
)
def test_what_is_neither_an_id_nor_a_link_of_ours_names_nothing(name: str) -> None:
    assert names.id_of(name, BASE) is None


@pytest.mark.parametrize("name", [f"{ID}.PNG", f"{ID}.png ", f"{ID}..png", f"a/{ID}.png", f"{ID}.jpeg", f"{ID}.exe"])
def test_a_file_name_is_an_id_and_a_known_ending(name: str) -> None:
    assert names.read_file_name(name) is None


def test_what_it_is_to_look_at_or_to_hear() -> None:
    assert [names.kind_of(t) for t in ("image/webp", "video/mp4", "audio/flac")] == ["image", "video", "audio"]
