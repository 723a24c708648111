from worker.planning.draft_gain import Gain, Pace, gains


def test_what_was_measured_on_one_load_stands_side_by_side() -> None:
    guessing = [Pace(load="copying", streams=1, decode_tps=9.0, drafted=8, accepted=6)]
    without = [Pace(load="copying", streams=1, decode_tps=3.0)]
    assert gains(guessing, without) == (Gain(guessing=guessing[0], without_tps=3.0),)
