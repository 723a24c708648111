from coordinator.api.served_headers import pseudonym, queue_headers, timing
from coordinator.dispatch.effects import Report
from coordinator.dispatch.outlook import QueuePosition
from wire.chat import Usage


def test_what_waits_says_where() -> None:
    assert queue_headers(None) == {}
    shown = queue_headers(QueuePosition(3, 1.5))
    assert shown == {"x-supernet-queue-place": "3", "x-supernet-queue-wait-ms": "1500"}


def test_what_was_served_says_how_and_nothing_of_the_workers_key() -> None:
    report = Report(Usage(prompt=1, completion=1), attempts=2, worker="key", queued_s=0.5, first_token_s=0.25)
    assert timing(report) == {
        "x-supernet-attempts": "2",
        "x-supernet-queue-ms": "500",
        "x-supernet-worker": pseudonym("key"),
        "x-supernet-ttft-ms": "250",
    }
    assert "x-supernet-ttft-ms" not in timing(Report(Usage(prompt=1, completion=1)))
    assert "key" not in pseudonym("key") and pseudonym("key") != pseudonym(None)
