from wire.messages import Earnings, Issue, ModelOffer
from worker.engine import port
from worker.machine.availability import Offered
from worker.session.model_slots import Served
from worker.session.session import Session
from worker.session.slots import JobKey, Slots
from worker.telemetry.counters import Tally
from worker.telemetry.status import Problem, Status, with_session

M = "m"


def base() -> Status:
    return Status(time=1.0, pid=1, worker="w", name="box", version="0", uptime_s=5.0, phase="starting")


def session() -> Session:
    return Session({M: Served(ModelOffer(id=M, context=64, slots=4), Slots(4), "ready")})


def test_the_session_and_the_tally_are_told_together() -> None:
    serving, tally = session(), Tally((M,))
    serving.models[M].slots.lease(JobKey("a", 1))
    serving.models[M].slots.offered = 2
    serving.earnings = Earnings(escrow_nano=1, available_nano=2, today_nano=3)
    tally.engine(M, port.Ended("b.1", "stop", port.JobUsage(prompt=7, cached=3, completion=2)), 1.0)
    status = with_session(base(), serving, tally, Offered(2, "too_hot", "85 °C"))
    model = status.models[0]
    assert (status.phase, status.reason, status.words) == ("serving", "too_hot", "85 °C")
    assert (model.slots, model.offered, model.running, model.context) == (4, 2, 1, 64)
    assert (model.ended, model.prompt_tokens, model.cached_tokens) == ({"stop": 1}, 7, 3)
    assert status.earnings == serving.earnings


def test_a_daemon_without_models_waits_and_one_that_leaves_drains() -> None:
    assert with_session(base(), Session({}), Tally(()), Offered(0)).phase == "waiting"
    leaving = session()
    leaving.drain(10.0, 0.0)
    assert with_session(base(), leaving, Tally((M,)), Offered(4)).phase == "draining"


def test_a_status_survives_the_socket() -> None:
    issue = Issue(code="x", severity="error", message="m")
    status = base().model_copy(update={"problems": (Problem(since=1.0, issue=issue),), "coordinator": "registered"})
    assert Status.model_validate_json(status.model_dump_json()) == status and status.registered
