"""How many slots are offered: the owner's word and hours, other use of the GPU, and heat. Time is an argument."""

from dataclasses import replace
from typing import Any

from worker.machine.availability import DOWN_S, UP_S, Availability, Conditions, Rules, SlotOffer
from worker.machine.description import Reading
from worker.machine.owners_use import OwnersUse
from worker.machine.schedule import parse

GIB = 2**30
QUIET = Reading("RTX", 24 * GIB, 18 * GIB, 0.9, 60.0, 300.0, others_utilisation=0.02, others_bytes=GIB // 2)
BLIND = Reading("RTX", 24 * GIB, 18 * GIB, 0.0)  # a container: processes cannot be told apart


class Worker:
    """Eight slots, looked at every two seconds."""

    def __init__(self, quiet_s: float = 300.0, **rules: Any) -> None:
        self.availability = Availability(Rules(**rules), 8, OwnersUse(quiet_s))
        self.now = 100.0
        self.minute = 12 * 60

    def look(self, *readings: Reading, times: int = 1, **moment: Any) -> SlotOffer:
        for _ in range(times):
            offered = self.availability.decide(Conditions(readings, self.minute, self.now, **moment))
            self.now += 2.0
        return offered


def test_without_rules_all_slots_are_offered_whatever_the_gpu_does() -> None:
    hot = replace(QUIET, temperature_c=99.0, others_utilisation=1.0)
    assert Worker().look(hot, times=20) == SlotOffer(8)


def test_a_pause_comes_before_everything_else_and_ends_at_once() -> None:
    worker = Worker(schedule=parse("22:00-07:00"))
    assert worker.look(paused=True).reason == "paused"
    worker.minute = 23 * 60
    assert worker.look(paused=True).slots == 0
    assert worker.look() == SlotOffer(8)


def test_outside_of_the_schedule_nothing_is_offered_and_the_next_opening_is_said() -> None:
    worker = Worker(schedule=parse("22:00-07:00"))
    offered = worker.look()
    assert (offered.slots, offered.reason) == (0, "off_schedule") and "mon 22:00" in offered.words
    worker.minute = 22 * 60
    assert worker.look() == SlotOffer(8)


def test_the_owners_game_takes_all_slots_and_quiet_gives_them_back() -> None:
    worker = Worker(yields=True, quiet_s=60)
    playing = replace(QUIET, others_utilisation=0.8)
    assert worker.look(QUIET) == SlotOffer(8)
    assert worker.look(playing) == SlotOffer(8)  # one sighting may be a window that was moved
    offered = worker.look(playing)
    assert (offered.slots, offered.reason) == (0, "owner_uses_gpu") and "80%" in offered.words
    assert worker.look(QUIET, times=29).slots == 0
    assert worker.look(playing).slots == 0  # a loading screen: one more sighting starts the quiet time over
    assert worker.look(QUIET, times=29).slots == 0
    assert worker.look(QUIET, times=2) == SlotOffer(8)


def test_memory_that_others_take_counts_as_use_and_what_they_always_held_does_not() -> None:
    worker = Worker(yields=True, quiet_s=10)
    desktop = replace(QUIET, others_bytes=2 * GIB)
    assert worker.look(desktop, times=5) == SlotOffer(8)
    assert worker.look(replace(desktop, others_bytes=4 * GIB), times=2).reason == "owner_uses_gpu"
    assert worker.look(desktop, times=7) == SlotOffer(8)


def test_where_processes_cannot_be_told_apart_the_whole_gpu_counts_while_nothing_of_ours_runs() -> None:
    worker = Worker(yields=True)
    busy = replace(BLIND, utilisation=0.9)
    assert worker.look(busy, times=5, busy=True) == SlotOffer(8)
    assert worker.look(busy, times=2).reason == "owner_uses_gpu"


def test_heat_takes_slots_step_by_step_and_gives_them_back_one_by_one_once_it_is_really_cooler() -> None:
    worker = Worker(max_temperature_c=80)
    hot, warm, cool = (replace(QUIET, temperature_c=celsius) for celsius in (85.0, 78.0, 70.0))
    offered = worker.look(hot)
    assert (offered.slots, offered.reason) == (6, "too_hot") and "85 °C" in offered.words
    assert worker.look(hot, times=int(DOWN_S // 2) - 1).slots == 6  # the last step has had no time to work
    assert worker.look(hot).slots == 4
    assert worker.look(warm, times=40).slots == 4  # below the ceiling, but not by enough
    assert worker.look(cool).slots == 5
    assert worker.look(cool, times=int(UP_S // 2) - 1).slots == 5
    assert worker.look(cool).slots == 6
    assert worker.look(cool, times=40) == SlotOffer(8)


def test_what_stays_too_hot_loses_all_its_slots() -> None:
    worker = Worker(max_temperature_c=80)
    assert worker.look(replace(QUIET, temperature_c=85.0), times=100).slots == 0


def test_sensors_that_fall_silent_give_nothing_back() -> None:
    worker = Worker(max_temperature_c=80)
    assert worker.look(replace(QUIET, temperature_c=85.0)).slots == 6
    assert worker.look(times=100).slots == 6


def test_power_has_a_ceiling_too_and_its_own_reason() -> None:
    worker = Worker(max_power_w=250)
    assert worker.look(QUIET).reason == "too_much_power"
    assert worker.look(replace(QUIET, power_w=240.0), times=40).slots == 6
    assert worker.look(replace(QUIET, power_w=200.0), times=40) == SlotOffer(8)


def test_a_gpu_that_tells_nothing_keeps_its_slots() -> None:
    worker = Worker(max_temperature_c=80, max_power_w=250, yields=True)
    assert worker.look(BLIND, times=10) == SlotOffer(8)
    assert worker.look(times=10) == SlotOffer(8)


def test_the_hottest_of_several_gpus_decides() -> None:
    worker = Worker(max_temperature_c=80)
    assert worker.look(QUIET, replace(QUIET, name="second", temperature_c=90.0)).words.startswith("second")


def test_after_two_minutes_of_the_owners_game_the_model_leaves_the_gpu() -> None:
    worker = Worker(yields=True, quiet_s=300, release_s=120)
    playing = replace(QUIET, others_utilisation=0.8)
    assert not worker.look(playing, times=60).release
    assert worker.look(playing, times=2).release


def test_a_game_that_was_left_soon_does_not_cost_the_model() -> None:
    worker = Worker(yields=True, quiet_s=300, release_s=120)
    worker.look(replace(QUIET, others_utilisation=0.8), times=20)
    assert not any(worker.look(QUIET).release for _ in range(200))
    assert worker.look(QUIET) == SlotOffer(8)


def test_a_loading_screen_is_no_end_of_a_game() -> None:
    worker = Worker(yields=True, quiet_s=300, release_s=120)
    playing = replace(QUIET, others_utilisation=0.8)
    worker.look(playing, times=30)
    worker.look(QUIET, times=8)
    assert worker.look(playing, times=30).release


def test_a_pause_and_closed_hours_give_the_gpu_back_too_and_a_short_pause_does_not() -> None:
    paused = Worker(release_s=120)
    assert not paused.look(paused=True, times=60).release
    assert not paused.look().release
    assert not paused.look(paused=True, times=59).release
    assert paused.look(paused=True, times=2).release
    closed = Worker(schedule=parse("22:00-07:00"), release_s=120)
    assert not closed.look(times=60).release
    assert closed.look(times=2).release


def test_without_a_model_on_the_gpu_there_is_nothing_to_give_back() -> None:
    assert not Worker().look(paused=True, times=1000).release


def test_heat_is_not_the_owners_will() -> None:
    worker = Worker(max_temperature_c=80, release_s=0)
    assert not worker.look(replace(QUIET, temperature_c=85.0), times=100).release
