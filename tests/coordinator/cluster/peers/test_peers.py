"""Who is there, who is dead, and whether it is the bus that is dark."""

from coordinator.cluster.peers.peers import ASK_S, DARK_MOST_S, DARK_S, DEAD_S, FORGET_S, PING_S, SUSPECT_S, Peers

ME, A, B = "00000000", "0000000a", "0000000b"


class Watch:
    """Ticks four times a second; pings of replicas that are `up` are answered at once, and others are missed."""

    def __init__(self, *up: str, waited_for: tuple[str, ...] = (A,)) -> None:
        self.peers, self.now, self.up, self.waited_for = Peers(ME), 100.0, {ME, *up}, waited_for
        self.pinged: list[str] = []
        self.died: dict[str, float] = {}

    def passes(self, seconds: float, speaking: tuple[str, ...] = ()) -> None:
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += 0.25
            for peer in speaking:
                self.peers.heard(peer, self.now)
            pings, dead = self.peers.tick(self.waited_for, self.now)
            self.died |= dict.fromkeys(dead, self.now)
            self.pinged += pings
            for peer in pings:
                if peer in self.up:
                    self.peers.heard(peer, self.now)
                    self.peers.answered(peer)
                else:
                    self.peers.missed(peer)


def test_one_that_is_heard_is_there_and_new_only_once() -> None:
    watch = Watch(A)
    assert watch.peers.heard(A, watch.now) and not watch.peers.heard(A, watch.now)
    watch.passes(10, speaking=(A,))
    assert A in watch.peers and watch.peers.alive() == [A] and watch.pinged == []


def test_a_quiet_one_that_answers_is_there() -> None:
    watch = Watch(A)
    watch.peers.heard(A, watch.now)
    watch.passes(30)
    assert A in watch.peers and A in watch.pinged


def test_one_that_somebody_waits_for_is_dead_after_two_missed_pings() -> None:
    watch = Watch()
    watch.peers.heard(A, watch.now)
    began = watch.now
    watch.passes(DEAD_S)
    assert SUSPECT_S < watch.died[A] - began < ASK_S
    assert watch.pinged.count(A) == 2 and A not in watch.peers and watch.peers.alive() == []


def test_one_that_nobody_waits_for_is_asked_later() -> None:
    watch = Watch(waited_for=())
    watch.peers.heard(A, watch.now)
    began = watch.now
    watch.passes(DEAD_S)
    assert ASK_S < watch.died[A] - began <= DEAD_S


def test_a_ping_whose_fate_is_never_told_does_not_keep_anybody_alive() -> None:
    peers = Peers(ME)
    peers.heard(A, 100.0)
    assert peers.tick((A,), 100.75) == ([ME, A], [])
    for at in (100.75, 101.5, 102.25, 103.0):
        peers.heard(B, at)
    assert peers.tick((A,), 103.0) == ([], [A])


def test_one_that_is_heard_between_two_pings_is_not_dead() -> None:
    watch = Watch()
    watch.peers.heard(A, watch.now)
    for _ in range(20):
        watch.passes(0.75)
        watch.peers.heard(A, watch.now)
    assert not watch.died and A in watch.pinged


def test_one_that_was_given_up_may_come_back() -> None:
    watch = Watch()
    watch.peers.heard(A, watch.now)
    watch.passes(DEAD_S)
    assert watch.peers.heard(A, watch.now) and A in watch.peers
    assert not watch.peers.heard(A, watch.now)


def test_one_that_says_goodbye_is_gone_at_once() -> None:
    peers = Peers(ME)
    peers.heard(A, 1.0)
    assert peers.left(A, 1.0) and A not in peers
    assert not peers.left(A, 1.0) and not peers.left(B, 1.0)


def test_a_dark_bus_is_nobodys_death_for_a_while() -> None:
    watch = Watch(waited_for=(A, B))
    watch.peers.heard(A, watch.now)
    watch.peers.heard(B, watch.now)
    watch.up.clear()
    watch.passes(DARK_MOST_S - 1)
    assert watch.peers.is_dark(watch.now) and not watch.died
    watch.passes(2)
    assert set(watch.died) == {A, B}


def test_when_the_bus_is_back_the_silence_before_does_not_count() -> None:
    watch = Watch(waited_for=(A, B))
    watch.peers.heard(A, watch.now)
    watch.peers.heard(B, watch.now)
    watch.up.clear()
    watch.passes(8)
    watch.up |= {ME, B}
    watch.passes(0.5)
    assert not watch.peers.is_dark(watch.now) and not watch.died
    watch.passes(2)
    assert set(watch.died) == {A}


def test_a_replica_that_is_alone_on_the_bus_knows_that_it_is_not_dark() -> None:
    watch = Watch()
    assert watch.peers.is_dark(watch.now)
    watch.passes(10)
    assert not watch.peers.is_dark(watch.now)
    watch.up.clear()
    watch.passes(2)
    assert watch.peers.is_dark(watch.now)


def test_the_dead_are_forgotten() -> None:
    watch = Watch()
    watch.peers.heard(A, watch.now)
    watch.passes(FORGET_S + 5)
    assert not watch.peers._peers


def test_who_is_given_up_is_known_while_the_bus_tells_anything() -> None:
    watch = Watch(B)
    watch.peers.heard(A, watch.now)
    assert not watch.peers.gave_up(A, watch.now) and not watch.peers.gave_up("a stranger", watch.now)
    watch.passes(DEAD_S + 1, speaking=(B,))
    assert watch.peers.gave_up(A, watch.now) and not watch.peers.gave_up(B, watch.now)
    assert not watch.peers.gave_up(A, watch.now + DARK_S), "the bus may be at fault"


def test_one_from_which_somebody_came_is_asked_as_one_that_is_waited_for() -> None:
    watch = Watch(waited_for=())
    watch.peers.heard(A, watch.now)
    came = watch.now + 0.1
    assert watch.peers.suspect(A, came) and not watch.peers.suspect("a stranger", came)
    began = watch.now
    watch.passes(ASK_S)
    assert SUSPECT_S < watch.died[A] - began < ASK_S
    assert watch.peers.suspect(A, came), "it was found to be dead: that is not open any more, but asked of gave_up"


def test_one_from_which_somebody_came_and_which_is_heard_is_there() -> None:
    watch = Watch(A, waited_for=())
    watch.peers.heard(A, watch.now)
    came = watch.now + 0.1
    assert watch.peers.suspect(A, came)
    watch.passes(1)
    assert watch.pinged.count(A) == 1 and not watch.peers.suspect(A, came)
    watch.passes(0.75)
    assert watch.pinged.count(A) == 1, "nobody waits for it any more"


def test_one_that_stands_still_for_a_moment_is_not_taken_for_dead() -> None:
    peers, asked_at, misses = Peers(ME), list[float](), 0
    peers.heard(A, 100.0)
    for now in (100.0 + step / 20 for step in range(30)):  # it does nothing for one and a half seconds
        peers.heard(B, now)
        if len(asked_at) > misses and now - asked_at[-1] >= PING_S:
            peers.missed(A)
            misses += 1
        pings, dead = peers.tick((A,), now)
        asked_at += [now for peer in pings if peer == A]
        assert not dead
    assert misses, "and one ping was in vain"
