"""The spectrum of a tone: as many columns as windows fit, and loudest where the tone is."""

import numpy as np
import pytest

from worker.media_files.encode import Sound

pytestmark = pytest.mark.process  # transformers takes seconds to import


@pytest.mark.filterwarnings("ignore")  # of the libraries that it imports, among each other
def test_a_tone_is_loudest_at_its_pitch_and_silence_is_the_least() -> None:
    from worker.media_engine.child.mel import LEAST, log_mel

    rate = 16_000
    time_s = np.arange(rate) / rate
    sound = Sound(np.stack([np.sin(2 * np.pi * 1000 * time_s), np.zeros(rate)]).astype(np.float32), rate)
    found = log_mel(sound, 64, 160)
    assert found.shape == (1, 2, 101, 64) and found.dtype == np.float32
    low = np.sin(2 * np.pi * 200 * time_s).astype(np.float32)[None]
    assert found[0, 0, 50].argmax() > log_mel(Sound(low, rate), 64, 160)[0, 0, 50].argmax()
    assert found[0, 1].max() == pytest.approx(np.log(LEAST), abs=1e-3)
