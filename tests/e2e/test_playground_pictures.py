"""Pictures in the playground: picked, pasted or dropped, made small, shown, taken away again, and sent."""

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.e2e.browser import PATIENCE_MS, Visit, visit
from tests.e2e.crowd import Played, crowd
from tools.local_network import MODEL, Network, until
from tools.seeing_network import SeeingNetwork

expect.set_options(timeout=PATIENCE_MS)

RED, BLUE = (200, 30, 30), (30, 60, 200)
# A file on the clipboard or under the mouse: no key of a headless browser makes one.
GIVE = """([name, kind, data, type]) => {
  const file = new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, { type: kind });
  const files = new DataTransfer();
  files.items.add(file);
  const options = { bubbles: true, cancelable: true };
  const event = type === 'paste'
    ? new ClipboardEvent(type, { ...options, clipboardData: files })
    : new DragEvent(type, { ...options, dataTransfer: files });
  document.querySelector(type === 'paste' ? '#ask' : '.chat').dispatchEvent(event);
}"""


def file(width: int, height: int, colour: tuple[int, int, int] = RED, kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), colour).save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> Iterator[Network]:
    """A coordinator whose first model has a projector, and whose second has none; the tests bring the workers."""
    folder = tmp_path_factory.mktemp("seeing")
    network = SeeingNetwork(folder, tiny_chat)
    eyes = network.catalog.read_text().partition("models:\n")[2]
    blind = (
        Network(folder, tiny_chat)
        .catalog.read_text()
        .partition("models:\n")[2]
        .replace(f"id: {MODEL}", "id: blind")
        .replace("name: Tiny chat", "name: Blind")
    )
    catalog = folder / "two.yaml"
    catalog.write_text(f"default: {MODEL}\nmodels:\n{eyes}{blind}")
    try:
        network.start_coordinator("--catalog", str(catalog))
        yield network
    finally:
        network.close()


@pytest.fixture
def page(seeing: Network, browser: Browser) -> Iterator[Page]:
    """The playground of somebody who is signed in, before a worker that sees."""
    until(lambda: not seeing.get("/v1/network")["workers"])
    worker = Played("eyes", MODEL, tokens=5, image_ms=140)
    with crowd(seeing.url, [(seeing.key, worker)]), visit(browser, seeing.url) as here:
        here.expected = ("401",)
        enter(here, seeing)
        yield here.page


def enter(here: Visit, network: Network) -> None:
    until(lambda: network.get(f"/v1/models/{MODEL}")["vision"]["workers_online"])
    here.open("/playground")
    here.sign_in(network.key)
    expect(here.page.locator(".about-model")).to_contain_text("sees pictures")


def pick(page: Page, *files: tuple[str, str, bytes]) -> None:
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Add pictures").click()
    payloads: list[FilePayload] = [{"name": name, "mimeType": kind, "buffer": data} for name, kind, data in files]
    chosen.value.set_files(payloads)


def give(page: Page, how: str, name: str, kind: str, data: bytes) -> None:
    page.evaluate(GIVE, [name, kind, base64.b64encode(data).decode(), how])


def sent(page: Page, text: str) -> list[dict[str, Any]]:
    """What is sent when `text` is said: the messages."""
    with page.expect_request("**/v1/chat/completions") as request:
        page.get_by_label("Message").fill(text)
        page.get_by_role("button", name="Send").click()
    found: list[dict[str, Any]] = json.loads(request.value.post_data or "")["messages"]
    return found


def opened(part: dict[str, Any]) -> Image.Image:
    assert part["type"] == "image_url"
    return Image.open(BytesIO(base64.b64decode(part["image_url"]["url"].partition(",")[2])))


def test_a_large_picture_is_made_small_upright_and_without_its_place_and_is_sent(page: Page) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 29.0)}
    pick(page, ("cat.jpg", "image/jpeg", file(3000, 1500, kind="JPEG", exif=exif)))
    expect(page.get_by_role("list", name="Pictures to send").get_by_role("img", name="cat.jpg")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Added cat.jpg, 512 × 1,024")).to_be_visible()
    (message,) = sent(page, "What is this?")
    picture, text = message["content"]
    assert text == {"type": "text", "text": "What is this?"}
    image = opened(picture)
    assert (image.format, image.size) == ("JPEG", (512, 1024)) and not image.getexif()
    expect(page.locator(".question").get_by_role("img", name="cat.jpg")).to_be_visible()
    expect(page.locator(".question .said")).to_have_text("What is this?")
    expect(page.locator(".answer .markdown")).to_contain_text("hums")
    expect(page.get_by_role("list", name="Pictures to send")).not_to_be_visible()


def test_pictures_are_pasted_and_dropped_and_a_small_one_keeps_its_size_and_colour(page: Page) -> None:
    give(page, "paste", "image.png", "image/png", file(120, 80))
    expect(page.locator(".attached li")).to_have_count(1)
    give(page, "drop", "blue.webp", "image/webp", file(64, 64, BLUE, "WEBP", lossless=True))
    expect(page.locator(".attached li")).to_have_count(2)
    (message,) = sent(page, "")
    assert [part["type"] for part in message["content"]] == ["image_url", "image_url"]
    first, second = (opened(part) for part in message["content"])
    assert (first.size, first.convert("RGB").getpixel((3, 3))) == ((120, 80), RED)
    assert (second.size, second.convert("RGB").getpixel((3, 3))) == ((64, 64), BLUE)


def test_the_keyboard_takes_a_picture_away_and_keeps_its_place(page: Page) -> None:
    pick(page, ("one.png", "image/png", file(9, 9)), ("two.png", "image/png", file(9, 9, BLUE)))
    expect(page.locator(".attached li")).to_have_count(2)
    page.get_by_role("button", name="Remove one.png").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Removed one.png. 1 picture to send.")).to_be_visible()
    expect(page.get_by_role("button", name="Remove two.png")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".attached li")).to_have_count(0)
    expect(page.get_by_role("button", name="Add pictures")).to_be_focused()


def test_what_is_no_picture_is_told_in_words_and_the_rest_is_taken(page: Page) -> None:
    pick(page, ("letter.pdf", "application/pdf", b"%PDF-1.7"), ("ok.png", "image/png", file(9, 9)))
    expect(page.get_by_role("alert").filter(has_text="letter.pdf is no picture that this browser")).to_be_visible()
    expect(page.locator(".attached li")).to_have_count(1)


def test_a_conversation_has_a_bound_of_pictures(page: Page) -> None:
    pick(page, *((f"{n}.png", "image/png", file(9, 9, (n, n, n))) for n in range(21)))
    expect(page.locator(".attached li")).to_have_count(20)
    expect(page.get_by_role("alert").filter(has_text="at most 20 pictures")).to_be_visible()


def test_a_model_without_eyes_is_offered_no_picture(page: Page) -> None:
    page.get_by_label("Model", exact=True).select_option("blind")
    expect(page.get_by_role("button", name="Add pictures")).not_to_be_visible()
    give(page, "paste", "image.png", "image/png", file(9, 9))
    expect(page.get_by_role("alert").filter(has_text="Blind takes text only")).to_be_visible()
    expect(page.locator(".attached li")).to_have_count(0)


def test_a_picture_and_a_model_without_eyes_are_not_sent_together(page: Page) -> None:
    pick(page, ("one.png", "image/png", file(9, 9)))
    expect(page.locator(".attached li")).to_have_count(1)
    page.get_by_label("Model", exact=True).select_option("blind")
    page.get_by_label("Message").fill("Hello")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert").filter(has_text="Blind takes text only")).to_be_visible()
    expect(page.get_by_label("Message")).to_have_value("Hello")
    expect(page.locator(".turn")).to_have_count(0)


def test_a_phone_has_room_for_pictures(seeing: Network, browser: Browser) -> None:
    worker = Played("eyes", MODEL, tokens=5, image_ms=140)
    with crowd(seeing.url, [(seeing.key, worker)]), visit(browser, seeing.url, phone=True) as here:
        here.expected = ("401",)
        enter(here, seeing)
        pick(here.page, *((f"{n}.png", "image/png", file(900, 300, (99, n, n))) for n in range(6)))
        expect(here.page.locator(".attached li")).to_have_count(6)
        here.picture("pictures-attached-phone")
        assert here.too_wide() <= 0
        sent(here.page, "What do they show?")
        here.picture("pictures-sent-phone")
        places = [here.page.locator(f".question {one}").first.bounding_box() for one in ("img", ".said")]
        assert places[0] and places[1] and places[0]["x"] == places[1]["x"], "they begin where the text does"
        assert here.too_wide() <= 0


def test_the_network_shows_which_models_see(seeing: Network, browser: Browser) -> None:
    workers = [Played("eyes", MODEL, image_ms=140), Played("blind", MODEL)]
    with crowd(seeing.url, [(seeing.key, one) for one in workers]), visit(browser, seeing.url) as here:
        here.expected = ("401",)
        here.open("/")
        here.sign_in(seeing.key)
        expect(here.page.locator(".lane")).to_contain_text("2 workers (1 with vision)")
        here.page.locator(".tile").filter(has_text="eyes").get_by_role("link").click()
        expect(here.page.locator(".bigreplicas")).to_contain_text("sees pictures (1,024 tokens of one in 140 ms)")
