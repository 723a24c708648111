from dataclasses import replace

from coordinator.accounts.chains import Counter, chains, heirs_place
from coordinator.accounts.rows import KeyLimits, KeyRow

TWO, ONE = KeyLimits(rpm=2), KeyLimits(rpm=1)
ROOT = KeyRow("root", "acc", "r", "h", "sk", ("client",), 1, limits=TWO)
CHILD = replace(ROOT, id="child", parent="root", limits=ONE)
OTHER = replace(ROOT, id="other")


def test_a_chain_goes_from_the_key_to_the_one_that_the_operator_made() -> None:
    grandchild = replace(ROOT, id="grandchild", parent="child")
    found = chains([ROOT, CHILD, grandchild])
    assert found["grandchild"] == (Counter("grandchild", TWO), Counter("child", ONE), Counter("root", TWO))
    assert found["root"] == (Counter("root", TWO),)


def test_a_key_that_replaces_another_has_its_place_and_children() -> None:
    ended = replace(ROOT, revoked_ms=5)
    heir = replace(ROOT, id="heir", counted_as="root")
    found = chains([heir, ended, CHILD])
    assert found["heir"] == (Counter("root", TWO),)
    assert found["child"] == (Counter("child", ONE), Counter("root", TWO))


def test_who_takes_a_key_of_another_chain_answers_for_it() -> None:
    rows = [ROOT, CHILD, OTHER]
    found = chains(rows)
    assert heirs_place(OTHER, rows, found["child"]) == ("child", False)
    assert heirs_place(CHILD, rows, found["other"]) == ("other", False)
    assert heirs_place(CHILD, rows, found["root"]) == ("root", False)
    assert heirs_place(ROOT, rows, found["child"]) == (None, False), "it counts there already: a circle otherwise"
    assert heirs_place(ROOT, rows, found["root"]) == (None, False)


CAPPED = replace(ROOT, limits=KeyLimits(rpm=2, cap_day_nano=5))
SESSION = replace(ROOT, id="session", session_ends_ms=9, counted_as="root", limits=CAPPED.limits)
BY_HAND = replace(ROOT, id="by_hand", parent="root", by_person=True)


def paying(rows: list[KeyRow], key: str) -> list[str]:
    return [counter.name for counter in chains(rows)[key] if counter.pays]


def test_what_is_spent_counts_for_all_that_a_key_was_made_with() -> None:
    rows = [CAPPED, CHILD, replace(ROOT, id="grandchild", parent="child")]
    assert paying(rows, "grandchild") == ["grandchild", "child", "root"]
    ended = [replace(CAPPED, revoked_ms=5), replace(CHILD, revoked_ms=5), rows[2]]
    assert paying(ended, "grandchild") == ["grandchild", "root"], "of what has ended only the caps matter"
    heir = replace(CAPPED, id="heir", counted_as="root")
    assert paying([*ended, heir], "grandchild") == ["grandchild", "root"]


def test_a_person_who_is_signed_in_is_bound_by_no_keys_cap() -> None:
    rows = [CAPPED, SESSION, BY_HAND, replace(ROOT, id="made", parent="by_hand")]
    assert paying(rows, "session") == []
    assert chains(rows)["session"] == (Counter("root", TWO, pays=False),), "its rates are the first key's"
    assert paying(rows, "by_hand") == ["by_hand"]
    assert paying(rows, "made") == ["made", "by_hand"]
    assert paying(rows, "root") == ["root"]
    own = replace(SESSION, id="first", counted_as=None)  # who signed up has no key yet
    assert paying([own, replace(CHILD, parent="first", by_person=True)], "child") == ["child"]
    assert paying([own, replace(CHILD, parent="first")], "child") == ["child"]


def test_a_session_that_is_counted_with_a_key_does_not_stand_for_it() -> None:
    later = replace(CAPPED, limits=KeyLimits(rpm=1, cap_day_nano=3))
    found = chains([later, SESSION, CHILD])
    assert found["child"][1] == Counter("root", later.limits)
    assert found["session"] == (Counter("root", ONE, pays=False),), "and knows what holds by now"


def test_no_key_gets_out_of_its_cap_by_taking_anothers_place() -> None:
    """Each of these would give who holds a capped key one that counts for none of its caps."""
    rows = [CAPPED, BY_HAND, replace(ROOT, id="deep", parent="by_hand"), OTHER, SESSION]
    found = chains(rows)
    for old in rows[1:4]:
        parent, by_person = heirs_place(old, rows, found["root"])
        heir = replace(old, id="heir", counted_as=old.counters, parent=parent, by_person=by_person)
        assert "root" in paying([*rows, replace(old, revoked_ms=5), heir], "heir"), old
    assert heirs_place(BY_HAND, rows, found["by_hand"]) == ("root", True), "its own heir is as it was"
    assert heirs_place(rows[2], rows, found["by_hand"]) == ("by_hand", False)
    assert heirs_place(OTHER, rows, found["session"]) == ("root", True), "a person may"


def test_a_circle_in_a_damaged_database_ends() -> None:
    circle = [replace(ROOT, parent="child"), CHILD]
    assert [counter.name for counter in chains(circle)["child"]] == ["child", "root"]
