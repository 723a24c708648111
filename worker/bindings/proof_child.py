"""`python -m worker.bindings.proof_child [--plain] [--device ADDRESS]`: put the proof model through llama.cpp as
serving does, and say on stdout how far its logits are from the right ones: 0 is right to the last bit, 1 is as good as
none.

The shapes are those that serve: a prompt of 96 rows, then a row each of eight chats, then a row alone. Matrix units and
rewritten weights come in from the second row on, so a build may answer the last and die of the first. On a GPU the last
is left to the engine's warm-up: Mesa's Vulkan on the CPU dies of it behind a prompt of 96 rows with this very model,
and serves others.
"""

import argparse
import os
import sys
import traceback
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from worker.bindings.llama import Feed, Model
from worker.bindings.proof import FAILED, NUMBERS
from worker.engine.port import EngineSpec
from worker.subprocesses.child import die_with_parent

MODEL = NUMBERS.with_suffix(".gguf")


def main() -> None:
    die_with_parent()
    parser = argparse.ArgumentParser()
    parser.add_argument("--plain", action="store_true", help="weights as they are in the file")
    parser.add_argument("--device", help="all layers on this one; not given: on the CPU")
    args = parser.parse_args()
    out = os.dup(1)
    os.dup2(2, 1)  # the library prints
    try:
        off = distance(args.device, not args.plain)
    except Exception:  # noqa: BLE001 - whatever it is, this build gives no numbers; the parent reads the last line
        traceback.print_exc()
        sys.exit(FAILED)
    os.write(out, b"%.6f\n" % off)


def distance(device: str | None = None, repacked: bool = True) -> float:
    """How far the worst row of logits is from what it should be, relative to the row's length."""
    with np.load(NUMBERS) as known:
        prompt, streams, right = known["prompt"].tolist(), known["streams"].tolist(), known["logits"]
    spec = EngineSpec(str(MODEL), slots=len(streams), context=256, batch=128, repacked=repacked)
    if device is not None:
        spec = replace(spec, gpu_layers=-1, devices=(device,))
    model = Model(spec)
    rows = [_decode(model, Feed(0, 0, prompt, 1))]
    for seq in range(1, len(streams)):
        model.fork(0, seq, len(prompt))
    rows.append(_decode(model, *(Feed(seq, len(prompt), [token], 1) for seq, token in enumerate(streams))))
    if device is None:
        model.cut(0, len(prompt))
        rows.append(_decode(model, Feed(0, len(prompt), streams[:1], 1)))
        right = np.concatenate([right, right[1:2]])
    model.close()
    off = np.concatenate(rows) - right
    return float((np.linalg.norm(off, axis=1) / np.linalg.norm(right, axis=1)).max())


def _decode(model: Model, *feeds: Feed) -> NDArray[np.float32]:
    if code := model.decode(feeds):
        raise RuntimeError(f"llama_decode answers {code}")
    return model.logits().copy()


if __name__ == "__main__":
    main()
