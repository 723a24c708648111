"""A sound as LTX-2's encoder of sound reads it: the logarithm of its mel spectrum.

Hann windows of 1,024 samples, magnitudes, Slaney's mel scale, at least 1e-5: as Lightricks' ltx-core prepares it.
"""

from typing import Any

import numpy as np
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from worker.media_files.encode import Sound

WINDOW = 1024
LEAST = 1e-5


def log_mel(sound: Sound, bins: int, hop: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """(1, channels, time, bins) of a sound that has the encoder's rate. `hop`: samples from one window to the next."""
    filters = mel_filter_bank(
        num_frequency_bins=WINDOW // 2 + 1,
        num_mel_filters=bins,
        min_frequency=0.0,
        max_frequency=sound.rate / 2,
        sampling_rate=sound.rate,
        norm="slaney",
        mel_scale="slaney",
    )
    channels = [
        spectrogram(
            samples,
            window_function(WINDOW, "hann"),
            frame_length=WINDOW,
            hop_length=hop,
            power=1.0,
            mel_filters=filters,
            mel_floor=LEAST,
            log_mel="log",
        ).T
        for samples in sound.samples
    ]
    return np.stack(channels)[None].astype(np.float32)
