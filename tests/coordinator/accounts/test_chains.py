from dataclasses import replace

from coordinator.accounts.chains import Counter, chains, heirs_parent
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
    assert heirs_parent(OTHER, rows, found["child"]) == "child"
    assert heirs_parent(CHILD, rows, found["other"]) == "other"
    assert heirs_parent(CHILD, rows, found["root"]) == "root"
    assert heirs_parent(ROOT, rows, found["child"]) is None, "it counts against it already: a circle otherwise"
    assert heirs_parent(ROOT, rows, found["root"]) is None


def test_a_circle_in_a_damaged_database_ends() -> None:
    circle = [replace(ROOT, parent="child"), CHILD]
    assert [counter.name for counter in chains(circle)["child"]] == ["child", "root"]
