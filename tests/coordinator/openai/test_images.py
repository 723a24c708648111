"""Data URIs as they come, and all that is no picture: taken as the bytes of a file, or refused with what would help."""

from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256

import pytest

from coordinator.openai.fields import Fields
from coordinator.openai.images import Picture, Pictures, Sent, Unreadable, from_uri
from coordinator.openai.json_body import MAX_BODY_BYTES
from tests.coordinator.pictures import PNG, png, shown, unseen, uri
from wire.errors import ErrorCode, SupernetError
from wire.pictures import LOW_TOKENS, MAX_BYTES, MAX_BYTES_TOGETHER, MAX_PICTURES, MOST_TOKENS

AT = "messages[2].content[1].image_url"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
GIF = b"GIF89a\x01\x00\x01\x00"
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 "
BASE64 = b64encode(PNG).decode()


def add(url: str, detail: str | None = None, pictures: Pictures | None = None) -> Picture:
    return (pictures or shown()).add(from_uri(AT, url, detail))


def refused(url: str) -> str:
    with pytest.raises(Unreadable) as caught:
        add(url)
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, AT)
    assert caught.value.message.startswith(f"Invalid '{AT}': ")
    return caught.value.message


@pytest.mark.parametrize(
    "head",
    [
        "data:image/png;base64,",
        "DATA:IMAGE/PNG;BASE64,",
        "data:image/png;charset=utf-8;base64,",
        "data:image/png;name=a.png;x=1;Base64,",
        "data: image/png ; base64,",
        " \n data:image/png;base64,",
        "data:image/jpg;base64,",  # the bytes say what it is, and clients often name another
        "data:image/jpeg;base64,",
        "data:image/webp;base64,",
        "data:image/gif;base64,",
    ],
)
def test_a_data_uri_is_the_bytes_of_its_file(head: str) -> None:
    pictures = shown()
    picture = add(head + BASE64, None, pictures)
    assert picture == Picture(sha256(PNG).hexdigest(), len(PNG), MOST_TOKENS)
    assert pictures.blobs == {picture.sha256: PNG}
    assert pictures.places == [AT]


@pytest.mark.parametrize("file", [JPEG, GIF, GIF.replace(b"9a", b"7a"), WEBP, PNG])
def test_the_first_bytes_say_whether_it_is_a_picture(file: bytes) -> None:
    assert add(uri(file)).size_bytes == len(file)


@pytest.mark.parametrize("space", ["\n", "\r\n", " ", "\t", "\f"])
def test_white_space_in_the_base64_is_nothing(space: str) -> None:
    lines = space.join(BASE64[i : i + 76] for i in range(0, len(BASE64), 76))
    assert add(f"data:image/png;base64,{space}{lines}{space}").sha256 == sha256(PNG).hexdigest()


def test_base64_of_any_length_is_read_whole() -> None:
    for extra in range(4):
        file = png(padding=600_000 + extra)
        assert add(uri(file)).sha256 == sha256(file).hexdigest()


@pytest.mark.parametrize("detail", [None, "auto", "low", "high", "original"])
def test_detail_bounds_the_tokens(detail: str | None) -> None:
    assert add(uri(), detail).most == (LOW_TOKENS if detail == "low" else MOST_TOKENS)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://example.com/a.png", "not fetched"),
        ("HTTP://[::1]/a.png", "not fetched"),
        ("http://169.254.169.254/latest", "not fetched"),
        ("file:///etc/passwd", "'file:'"),
        ("ftp://example.com/a.png", "'ftp:'"),
        ("blob:https://example.com/1", "'blob:'"),
        ("a.png", "no data URI"),
        ("/home/me/a.png", "no data URI"),
        ("C:\\a.png", "no data URI"),
        ("file-abc123", "no data URI"),
        ("", "no data URI"),
        (BASE64, "no data URI"),
        (" " * 1000 + uri(PNG), "no data URI"),
        ("data:", "not in base64"),
        ("data:image/png", "not in base64"),
        ("data:image/png;base64", "not in base64"),
        ("data:image/png,%89PNG", "not in base64"),
        ("data:image/png;base64;charset=utf-8," + BASE64, "not in base64"),
        ("data:image/png;" + "x" * 300 + ";base64," + BASE64, "not in base64"),
    ],
)
def test_what_is_no_data_uri_is_refused_with_how_to_send_one(url: str, what: str) -> None:
    message = refused(url)
    assert what in message
    assert "'data:image/png;base64,'" in message


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        ("", "no bytes"),
        (" \n", "no bytes"),
        (BASE64[:-1], "not valid base64"),
        ("QQ=====", "not valid base64"),
        ("QQ==QQ==", "not valid base64"),
        ("====", "not valid base64"),
        ("=", "not valid base64"),
        ("A", "not valid base64"),
        (BASE64[:8] + "*" + BASE64[9:], "not valid base64"),
        (BASE64[:8] + "\u00e4" + BASE64[9:], "not valid base64"),
        (BASE64[:8] + "\u00a0" + BASE64[8:], "not valid base64"),
        (BASE64[:8] + "%2B" + BASE64[9:], "not valid base64"),
        (urlsafe_b64encode(b"\xff\xd8\xff\xfb\xff\xfe").decode(), "not valid base64"),
    ],
)
def test_base64_is_read_strictly(payload: str, what: str) -> None:
    assert what in refused("data:image/png;base64," + payload)


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "draw it as PNG"),
        (b"\xef\xbb\xbf <?xml version='1.0'?>\n<SVG/>", "draw it as PNG"),
        (b"<!-- made by hand --><svg/>", "draw it as PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "convert it to JPEG"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "convert it to JPEG"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "not those of a picture"),
        (b"%PDF-1.7\n", "its pages as PNG"),
        (b"BM\x36\x00\x00\x00", "convert it to PNG"),
        (b"II*\x00\x08", "convert it to PNG"),
        (b"MM\x00*\x00", "convert it to PNG"),
        (b"<?xml version='1.0'?><html/>", "not those of a picture"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "not those of a picture"),
        (b"GIF88a", "not those of a picture"),
        (b"\x89PNG", "not those of a picture"),
        (b"x", "not those of a picture"),
    ],
)
def test_another_format_is_refused_with_what_to_do_by_its_first_bytes(file: bytes, what: str) -> None:
    message = refused(uri(file))
    assert what in message
    assert "JPEG, PNG, WebP or GIF" in message


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        ("image/svg+xml", "draw it as PNG"),
        ("image/heic", "convert it to JPEG"),
        ("image/HEIF", "convert it to JPEG"),
        ("image/avif", "convert it to JPEG"),
        ("application/pdf", "its pages as PNG"),
        ("image/bmp", "convert it to PNG"),
        ("image/x-ms-bmp", "convert it to PNG"),
        ("image/tiff", "convert it to PNG"),
        ("text/html", "media type"),
        ("image/*", "media type"),
        ("video/mp4", "media type"),
        ("", "media type"),
    ],
)
def test_another_declared_type_is_refused_with_what_to_do(declared: str, what: str) -> None:
    message = refused(f"data:{declared};base64,{BASE64}")
    assert what in message
    assert "JPEG, PNG, WebP or GIF" in message


def test_no_error_quotes_what_was_sent() -> None:
    for url in (
        "secret.png",
        "https://user:secret@example.com/secret",
        "secret://x",
        "data:secret,x",
        "data:image/secret;base64,AAAA",
        "data:image/png;secret=1;base64,secret",
        "data:image/png;base64,c2VjcmV0",
    ):
        message = refused(url)
        assert "secret" not in message
        assert "c2VjcmV0" not in message


# ---- the pictures of one request -------------------------------------------------------------------------------------


def test_one_picture_has_ten_mebibytes_and_no_byte_more() -> None:
    most = png(padding=MAX_BYTES - len(PNG))
    assert add(uri(most)).size_bytes == MAX_BYTES
    message = refused(uri(most + b"\0"))
    assert "10,485,761 bytes" in message
    assert "10 MiB" in message


def test_all_together_have_twelve_and_no_byte_more_and_the_same_one_counts_once() -> None:
    pictures, half = shown(), MAX_BYTES_TOGETHER // 2 - len(PNG)
    for color in (1, 2, 1, 2):
        add(uri(png(color, half)), None, pictures)
    assert len(pictures.blobs) == 2
    assert sum(map(len, pictures.blobs.values())) == MAX_BYTES_TOGETHER
    with pytest.raises(SupernetError, match="more than 12 MiB together") as caught:
        add(uri(PNG), None, pictures)
    assert caught.value.param == AT
    assert not isinstance(caught.value, Unreadable)


def test_twenty_are_taken_and_the_next_is_refused_though_it_was_there_before() -> None:
    pictures = shown()
    for _ in range(MAX_PICTURES):
        add(uri(), None, pictures)
    assert len(pictures.places) == MAX_PICTURES
    with pytest.raises(SupernetError, match="more than 20 pictures") as caught:
        add(uri(), None, pictures)
    assert caught.value.param == AT
    assert not isinstance(caught.value, Unreadable)


def test_a_body_may_be_large_because_of_its_pictures_and_for_nothing_else() -> None:
    pictures = shown()
    add(uri(png(padding=MAX_BYTES - len(PNG))), None, pictures)
    payload = len(b64encode(bytes(MAX_BYTES)))
    pictures.finish(bytes(MAX_BODY_BYTES + payload), Fields({}))
    with pytest.raises(SupernetError, match="beside its pictures") as caught:
        pictures.finish(bytes(MAX_BODY_BYTES + payload + 1), Fields({}))
    assert caught.value.code is ErrorCode.REQUEST_TOO_LARGE
    with pytest.raises(SupernetError, match="The request body has 4194305 bytes"):
        shown().finish(bytes(MAX_BODY_BYTES + 1), Fields({}))


def test_what_was_left_out_is_not_counted_as_text_and_is_said() -> None:
    pictures, fields = shown(), Fields({})
    payload = "x" * (MAX_BYTES * 3 // 2)
    with pytest.raises(Unreadable) as caught:
        pictures.add(Sent(AT, "image/png", payload))
    pictures.left_out(caught.value)
    pictures.finish(bytes(len(payload) + MAX_BODY_BYTES), fields)
    (warning,) = fields.warnings
    assert "left out" in warning
    assert AT in warning


def test_a_model_without_eyes_says_which_models_see() -> None:
    assert unseen().text_only == "this model takes text only. Models that see pictures: seer"
    assert shown().seen
    assert not unseen().seen


def test_a_picture_has_its_place_in_the_text() -> None:
    picture = add(uri(), "low")
    image = picture.at(7)
    assert (image.at, image.sha256, image.size_bytes, image.most) == (7, picture.sha256, len(PNG), LOW_TOKENS)
