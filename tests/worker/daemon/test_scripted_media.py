from pathlib import Path

import pytest

from program.settings import ConfigError
from tests.worker.daemon.media_catalog import written
from worker.config import Config
from worker.daemon.scripted_media import scripted_media


def test_a_script_takes_the_place_of_a_pipeline_of_the_catalog(tmp_path: Path) -> None:
    media = scripted_media(Config(catalog=written(tmp_path), media="painter", media_tools=("edit_image",)))
    assert (media.offer.id, media.offer.modes, media.offer.max_pixels) == ("painter", ("edit_image",), 65536)


def test_without_a_name_there_is_nothing_to_play() -> None:
    with pytest.raises(ConfigError, match="--media"):
        scripted_media(Config())
