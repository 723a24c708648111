import base64

import pytest

from coordinator.media.handles import MOST, Handles, Medium, NoSuchMedia, known_kind, links, medium_of
from tests.coordinator.media.samples import ARTEFACT, LINK, MP3, MP4, PNG, PUBLIC_URL, conversation

OTHER = "https://net.example/m/ZZZZZZZZZZZZZZZZZZZZZZ.mp4"


def test_everything_of_a_conversation_is_numbered_in_its_order() -> None:
    handles = Handles(PUBLIC_URL)
    assert handles.add(Medium("image", sha256="1" * 64)) == "media:1"
    handles.add_links(f"Here it is: ![a]({LINK}), and again {LINK}. A film: {OTHER}")
    assert handles.add(Medium("audio", sha256="2" * 64)) == "media:4"
    assert handles.add(Medium("image", sha256="1" * 64)) == "media:1"
    assert handles.find("media:2", "image") == Medium("image", artefact=ARTEFACT)
    assert handles.find("media:3", "video").artefact == "Z" * 22


def test_a_link_of_ours_is_a_name_and_no_other_is() -> None:
    handles = Handles(PUBLIC_URL)
    assert handles.find(LINK, "image").artefact == ARTEFACT
    assert handles.find(f"![a]({LINK})", "image").artefact == ARTEFACT
    for other in (
        LINK.replace("net", "evil"),
        f"https://evil.example/?{PUBLIC_URL}",
        "/m/short.png",
        f"/m/{ARTEFACT}.png",
    ):
        with pytest.raises(NoSuchMedia):
            handles.find(other, "image")
    assert list(links(LINK, "")) == []


@pytest.mark.parametrize("name", ["media:1", " media:1 ", "[media:1]"])
def test_a_handle_as_models_write_it(name: str) -> None:
    assert conversation("image").find(name, "image").sha256 == f"{1:064x}"


def test_what_a_file_is_shows_in_its_first_bytes() -> None:
    assert known_kind(PNG) == "image"
    assert known_kind(b"\xff\xd8\xff\xe0") == "image"
    assert known_kind(b"RIFF1234WEBP") == "image"
    assert known_kind(MP3) == known_kind(b"\xff\xfb\x90") == known_kind(b"fLaC") == "audio"
    assert known_kind(b"RIFF1234WAVE") == known_kind(b"\0\0\0\x18ftypM4A ") == "audio"
    assert known_kind(MP4) == known_kind(b"\0\0\0\x18ftypqt  ") == "video"
    assert known_kind(b"<svg xmlns=") is None
    assert known_kind(b"") is None


def test_a_data_uri_is_taken_by_its_bytes() -> None:
    uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
    found = Handles(PUBLIC_URL).find(uri, "image")
    assert found.data == PNG
    with pytest.raises(NoSuchMedia, match="sound"):
        Handles(PUBLIC_URL).find(uri, "audio")


def test_a_file_that_is_too_large() -> None:
    with pytest.raises(NoSuchMedia, match="at most 20,971,520"):
        medium_of(PNG + bytes(20 * 1024 * 1024), "image")


def test_the_table_is_bounded() -> None:
    handles = Handles(PUBLIC_URL)
    names = [handles.add(Medium("image", sha256=f"{number:064x}")) for number in range(MOST + 5)]
    assert names[MOST - 1] == f"media:{MOST}"
    assert names[MOST:] == [None] * 5
