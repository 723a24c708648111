from coordinator.scheduler.state import Lease, Limits
from wire.job_state import JobState
from wire.messages import WINDOW_TOKENS

LIMITS = Limits()


def running() -> Lease:
    return Lease("j", 1, "w", "m", "a", since=0, state=JobState.RUNNING)


def test_taking_frames_frees_their_tokens_up_to_the_one_taken() -> None:
    lease = running()
    for seq, tokens in enumerate((1, 0, 3)):
        lease.received(seq, tokens, now=seq)
    assert (lease.next_seq, lease.untaken_tokens) == (3, 4)
    lease.take(1, 5)
    assert (lease.taken_seq, lease.untaken_tokens) == (2, 3)
    lease.take(0, 6)
    assert lease.taken_seq == 2


def test_few_frames_are_acknowledged_together_and_much_of_the_window_soon() -> None:
    lease, limits = running(), Limits(window_tokens=16, ack_s=1)
    for seq in range(8):
        lease.received(seq, 1, now=100)
    lease.acked_at = 100
    assert not lease.ack_due(101, limits), "nothing was taken"
    lease.take(0, 100)
    assert not lease.ack_due(100.5, limits)
    assert lease.ack_due(101, limits)
    lease.take(3, 100)
    assert lease.ack_due(100.5, limits)


def test_the_first_token_may_take_long_and_the_next_ones_may_not() -> None:
    lease = running()
    assert not lease.stalled(LIMITS.first_token_most_s, LIMITS), "its deadline is another: reading.py"
    lease.received(0, 1, now=100)
    lease.take(0, 100)
    assert not lease.stalled(110, LIMITS)
    assert lease.stalled(110.5, LIMITS)


def test_a_stall_is_measured_against_the_streams_own_pace() -> None:
    lease = running()
    for seq in range(10):
        lease.received(seq, 1, now=seq * 3.0)
        lease.take(seq, seq * 3.0)
    assert not lease.stalled(27 + 60, LIMITS)
    assert lease.stalled(27 + 61, LIMITS)


def test_nothing_stalls_that_waits_for_its_reader_or_for_its_cancel() -> None:
    lease = running()
    lease.received(0, WINDOW_TOKENS, now=1)
    assert not lease.stalled(1000, LIMITS)
    lease.take(0, 1000)
    assert not lease.stalled(1005, LIMITS)
    assert lease.stalled(1011, LIMITS)
    lease.state = JobState.CANCELLING
    assert not lease.stalled(5000, LIMITS)
