"""What guesses ahead gain: loads that are the same with guesses and without."""

from tests.worker.planning.test_benchmark import Recorded
from wire.chat import Sampling
from worker.planning import benchmark, draft_loads
from worker.planning.draft_gain import Pace


async def asked(slots: int, context: int = 1000) -> tuple[list[Pace], Recorded]:
    engine = Recorded(slots, context)
    found = await draft_loads.measure(engine, progress=lambda _: None)
    await engine.close()
    return found, engine


async def test_each_load_is_measured_alone_and_beside_others_where_there_are_slots() -> None:
    assert [(one.load, one.streams) for one in (await asked(1))[0]] == [("copying", 1), ("prose", 1)]
    found, _ = await asked(4)
    assert [(one.load, one.streams) for one in found] == [("copying", 1), ("copying", 4), ("prose", 1), ("prose", 4)]
    assert all(one.decode_tps > 0 for one in found)


async def test_the_jobs_are_the_same_each_time_and_what_is_to_be_copied_stands_there() -> None:
    first, again = (await asked(4))[1].sent, (await asked(4))[1].sent
    assert first == again
    copies = [job for job in first if job.job.startswith("copying") and job.max_tokens > 1]
    assert len(copies) == 5 and all(job.sampling == Sampling(temperature=0) for job in copies)
    for job in copies:
        part = job.prompt[: draft_loads.PART]
        assert job.prompt[: 3 * len(part)] == part * 3 and part[: len(job.prompt) - 3 * len(part)] == job.prompt[384:]
    prose = [job for job in first if job.job.startswith("prose") and job.max_tokens > 1]
    assert all(job.sampling.temperature == 1 for job in prose)


async def test_a_small_context_has_room_for_each_job() -> None:
    _, engine = await asked(1, context=64)
    assert all(len(job.prompt) + job.max_tokens <= 64 for job in engine.sent)


async def test_a_benchmark_measures_them_where_guesses_are_made() -> None:
    engine = Recorded(1, 1000)
    found = await benchmark.measure(engine, progress=lambda _: None, guesses=True)
    await engine.close()
    assert [one.load for one in found.paces] == ["copying", "prose"]
