import json

from coordinator.media.results import Piece, Result
from coordinator.rounds.course import MOST_ROUNDS, MOST_TOLD, Course
from coordinator.rounds.turn import Turn
from tests.coordinator.rounds.scripts import USAGE, artefact, call, chat, url
from wire.chat import Content, Reasoning, Usage

DRAW = "sogni_generate_image"


def turn_of(*arguments: str) -> Turn:
    turn = Turn({DRAW})
    turn.take((Reasoning(text="so "), Content(text="I draw.")))
    for index, one in enumerate(arguments):
        turn.take(call(DRAW, one, index))
    return turn


def made(call_id: str, number: int = 1) -> Result:
    return Result(call_id, DRAW, (Piece(artefact(number), url(number)),), "image", "m", "a cat")


def test_the_next_round_has_the_turn_and_what_came_of_it() -> None:
    course = Course("N", chat(tool_choice="required").request)
    turn = turn_of('{"prompt": "a cat"}', "")
    wanted = course.wanted(turn)
    assert [(one.place, one.name, one.arguments) for one in wanted] == [
        (1, DRAW, '{"prompt": "a cat"}'),
        (2, DRAW, "{}"),
    ]
    course.spent(USAGE)
    results = [made(wanted[0].id), Result(wanted[1].id, DRAW, error="prompt is missing")]
    course.came_of(results)
    request = course.go_on(turn, wanted, results)
    user, said, first, second = request.messages
    assert (user.content, said.content, said.reasoning) == ("draw a cat", "I draw.", "so ")
    assert (
        [one.id for one in said.tool_calls] == [first.tool_call_id, second.tool_call_id] == [one.id for one in wanted]
    )
    assert json.loads(first.content)["urls"] == [url()]
    assert json.loads(second.content) == {"success": False, "error": "prompt is missing"}
    assert (request.tool_choice, request.max_tokens, course.round) == ("auto", 512 - USAGE.completion, 2)
    assert course.artefacts == 1


def test_ids_of_calls_are_of_their_place_alone() -> None:
    first, again = (Course("N", chat().request).wanted(turn_of("{}", "{}")) for _ in range(2))
    assert first == again
    other = Course("M", chat().request).wanted(turn_of("{}"))
    assert len({one.id for one in (*first, *other)}) == 3


def test_the_last_round_has_no_choice_but_to_say_something() -> None:
    course = Course("N", chat().request)
    for number in range(2, MOST_ROUNDS + 1):
        assert course.may_go_on
        request = course.go_on(turn_of(), [], [])
        assert request.tool_choice == ("none" if number == MOST_ROUNDS else "auto")
    assert not course.may_go_on


def test_without_tokens_left_nothing_follows() -> None:
    course = Course("N", chat().request)
    course.spent(Usage(prompt=1, completion=512))
    assert not course.may_go_on


def test_usage_is_of_all_rounds() -> None:
    course = Course("N", chat().request)
    for _ in range(2):
        course.spent(USAGE)
    assert course.used == Usage(prompt=20, cached=8, completion=10, reasoning=2)


def test_links_are_those_that_no_round_said() -> None:
    course = Course("N", chat().request)
    course.came_of([made("a", 1), made("b", 2)])
    course.told([f"Here: {url(1)[:20]}", url(1)[20:]])
    assert course.links() == f"\n\n![a cat]({url(2)})"


def test_calls_without_end_are_not_told_to_the_model() -> None:
    assert len(Course("N", chat().request).wanted(turn_of(*["{}"] * 100))) == MOST_TOLD


def test_what_the_client_is_given_as_it_is_needs_no_link() -> None:
    course = Course("N", chat().request, {DRAW})
    turn = turn_of("{}")
    wanted = course.wanted(turn)
    course.came_of([made(wanted[0].id)])
    assert course.links() == ""
    assert "urls" not in json.loads(course.go_on(turn, wanted, [made(wanted[0].id)]).messages[-1].content)
