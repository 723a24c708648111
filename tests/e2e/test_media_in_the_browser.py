"""Pictures, films and music on the pages: who makes them and how far, in a real browser before a real coordinator."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.asyncio.client import ClientConnection

from coordinator.dispatch.effects import Progressed
from tests.coordinator.artefacts.files import of_every_type
from tests.coordinator.media.making import PAINTER, in_catalog
from tests.e2e.browser import PATIENCE_MS, Visit, visit
from tests.e2e.crowd import Played, crowd
from tests.e2e.painter import STEPS, Painter
from tools.local_network import MODEL, Network, until
from wire import messages as wire
from wire.chat import CallDelta, ChatRequest, Content, FinishReason, Part, Usage

expect.set_options(timeout=PATIENCE_MS)

HALF = str(Progressed("", "denoising", STEPS // 2, STEPS, "").percent)
TOOL = "sogni_generate_image"
PROMPT = "a fish that nobody else may read of"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> Iterator[Network]:
    """A coordinator with a pipeline in its catalog; the tests bring the workers."""
    folder = tmp_path_factory.mktemp("studio")
    network = Network(folder, tiny_chat)
    catalog = folder / "with-media.yaml"
    catalog.write_text(in_catalog(network.catalog.read_text()))
    try:
        network.start_coordinator("--catalog", str(catalog))
        yield network
    finally:
        network.close()


def signed_in(here: Visit, key: str, path: str = "/") -> Page:
    here.expected = ("401",)  # the first request of a page without a key
    here.open(path)
    here.sign_in(key)
    expect(here.page.get_by_role("button", name="Sign out")).to_be_visible()
    return here.page


def test_who_makes_media_is_shown_with_stage_and_percent(studio: Network, browser: Browser) -> None:
    painter = Painter("studio", PAINTER.id, slots=2, url=studio.url)
    stranger = studio.create_stranger("stranger")
    asked = {"model": PAINTER.id, "prompt": PROMPT, "size": "64x64", "response_format": "url"}
    with crowd(studio.url, [(studio.key, painter)]), ThreadPoolExecutor(1) as client:
        until(lambda: studio.get("/v1/network")["totals"]["slots"] == 2)
        making = client.submit(studio.post, "/v1/images/generations", asked)
        try:
            for look in ("desk-light", "desk-dark", "phone-light", "phone-dark"):
                phone, dark = look.startswith("phone"), look.endswith("dark")
                with visit(browser, studio.url, phone=phone, dark=dark) as here:
                    page = signed_in(here, stranger if phone else studio.key)
                    shown = page.locator(".tile")
                    expect(shown).to_contain_text(PAINTER.id)
                    expect(shown).to_contain_text("edited pictures")
                    expect(shown.locator(".makings li")).to_contain_text("denoising")
                    expect(shown.get_by_role("progressbar")).to_have_attribute("aria-valuenow", HALF)
                    expect(shown.locator("i.making")).to_have_count(1)
                    expect(shown.locator("i.free")).to_have_count(1)
                    lane = page.locator(".lane").filter(has_text=PAINTER.name)
                    expect(lane).to_contain_text("1 worker, 1 of 2 slots busy")
                    expect(lane).to_contain_text("pictures, edited pictures, films, music")
                    assert lane.get_by_role("link").count() == 0  # nobody chats with it
                    assert PROMPT not in page.content()
                    here.picture(f"media-network-{look}")
                    assert here.too_wide() <= 0
                    if phone:  # a stranger's
                        assert "studio" not in page.content()
                        continue
                    shown.get_by_role("link").click()
                    expect(page.get_by_role("heading", name="Machine")).to_be_visible()
                    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", HALF)
                    here.picture(f"media-worker-{look}")
                    assert here.too_wide() <= 0 and PROMPT not in page.content()
            with visit(browser, studio.url) as here:
                page = signed_in(here, studio.key)
                expect(page.get_by_role("progressbar")).to_have_count(1)
                painter.goes_on.set()
                expect(page.get_by_role("progressbar")).to_have_count(0)
                expect(page.locator(".tile i.free")).to_have_count(2)
        finally:
            painter.goes_on.set()
        made = making.result(60)
    with urlopen(made["data"][0]["url"], timeout=10) as answer:
        assert answer.headers["content-type"] == "image/png"


@dataclass
class Director(Played):
    """A worker that calls a tool of the network, and has the last word when that has been carried out."""

    arguments: str = '{"prompt": "a fish"}'

    async def _serve(self, socket: ClientConnection, start: wire.Start) -> None:
        head: Any = {"job": start.job, "attempt": start.attempt}
        assert isinstance(start.request, ChatRequest)
        told = start.request.messages[-1].role == "tool"
        said: Part = Content(text="There.") if told else CallDelta(index=0, name=TOOL, arguments=self.arguments)
        await self._say(socket, wire.Accepted(**head))
        await self._say(socket, wire.Deltas(items=(wire.Delta(**head, seq=0, tokens=(1, 2), parts=(said,)),)))
        self.running -= 1
        reason: FinishReason = "stop" if told else "tool_calls"
        usage = Usage(prompt=50, completion=2)
        await self._say(socket, wire.Done(**head, seq=1, finish_reason=reason, usage=usage))


def test_a_chat_shows_how_far_its_picture_is(studio: Network, browser: Browser) -> None:
    painter = Painter("studio", PAINTER.id, slots=2, url=studio.url)
    with crowd(studio.url, [(studio.key, painter), (studio.key, Director("talker", MODEL))]):
        until(lambda: studio.get(f"/v1/models/{PAINTER.id}")["free_slots"] == 2)
        try:
            with visit(browser, studio.url) as here:
                page = signed_in(here, studio.key, "/playground")
                expect(page.locator(".about-model")).to_contain_text("slots free")
                page.get_by_label("Message").fill("Draw a fish.")
                page.keyboard.press("Enter")
                bar = page.locator(".answer").get_by_role("progressbar")
                expect(bar).to_have_attribute("aria-valuenow", HALF)
                expect(page.locator(".answer .makings")).to_contain_text("pictures")
                here.picture("media-playground-progress")
                assert here.too_wide() <= 0
                painter.goes_on.set()
                expect(page.locator(".answer .media img")).to_have_count(1)
                expect(page.locator(".meta")).to_contain_text("out")
                expect(page.locator(".answer")).to_contain_text("There.")
                expect(bar).to_have_count(0)
        finally:
            painter.goes_on.set()


def test_a_chat_says_why_there_is_no_picture(studio: Network, browser: Browser) -> None:
    painter = Painter("studio", PAINTER.id, slots=2, url=studio.url)
    with crowd(studio.url, [(studio.key, painter), (studio.key, Director("talker", MODEL, arguments="{}"))]):
        until(lambda: studio.get(f"/v1/models/{PAINTER.id}")["free_slots"] == 2)
        with visit(browser, studio.url) as here:
            page = signed_in(here, studio.key, "/playground")
            expect(page.locator(".about-model")).to_contain_text("slots free")
            page.get_by_label("Message").fill("Draw a fish.")
            page.keyboard.press("Enter")
            expect(page.locator(".meta .warned")).to_contain_text(f"{TOOL}: prompt is missing")
            expect(page.locator(".answer")).to_contain_text("There.")


def sent(network: Network, media_type: str, file: bytes) -> str:
    """The link of a file that a client keeps there."""
    headers = {"authorization": f"Bearer {network.key}", "content-type": media_type}
    with urlopen(Request(f"{network.url}/v1/media", file, headers), timeout=30) as answer:
        link: str = json.load(answer)["url"]
        return link


def test_what_an_answer_links_to_is_shown_and_played(studio: Network, browser: Browser) -> None:
    links = {kind: sent(studio, kind, file) for kind, file in of_every_type().items()}
    foreign = links["image/png"].replace(studio.url, "https://example.org")
    hidden = f"{links['video/mp4'][:-4]}.html"
    missing = f"{studio.url}/m/{'A' * 22}.wav"
    text = f"Here: {' '.join(links.values())} ![again]({links['image/png']}) {foreign} {hidden} {missing}"
    with crowd(studio.url, [(studio.key, Played("talker", MODEL, text=text, tokens=3))]):
        with visit(browser, studio.url) as here:
            page = signed_in(here, studio.key, "/playground")
            here.expected = ("401", "404")  # what is missing
            expect(page.locator(".about-model")).to_contain_text("slots free")
            page.get_by_label("Message").fill("Draw, film and compose.")
            page.keyboard.press("Enter")
            expect(page.locator(".meta")).to_contain_text("out")
            shown = page.locator(".answer .media")
            expect(shown.locator("p")).to_contain_text("not there any more")
            for tag, prefix in (("img", "image/"), ("video", "video/"), ("audio", "audio/")):
                found = shown.locator(tag)
                expected = [link for kind, link in links.items() if kind.startswith(prefix)]
                expect(found).to_have_count(len(expected))
                assert sorted(one.get_attribute("src") or "" for one in found.all()) == sorted(expected)
            for tag, loaded in (("img", "naturalWidth"), ("video", "duration"), ("audio", "duration")):
                all_of_them = f"[...document.querySelectorAll('.media {tag}')]"
                page.wait_for_function(f"{all_of_them}.every((one) => one.{loaded} > 0)")
            here.picture("media-playground")
            assert here.too_wide() <= 0
