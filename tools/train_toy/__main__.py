"""Train the toy that draws; run from the root of the repository:

    python3 -m venv VENV && VENV/bin/pip install 'torch==2.13.0+cpu' diffusers transformers pillow
    npm pack emoji-datasource-google@16.0.0 && tar xzf emoji-datasource-google-16.0.0.tgz
    VENV/bin/python -m tools.train_toy autoencoder package WORK --steps 1500
    VENV/bin/python -m tools.train_toy diffusion package WORK --steps 2600
    VENV/bin/python -m tools.train_toy ship package WORK

One thread, fixed seeds; a call that was ended goes on where the last saved step was. About 9 minutes of processor time
for the autoencoder and 16 for the rest: 74 minutes on two cores that others kept busy. A line of progress every 50 or
100 steps, and every 500 the score and a sheet in WORK. What came of it stands in supernet/toy/README.md.
"""

import argparse
import hashlib
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image
from torch import Tensor

from tools.train_toy import autoencoder
from tools.train_toy.captions import PROMPTS, corpus
from tools.train_toy.diffusion import Drawer, Training
from tools.train_toy.drawing import draw, pipeline, score, sheet, things
from tools.train_toy.pictures import pictures
from tools.train_toy.tokens import make_tokenizer

SAVED_EVERY, JUDGED_EVERY = 100, 500
HERE = Path(__file__).parent
ASKED = [prompt for _, prompt in PROMPTS]


def training_pictures(package: Path) -> Tensor:
    """(things x variants, 3, 64, 64), -1 to 1."""
    found = torch.from_numpy(pictures(package)).flatten(0, 1).permute(0, 3, 1, 2)
    return (found.float() / 127.5 - 1).contiguous()


def save(path: Path, **state: object) -> None:
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def train_autoencoder(package: Path, work: Path, steps: int) -> None:
    shown = training_pictures(package)
    vae = autoencoder.make_autoencoder()
    optimizer = torch.optim.AdamW(vae.parameters(), betas=(0.9, 0.98), weight_decay=0.0)
    path, first = work / "autoencoder.pt", 0
    if path.exists():
        state = torch.load(path)
        vae.load_state_dict(state["vae"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    for step in autoencoder.train(vae, shown, first, steps, optimizer):
        if step % SAVED_EVERY == 0 or step == steps:
            save(path, vae=vae.state_dict(), optimizer=optimizer.state_dict(), step=step)
    autoencoder.standardise(vae, shown)
    vae.save_pretrained(work / "vae")


def train_diffusion(package: Path, work: Path, steps: int) -> None:
    known = pictures(package)
    vae = AutoencoderKL.from_pretrained(work / "vae").eval()
    latents = autoencoder.latents(vae, training_pictures(package)).unflatten(0, known.shape[:2])
    tokenizer = make_tokenizer(corpus())
    training, path = Training(tokenizer, latents), work / "diffusion.pt"
    if path.exists():
        training.resume(torch.load(path))
    made = pipeline(vae, training.average, tokenizer)
    for step in training.run(steps):
        if step % SAVED_EVERY == 0 or step == steps:
            save(path, **training.state())
        if step % JUDGED_EVERY == 0 or step == steps:
            drawn = draw(made, ASKED, seed=1)
            right = score(drawn, known)
            sheet(drawn, right).save(work / f"sheet-{step}.png")
            print(f"  right: {sum(right)} of {len(right)}", flush=True)


def ship(package: Path, work: Path, out: Path) -> None:
    """Write the folder in half precision, load it again, and say what it draws beside random weights."""
    known, tokenizer = pictures(package), make_tokenizer(corpus())
    drawer = Drawer(tokenizer)
    untrained = draw(pipeline(autoencoder.make_autoencoder().eval(), drawer, tokenizer), ASKED, seed=1)
    drawer.load_state_dict(torch.load(work / "diffusion.pt")["average"])
    made = pipeline(AutoencoderKL.from_pretrained(work / "vae"), drawer, tokenizer)
    made.to(torch.float16).save_pretrained(out, safe_serialization=True)
    drawn = draw(StableDiffusionPipeline.from_pretrained(out, torch_dtype=torch.float32), ASKED, seed=1)
    right = score(drawn, known)
    sheet(drawn, right).quantize(128).save(HERE / "sheet.png", optimize=True)
    Image.fromarray(things(known)).save(HERE / "things.png", optimize=True)
    chance, random = len(ASKED) / len(known), sum(score(untrained, known))
    print(f"right: {sum(right)} of {len(right)}; with random weights {random}, by chance {chance:.1f}")
    files = sorted(path for path in out.rglob("*") if path.suffix in (".json", ".safetensors"))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(out)}\n" for path in files]
    (out / "sha256.txt").write_text("".join(sums))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["autoencoder", "diffusion", "ship"])
    parser.add_argument("package", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=0, help="of training, in all; a second call goes on to more")
    parser.add_argument("--out", type=Path, default=Path("supernet/toy"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    args.work.mkdir(parents=True, exist_ok=True)
    match args.part:
        case "autoencoder":
            train_autoencoder(args.package, args.work, args.steps)
        case "diffusion":
            train_diffusion(args.package, args.work, args.steps)
        case "ship":
            ship(args.package, args.work, args.out)


if __name__ == "__main__":
    main()
