from wire.messages import SpeedPoint
from worker.cli import plot


def point(streams: int, decode: float, ttft: float = 100.0) -> SpeedPoint:
    return SpeedPoint(streams=streams, decode_tps=decode, prefill_tps=1000.0, ttft_ms=ttft)


def test_a_bar_is_as_long_as_its_share_to_an_eighth_of_a_character() -> None:
    assert plot.bar(10, 10) == "█" * plot.WIDTH
    assert plot.bar(5, 10).rstrip() == "█" * (plot.WIDTH // 2)
    assert plot.bar(10 / plot.WIDTH / 2, 10).rstrip() == "▌"
    assert plot.bar(0, 0).strip() == "" and len(plot.bar(0, 0)) == plot.WIDTH


def test_every_measure_has_a_bar_for_each_number_of_streams() -> None:
    blocks = plot.curve([point(1, 50.0), point(2, 90.0)]).split("\n\n")
    assert len(blocks) == 3 and all(len(block.splitlines()) == 3 for block in blocks)


def test_an_earlier_run_stands_below_with_the_change_and_which_way_is_better() -> None:
    text = plot.curve([point(1, 60.0, 150.0), point(4, 100.0)], [point(1, 50.0, 100.0)])
    assert "+20%, better" in text and "+50%, worse" in text and "as before" in text
    assert len([line for line in text.splitlines() if line.endswith("   before")]) == 3
