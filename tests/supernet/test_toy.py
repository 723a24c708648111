"""The toy that draws, as a worker loads it: by the catalog's entry, in the child process of a pipeline."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from program.catalog import load_catalog
from tests.worker.media_engine.bench import Bench
from tools.train_toy.captions import PROMPTS
from tools.train_toy.judge import Judge
from tools.train_toy.things import THINGS
from wire.media import GenerateImage
from worker.media_engine.port import PipelineSpec, Ready
from worker.media_engine.process import ProcessMediaEngine
from worker.weights.folders import ensure_folder

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "supernet" / "toy"
KNOWN = ROOT / "tools" / "train_toy" / "things.png"  # every thing in 16 x 16 cells
ASKED = 8  # of the prompts of the test; the model card has the score of all


def judge() -> Judge:
    return Judge(np.asarray(Image.open(KNOWN)).reshape(len(THINGS), 1, 16, 16, 3))


def test_its_files_are_those_that_were_written_after_training() -> None:
    listed = dict(line.split("  ")[::-1] for line in (FOLDER / "sha256.txt").read_text().splitlines())
    there = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.is_file()}
    weights = {name: path for name, path in there.items() if name.endswith((".json", ".safetensors"))}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in weights.items()} == listed
    assert there.keys() - weights.keys() == {"README.md", "LICENSE.txt", "sha256.txt"}
    assert sum(path.stat().st_size for path in there.values()) < 16 * 2**20


async def test_it_draws_what_the_prompts_name(tmp_path: Path) -> None:
    """At least six of the first eight prompts, of which training saw none; by chance it is none."""
    spec = load_catalog(None).get_media("toy-emoji-64")
    folder = ensure_folder(spec, tmp_path, lambda *_: None)
    assert folder.path.samefile(FOLDER)
    bench = Bench(ProcessMediaEngine(PipelineSpec(spec, str(folder.path))), tmp_path)
    try:
        await bench.until(Ready)
        names = [thing.name for thing in THINGS]
        right = 0
        for seed, (name, prompt) in enumerate(PROMPTS[:ASKED]):
            make = GenerateImage(prompt=prompt, width=64, height=64, steps=spec.defaults.steps)
            result = await bench.make(make, f"job{seed}", seed)
            assert result.made is not None and result.made.media_type == "image/png"
            picture = np.asarray(Image.open(result.made.path).convert("RGB"))
            right += names[judge().nearest(picture)] == name
        assert right >= 6
    finally:
        await bench.engine.close()
