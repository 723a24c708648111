"""The owner's use of the GPU: what counts as one, how long it lasts. What follows is in test_availability.py."""

from dataclasses import replace

from worker.machine.description import Reading
from worker.machine.owners_use import GAP_S, OwnersUse

GIB = 2**30
QUIET = Reading("RTX", 24 * GIB, 18 * GIB, 0.9, others_utilisation=0.02, others_bytes=GIB // 2)
PLAYING = replace(QUIET, others_utilisation=0.8)


def watched(*readings: Reading, busy: bool = False) -> OwnersUse:
    """A reading each second, from 0 on."""
    use = OwnersUse(quiet_s=60)
    for now, reading in enumerate(readings):
        use.watch((reading,), busy, now)
    return use


def test_one_sighting_is_no_use_and_two_are() -> None:
    assert watched(QUIET, PLAYING).left_s(1) == 0
    use = watched(QUIET, PLAYING, PLAYING)
    assert (use.left_s(2), use.left_s(32), use.left_s(62)) == (60, 30, 0) and "80%" in use.words


def test_it_lasts_from_its_first_sighting_on() -> None:
    use = watched(QUIET, PLAYING, PLAYING, PLAYING)
    assert use.lasted_s(3) == 2
    assert use.lasted_s(3 + GAP_S) == 2 + GAP_S
    assert use.lasted_s(3 + GAP_S + 1) == 0, "nothing was seen for so long: it may be over"


def test_what_others_held_in_the_quietest_moment_is_known_after_the_engine_has_gone() -> None:
    """A game that holds its memory and draws nothing: to whoever looks only now it would be a part of the desktop."""
    use = watched(QUIET)
    minimised = replace(QUIET, others_utilisation=0.0, others_bytes=9 * GIB)
    for now in (1, 2):
        use.watch((minimised,), busy=False, now=now)
    assert use.left_s(2) == 60 and "9.0 GiB" in use.words


def test_a_card_that_falls_silent_does_not_lend_its_measure_to_another() -> None:
    """Before, cards were told apart by their place: the desktop on the second looked like a game on the first."""
    bare, desktop = replace(QUIET, others_bytes=0, device="CUDA0"), replace(QUIET, others_bytes=3 * GIB, device="CUDA1")
    use = OwnersUse(quiet_s=60)
    for now, readings in enumerate([(bare, desktop), (desktop,), (desktop,)]):
        use.watch(readings, busy=False, now=now)
    assert use.left_s(2) == 0
    for now in (3, 4):
        use.watch((replace(bare, others_bytes=2 * GIB), desktop), busy=False, now=now)
    assert use.left_s(4) == 60 and "2.0 GiB" in use.words
