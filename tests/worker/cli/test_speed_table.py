from wire.offers import SpeedPoint
from worker.cli.speed_table import HEAD, drafts, pictures, table
from worker.planning.draft_gain import Gain, Pace
from worker.planning.encodes import Encodes


def point(streams: int, decode: float, ttft: float = 100.0) -> SpeedPoint:
    return SpeedPoint(streams=streams, decode_tps=decode, prefill_tps=1000.0, ttft_ms=ttft)


def test_there_is_a_line_for_each_number_of_streams() -> None:
    lines = table([point(1, 50.0), point(4, 90.0)]).splitlines()
    assert lines[0] == HEAD and [line.split()[:3] for line in lines[1:]] == [
        ["1", "50.0", "50.0"],
        ["4", "90.0", "22.5"],
    ]
    assert {len(line) for line in lines} == {len(HEAD)}


def test_an_earlier_run_stands_below_with_the_change() -> None:
    lines = table([point(1, 60.0, 150.0), point(4, 100.0)], [point(1, 50.0, 100.0)]).splitlines()
    assert [line.split()[0] for line in lines] == ["streams", "1", "before", "change", "4"]
    assert lines[3].split() == ["change", "+20%", "+20%", "+0%", "+50%"]


def test_what_was_nothing_before_has_no_change() -> None:
    assert table([point(1, 60.0)], [point(1, 0.0)]).splitlines()[3].split() == ["change", "+0%", "+0%"]


def test_pictures_have_a_line_each_with_the_least_and_the_most_and_what_was_before() -> None:
    now = (
        Encodes(tokens=256, ms=41.26, least_ms=40.0, most_ms=44.0),
        Encodes(tokens=1024, ms=140, least_ms=1, most_ms=2),
    )
    first, second = pictures(now, [Encodes(tokens=256, ms=50.0, least_ms=1, most_ms=2)]).splitlines()
    assert first.split() == "a picture of 256 tokens 41.3 ms (40.0 to 44.0) before 50.0 ms".split()
    assert "1,024 tokens" in second and "before" not in second


def test_guesses_ahead_have_a_line_for_each_load_with_what_they_gained() -> None:
    copying = Pace(load="copying", streams=1, decode_tps=120.0, drafted=80, accepted=70)
    prose = Pace(load="prose", streams=4, decode_tps=99.0)
    lines = drafts([Gain(guessing=copying, without_tps=60.0), Gain(guessing=prose, without_tps=100.0)]).splitlines()
    assert lines[1].split() == "copying 1 120.0 60.0 +100% 70 of 80".split()
    assert lines[2].split() == "prose 4 99.0 100.0 -1% none made".split()
    assert len({len(line) for line in lines}) == 1
