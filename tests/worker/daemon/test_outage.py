from worker.daemon.outage import CODE, PATIENCE_S, STEADY_S, Outage
from worker.daemon.reason import Reason


def test_a_short_break_is_no_problem() -> None:
    outage = Outage()
    assert outage.look(Reason("refused"), 0.0) is None
    assert outage.look(Reason("refused"), PATIENCE_S - 0.1) is None
    assert outage.look(None, PATIENCE_S) is None
    assert outage.look(None, PATIENCE_S + STEADY_S) is None


def test_a_long_one_is_told_once_with_its_reason_and_afterwards_with_its_length() -> None:
    outage = Outage()
    outage.look(Reason("refused"), 0.0)
    told = outage.look(Reason("refused", "wait"), PATIENCE_S)
    assert told is not None and (told.code, told.message, told.severity) == (CODE, "refused", "error")
    assert told.remedy == "wait"
    assert outage.look(Reason("refused"), 50.0) is None
    back = outage.look(None, 100.0)
    assert back is not None and back.active and back.severity == "warning" and "100 s" in back.message
    assert outage.look(None, 100.0 + STEADY_S - 1) is None
    over = outage.look(None, 100.0 + STEADY_S)
    assert over is not None and not over.active
    assert outage.look(None, 9999.0) is None
