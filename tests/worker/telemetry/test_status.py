from tests.worker.session.drawing import P, drawing, picture
from wire.earnings import Earnings
from wire.messages import Issue
from wire.offers import ModelOffer
from worker.engine import port
from worker.machine.availability import SlotOffer
from worker.media_engine import port as media_port
from worker.session.served_model import ServedModel
from worker.session.session import Session
from worker.session.slots import JobKey, Slots
from worker.telemetry.counters import Counters
from worker.telemetry.media_counters import MediaCounters
from worker.telemetry.status import Problem, Status, with_session

M = "m"


def base() -> Status:
    return Status(time=1.0, pid=1, worker="w", name="box", version="0", uptime_s=5.0, phase="starting")


def session() -> Session:
    return Session({M: ServedModel(ModelOffer(id=M, context=64, slots=4), Slots(4), "ready")})


def test_the_session_and_the_counters_are_told_together() -> None:
    serving, counters = session(), Counters((M,))
    serving.models[M].slots.lease(JobKey("a", 1))
    serving.models[M].slots.offered = 2
    serving.earnings = Earnings(escrow_nano=1, available_nano=2, today_nano=3)
    counters.engine(M, port.Ended("b.1", "stop", port.JobUsage(prompt=7, cached=3, completion=2)), 1.0)
    counters.engine(M, port.Ready(4, 64, 100, image_ms=140.0), 1.0)
    counters.engine(M, port.Pulse(kept_pictures=2), 2.0)
    status = with_session(base(), serving, counters, {}, SlotOffer(2, "too_hot", "85 °C"))
    model = status.models[0]
    assert (status.phase, status.reason, status.words) == ("serving", "too_hot", "85 °C")
    assert (model.slots, model.offered, model.running, model.context) == (4, 2, 1, 64)
    assert (model.ended, model.prompt_tokens, model.cached_tokens) == ({"stop": 1}, 7, 3)
    assert (model.image_ms, model.encodes, model.kept_pictures) == (140.0, 0, 2)
    assert status.earnings == serving.earnings


def test_a_daemon_without_models_waits_and_one_that_leaves_drains() -> None:
    assert with_session(base(), Session({}), Counters(()), {}, SlotOffer(0)).phase == "waiting"
    leaving = session()
    leaving.drain(10.0, 0.0)
    assert with_session(base(), leaving, Counters((M,)), {}, SlotOffer(4)).phase == "draining"


def test_a_status_survives_the_socket() -> None:
    issue = Issue(code="x", severity="error", message="m")
    status = base().model_copy(update={"problems": (Problem(since=1.0, issue=issue),), "coordinator": "registered"})
    assert Status.model_validate_json(status.model_dump_json()) == status and status.registered


def test_a_pipeline_is_shown_with_its_counters() -> None:
    session, counts = drawing(), MediaCounters()
    session.received(picture(), 0.0)
    counts.begun("p.1", 8.0)
    counts.engine(media_port.Progress("p.1", "denoising", 3, 8))
    status = with_session(base(), session, Counters(()), {P: counts}, SlotOffer(1))
    (shown,) = status.media
    assert status.phase == "serving" and status.jobs == 1
    assert (shown.id, shown.status, shown.running, shown.stage, shown.step) == (P, "ready", 1, "denoising", 3)
    assert (
        shown.modes == ("generate_image", "edit_image")
        and Status.model_validate_json(status.model_dump_json()) == status
    )
