"""What one daemon serves. That real engines are laid out is in test_service.py and test_every_issue.py."""

from pathlib import Path

import pytest

from program.settings import ConfigError
from tests.worker.daemon.media_catalog import written
from worker.config import WORDS, Config
from worker.daemon.loadout import NONE, Scripts, scripted


def test_scripts_play_a_chat_a_pipeline_or_both(tmp_path: Path) -> None:
    config = Config(catalog=written(tmp_path), media="painter")
    both = scripted(config, Scripts(WORDS, media=True))
    assert [model.offer.id for model in both.models] == ["tiny"] and [one.offer.id for one in both.media] == ["painter"]
    assert scripted(config, Scripts(media=True)).models == () and scripted(config, Scripts(WORDS)).media == ()
    assert not NONE.any and Scripts(media=True).any
    with pytest.raises(ConfigError, match="--media"):
        scripted(Config(), Scripts(media=True))
