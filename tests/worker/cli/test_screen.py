from typing import Any

import pytest

from tests.worker.telemetry.test_status import base
from wire.earnings import Earnings
from wire.guesses import Guesses
from wire.idle import Idle
from worker.cli import screen
from worker.issues import issue
from worker.machine.description import Reading
from worker.telemetry.status import MediaView, ModelView, Problem, Status

GIB = 2**30
MODEL = ModelView(
    id="qwen",
    status="ready",
    slots=8,
    offered=4,
    running=2,
    context=32768,
    decode_tps=142.3,
    ended={"stop": 1203, "length": 1, "failed": 2},
    prompt_tokens=1000,
    cached_tokens=610,
    tokens_per_step=1.78,
    guesses=(
        Guesses(source="lookup", drafted=4000, accepted=3100),
        Guesses(source="mtp", drafted=100, accepted=90),
    ),
    image_ms=139.6,
    encodes=1402,
    encode_ms=99_000.0,
    kept_pictures=31,
)
PIPELINE = MediaView(
    id="painter",
    status="ready",
    slots=1,
    offered=1,
    running=1,
    modes=("generate_image", "edit_image"),
    max_pixels=2**20,
    stage="denoising",
    step=3,
    steps=8,
    speed=4.25,
    ended={"done": 12, "failed": 1},
    seconds=90.0,
    memory_bytes=13 * GIB,
    uploads=12,
    upload_bytes=18 * 2**20,
    failed_uploads=1,
    restarts=2,
)
GPU = Reading("RTX 4090", 24 * GIB, 18 * GIB, 0.78, 62.0, 287.0, device="CUDA0@0000:01:00.0")


def page(**given: Any) -> str:
    return screen.page(base().model_copy(update={"phase": "serving", "coordinator": "registered", **given}))


def test_everything_that_an_owner_asks_for_is_on_the_page() -> None:
    hot = Problem(since=0.0, issue=issue("too_hot", "84 °C"))
    text = page(
        models=(MODEL,),
        gpus=(GPU,),
        earnings=Earnings(escrow_nano=430_000_000, available_nano=10_200_000_000, today_nano=1_234_599_999),
        words="RTX 4090 has 84 °C",
        reason="too_hot",
        problems=(hot, Problem(since=0.0, issue=issue("gpu_unused", "no CUDA"))),
        refused={"worker_busy": 3},
    )
    for said in (
        "qwen   ready, 32,768 tokens each, 4 of 8 slots offered", "██████░░░░░░ 2 of 4", "142.3 tokens/s",
        "1,204 done", "2 failed", "61% cached", "18.0 of 24.0 GiB, 78% busy, 62 °C, 287 W   RTX 4090",
        "$1.2345 today, $10.2000 available, $0.4300 held back", "fewer slots   RTX 4090 has 84 °C", "3 worker_busy",
        "gpu_unused: no CUDA", "-> Install the CUDA toolkit",
    ):  # fmt: skip
        assert said in text
    assert "140 ms for one of 1,024 tokens; 1,402 seen, 31 kept" in text
    assert text.count("84 °C") == 1  # the reason for fewer slots is not said twice


def test_a_pipeline_is_on_the_page_with_how_far_its_job_is() -> None:
    text = page(media=(PIPELINE,))
    for said in (
        "painter   ready, up to 1.0 megapixels", "generate_image, edit_image", "denoising, step 3 of 8", "4.25 steps",
        "12 done, 0 cancelled, 1 failed, 2 restarts", "12 files, 18.0 MiB; 1 not taken", "13.0 GiB at most",
    ):  # fmt: skip
        assert said in text
    idle = PIPELINE.model_copy(update={"stage": "", "modes": (), "offered": 0, "memory_bytes": 0})
    text = page(media=(idle,))
    assert "nothing now" in text and "nothing yet" in text and "0 of 1 slots offered" in text


def test_an_owner_sees_what_of_the_earnings_is_credit_and_how_much_of_that_is_paid_out() -> None:
    earned = Earnings(escrow_nano=0, available_nano=0, today_nano=0, credit_nano=2_000_000_000)
    assert "$2.0000 credit to spend there (not paid out)" in page(earnings=earned)
    budget = earned.model_copy(update={"promotion_account_nano": 500_000_000})
    assert "$2.0000 credit to spend there (up to $0.5000 a day of it paid out)" in page(earnings=budget)


def test_why_there_are_no_jobs_is_said_in_the_coordinators_words_and_no_more_of_them_than_fit() -> None:
    why = Idle(code="others_wanted", message="Nobody asks for qwen now. Others wait for m.", remedy="Serve m.")
    lines = page(coordinator="registered", idle=why).splitlines()
    place = lines.index("no jobs now     Nobody asks for qwen now. Others wait for m.")
    assert lines[place + 1].strip() == "-> Serve m."
    assert "no jobs now" not in page(coordinator="trying again in 3 s", idle=why), "it may be another by now"
    assert "no jobs now" not in page(coordinator="registered")
    hot = why.model_copy(update={"code": "too_hot"})
    assert "no jobs now" not in page(coordinator="registered", idle=hot, reason="too_hot", words="84 °C")
    hostile = Idle(code="x", message="\x1b[2J\x07\nroot: " + "x" * 4000, remedy="\r\x9b31m" + "y" * 4000)
    text = page(coordinator="registered", idle=hostile)
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text.replace("\n", ""))
    assert len(text) < len(page(coordinator="registered")) + 1000
    assert len(text.splitlines()) == len(lines), "no line of its own"


def test_guesses_are_shown_once_there_were_any() -> None:
    shown = page(models=(MODEL,))
    assert "guesses       3,100 of 4,000 came true (from the text)" in shown and "1.78 tokens of a job" in shown
    assert "guesses       90 of 100 came true (by the model's own head)" in shown
    assert "guesses" not in page(models=(MODEL.model_copy(update={"guesses": ()}),))


def test_a_download_and_a_last_problem_are_told() -> None:
    over = Problem(since=0.0, issue=issue("hub_unreachable", "no route"))
    text = page(phase="starting", coordinator="", progress="downloading qwen.gguf 43%", last_problem=over)
    assert "downloading qwen.gguf 43%" in text and "not dialled yet" in text
    assert "hub_unreachable: no route (over)" in text


@pytest.mark.parametrize(
    "given",
    [
        {"phase": "starting"},
        {"phase": "waiting", "reason": "paused", "words": "paused by its owner; --resume goes on"},
    ],
)
def test_a_pause_is_told_also_while_there_is_no_model(given: Any) -> None:
    problems = (Problem(since=0.0, issue=issue("paused", "by its owner")),)
    assert "paused by its owner; --resume" in page(paused=True, problems=problems, **given)


def test_words_of_a_stranger_move_no_cursor() -> None:
    assert "\x1b" not in page(coordinator="closed: \x1b[2J\x07")


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "$0.0000"), (99_999, "$0.0000"), (100_000, "$0.0001"), (1_234_567_890_000, "$1,234.5678")]
)
def test_money_is_never_rounded_up(nano: int, text: str) -> None:
    assert screen.dollars(nano) == text


def test_an_empty_status_is_a_page_too() -> None:
    assert "supernet-worker" in screen.page(Status(**base().model_dump()))


def test_of_a_model_that_takes_text_only_no_pictures_are_told() -> None:
    assert "pictures" not in page(models=(MODEL.model_copy(update={"image_ms": None}),))
