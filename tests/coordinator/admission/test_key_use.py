from coordinator.admission.key_use import RunningElsewhere


def test_what_runs_at_the_others_is_summed_and_the_last_word_of_each_counts() -> None:
    running = RunningElsewhere()
    assert running["k"] == 0
    running.heard("a", "k", 3)
    running.heard("b", "k", 2)
    running.heard("a", "k", 1)
    assert running["k"] == 3
    running.heard("a", "k", 0)
    assert running["k"] == 2


def test_a_replica_that_is_forgotten_takes_only_its_own_along() -> None:
    running = RunningElsewhere()
    running.heard("a", "k", 3)
    running.heard("b", "k", 2)
    running.forget("a")
    running.forget("a")
    running.forget("nobody")
    assert running["k"] == 2
