from pathlib import Path

import pytest

from program.settings import ConfigError
from tests.worker.daemon.media_catalog import written
from wire.errors import SupernetError
from worker.config import Config
from worker.planning.media_setup import entry, offer


def test_what_is_offered_is_what_the_catalog_has_and_the_owner_wants(tmp_path: Path) -> None:
    spec = entry(Config(catalog=written(tmp_path), media="painter"))
    whole = offer(spec, None, speed=2.5)
    assert whole.modes == ("generate_image", "edit_image") and whole.speed == 2.5
    assert (whole.max_pixels, whole.max_frames, whole.max_seconds, whole.max_images) == (65536, 0, 0, 2)
    assert offer(spec, ("edit_image", "generate_music")).modes == ("edit_image",)


def test_a_name_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(SupernetError, match="painter"):
        entry(Config(catalog=written(tmp_path), media="sculptor"))


def test_tools_of_which_the_pipeline_has_none_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"generate_music.*makes none of these"):
        entry(Config(catalog=written(tmp_path), media="painter", media_tools=("generate_music",)))
