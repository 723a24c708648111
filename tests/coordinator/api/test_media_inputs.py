"""Pictures of a request on their way to a worker: read in a child, turned upright, without metadata, kept nowhere."""

from io import BytesIO

import pytest
from PIL import Image

from coordinator.api.media_inputs import read_input
from coordinator.artefacts.artefacts import Artefacts
from coordinator.openai.media.sources import Source, read_file
from tests.coordinator.conftest import Start, make_account
from tests.coordinator.media_catalog import png
from tests.coordinator.media_worker import sound
from tools.hostile.pictures.files import turned
from wire.errors import ErrorCode, SupernetError


async def refused(artefacts: Artefacts, account: str, source: Source) -> SupernetError:
    with pytest.raises(SupernetError) as raised:
        await read_input(artefacts, account, source)
    assert (raised.value.code, raised.value.param) == (ErrorCode.INVALID_REQUEST, source.path)
    return raised.value


async def test_a_photograph_is_turned_upright_and_says_nothing_of_its_camera(start_coordinator: Start) -> None:
    async with start_coordinator() as running:
        artefacts = running.running.services.artefacts
        for orientation in (1, 3, 6, 8):
            found = await read_input(artefacts, "a", read_file("image", turned(orientation)))
            with Image.open(BytesIO(found.data)) as picture:
                assert picture.size == (found.width, found.height) == (128, 64)
                assert not picture.getexif()


async def test_what_was_kept_is_found_by_its_link_and_only_by_its_account(start_coordinator: Start) -> None:
    async with start_coordinator() as running:
        artefacts = running.running.services.artefacts
        mine, other = (make_account(running.config, name) for name in ("a", "b"))
        kept = await artefacts.keep(mine, png(32, 16), "image/png")
        for name in (kept.id, artefacts.link(kept)):
            found = await read_input(artefacts, mine, Source("image", link=name))
            assert (found.sha256, found.width, found.height) == (kept.sha256, 32, 16)
            assert "nothing is fetched" in (await refused(artefacts, other, Source("image", link=name))).message
        heard = await artefacts.keep(mine, sound(1, "wav"), "audio/wav")
        assert "no picture" in (await refused(artefacts, mine, Source("image[1]", link=heard.id))).message


@pytest.mark.parametrize("link", ["http://127.0.0.1:1/m/AAAAAAAAAAAAAAAAAAAAAA.png", "ftp://a/b", "/etc/passwd", "x"])
async def test_other_addresses_are_not_looked_at(start_coordinator: Start, link: str) -> None:
    async with start_coordinator() as running:
        artefacts = running.running.services.artefacts
        assert "send the file itself" in (await refused(artefacts, "a", Source("image", link=link))).message
