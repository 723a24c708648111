"""What a run of scripts/chaos cluster is judged by, on streams that were made up."""

import pytest

from tools.chaos.client import Answer
from tools.chaos.cluster import figures, revocation
from tools.chaos.cluster.faults import Moment
from tools.chaos.cluster.load import TOKENS, Stream
from tools.chaos.cluster.revocation import Times
from tools.chaos.cluster.run import MEASURED
from tools.cluster.books import Used

PACE_S = 0.1


def answer(
    seed: int, tokens: int = TOKENS, *, began: float = 0.0, pause_s: float = 0.0, worker: str = "w0", mark: float = 0.0
) -> Answer:
    """Of so many tokens, PACE_S apart, with a pause before the tenth; whole if it has all."""
    times = [began + PACE_S * (n + 1) + (pause_s if n >= 10 else 0.0) for n in range(tokens)]
    pieces = [f"{n}:{seed}:{worker}:0.0:{mark + n:.6f} " for n in range(tokens)]
    whole = tokens == TOKENS
    done = {"finish": "length", "completion": TOKENS} if whole else {"error": "bare end"}
    return Answer(began, 200, {}, began, times, pieces, **done)


def stream(seed: int, *tries: Answer) -> Stream:
    return Stream(seed, f"run-{seed}", list(tries))


def of(streams: list[Stream], *moments: Moment, tokens: int | None = None, fault: str = "kill_edge") -> figures.Row:
    charged = TOKENS * len(streams) if tokens is None else tokens
    return figures.row(fault, streams, list(moments), Used(len(streams), charged, 0))


def test_whole_and_right_answers_miss_nothing() -> None:
    row = of([stream(n, answer(n)) for n in range(3)], Moment(1.0, end=2.0), fault="kill_nats")
    assert figures.missed(row) == []
    assert (row["lost"], row["wrong"], row["failed"], row["pause_p99_s"]) == (0, 0, 0, 0.0)


@pytest.mark.parametrize("harm", ["doubled", "missing", "swapped", "another's", "garbled", "miscounted"])
def test_a_token_out_of_its_place_is_wrong(harm: str) -> None:
    bad = answer(7)
    match harm:
        case "doubled":
            bad.pieces.insert(5, bad.pieces[5])
        case "missing":
            del bad.pieces[5]
        case "swapped":
            bad.pieces[5:7] = reversed(bad.pieces[5:7])
        case "another's":
            bad.pieces[5] = "5:8:w0:0.0:5.0 "
        case "garbled":
            bad.pieces[5] = "5:7 "
        case "miscounted":
            bad.completion -= 1
    row = of([stream(7, bad)])
    assert row["wrong"] == 1 and "wrong is 1" in figures.missed(row)[0]


def test_who_was_at_the_edge_that_died_may_break_and_must_come_back() -> None:
    broken, again = answer(1, 20), answer(1, began=5.0)
    moment = Moment(1.0, frozenset({"w0"}), frozenset({"run-1"}), 6.0)
    row = of([stream(1, broken, again)], moment)
    assert (row["failed"], row["broken_with_their_edge"], row["continued"]) == (0, 1, 1)
    assert row["again_p99_s"] == PACE_S
    elsewhere = of([stream(1, broken, again)], Moment(1.0, end=6.0))
    assert elsewhere["failed"] == 1
    lost = of([stream(1, broken)], moment)
    assert lost["lost"] == 1


def test_the_hold_of_an_answer_that_ended_with_its_edge_waits_for_its_client() -> None:
    whole = [stream(1, answer(1)), stream(2, answer(2))]
    moment = Moment(1.0, frozenset({"w0"}), frozenset({"run-1"}), 6.0)
    rows = [figures.row("kill_edge", whole, [moment], Used(2, 2 * TOKENS, held)) for held in (1, 2)]
    assert [row["open_holds"] for row in rows] == [0, 1]


def test_another_answer_to_the_same_question_is_not_the_one_that_broke() -> None:
    row = of([stream(1, answer(1, 20), answer(1, mark=100.0))])
    assert (row["continued"], row["wrong"]) == (0, 0)


def test_a_pause_counts_for_those_whose_worker_was_hit() -> None:
    streams = [stream(1, answer(1, pause_s=2.0)), stream(2, answer(2, worker="w1"))]
    hit = of(streams, Moment(1.05, frozenset({"w0"}), end=2.0), fault="kill_peer")
    assert (hit["paused"], hit["pause_p50_s"]) == (1, 2.0)
    assert any("pause_p50_s is 2.0" in said for said in figures.missed(hit))
    both = of(streams, Moment(1.05, end=2.0), fault="kill_peer")
    assert both["paused"] == 2


def test_a_refusal_says_when_to_come_back() -> None:
    told, untold = Answer(0.0, 503, {"retry-after": "1"}), Answer(0.0, 503)
    row = of([stream(1, told, untold, answer(1))], fault="dark_postgres")
    assert (row["refused"], row["refused_without_retry_after"], row["failed"]) == (2, 1, 0)
    assert figures.missed(row) == [
        "dark_postgres: refused_without_retry_after is 1, and may be 0 at most",
    ]


def test_what_was_charged_twice_is_seen() -> None:
    row = of([stream(1, answer(1))], tokens=TOKENS + 20)
    assert row["overcharged_tokens"] == 20 and figures.missed(row)


def test_a_figure_that_was_not_measured_is_missed() -> None:
    row = of([stream(1, answer(1))], fault="kill_peer")
    assert any("pause_p50_s is None" in said for said in figures.missed(row))


def test_a_stream_that_outlives_its_key_is_missed() -> None:
    assert figures.missed(revocation.row(Times([0.1, 0.2], [0.1], [0.3]), 1)) == []
    said = figures.missed(revocation.row(Times([0.1, 30.0], [0.1], [1.6], stayed=1), 1))
    assert [words.split(" is ")[0] for words in said] == [
        f"revoke: {n}" for n in ("stayed", "ended_p99_s", "freed_p99_s")
    ]


def test_whatever_is_measured_has_its_bounds() -> None:
    assert set(figures.BOUNDS) == set(MEASURED)
