"""Grammars on a real vocabulary: whatever is drawn, the answer matches."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from wire.errors import ErrorCode, SupernetError
from worker.bindings import llguidance
from worker.bindings.llguidance import Grammars, Matcher
from worker.bindings.vocab import Vocab
from worker.engine.constraint import Constraint

SCHEMA = """{"type": "object", "properties": {
  "n": {"type": "integer", "minimum": 0, "maximum": 99}, "s": {"type": "string", "maxLength": 8},
  "b": {"type": "array", "items": {"enum": ["x", "<think>", null]}, "maxItems": 3}},
  "required": ["n", "s", "b"], "additionalProperties": false}"""
JSON = Constraint(f"start: %json {SCHEMA}")


@pytest.fixture
def vocab(tiny_qwen3: Path) -> Vocab:
    return Vocab(str(tiny_qwen3))


@pytest.fixture
def grammars(vocab: Vocab) -> Iterator[Grammars]:
    compiler = Grammars(vocab)
    yield compiler
    compiler.close()


def matcher(grammars: Grammars, constraint: Constraint, delivered: tuple[int, ...] = ()) -> Matcher:
    return grammars.compile(constraint, delivered).result(timeout=60)


def allowed(matcher: Matcher) -> list[int]:
    mask = matcher.allowed()
    assert mask is not None
    return np.flatnonzero(mask).tolist()


@pytest.mark.parametrize("seed", range(30))
def test_random_draws_spell_json_that_matches_the_schema(grammars: Grammars, vocab: Vocab, seed: int) -> None:
    follower, rng, text = matcher(grammars, JSON), np.random.default_rng(seed), b""
    for _ in range(3000):
        if follower.stopped:
            break
        token = int(rng.choice(allowed(follower)))
        if token in vocab.eog:
            break
        follower.accept(token)
        text += vocab.piece(token)
    found = json.loads(text)
    assert found.keys() == {"n", "s", "b"}
    assert 0 <= found["n"] <= 99
    assert len(found["s"]) <= 8
    assert set(found["b"]) <= {"x", "<think>", None}


def test_the_turn_may_end_only_where_the_grammar_is_complete(grammars: Grammars, vocab: Vocab) -> None:
    follower = matcher(grammars, Constraint('start: "a" /[0-9]/ ("b")?'))
    for letter in "a1":
        assert not set(allowed(follower)) & vocab.eog
        follower.accept(vocab.tokenize(letter)[0])
    assert vocab.eog <= set(allowed(follower))
    assert not follower.stopped
    follower.accept(vocab.tokenize("b")[0])
    assert follower.stopped


def test_where_there_is_one_way_only_the_next_token_is_the_tokenizers(grammars: Grammars, vocab: Vocab) -> None:
    follower = matcher(grammars, Constraint('start: "{\\"name\\": " /[0-9]/ ", and so on" ("!")?'))
    for token in vocab.tokenize('{"name": ')[:-1]:
        assert follower.forced() == token
        follower.accept(token)
    while (forced := follower.forced()) is not None:
        follower.accept(forced)
    follower.accept(vocab.tokenize("7")[0])
    text = b""
    while (forced := follower.forced()) is not None:
        follower.accept(forced)
        text += vocab.piece(forced)
    assert text in (b", and so o", b", and so on"), "its last letter might begin a longer token"
    if text.endswith(b"o"):
        follower.accept(vocab.tokenize("n")[0])
    assert follower.forced() is None and vocab.eog <= set(allowed(follower)), "it may end here"


@pytest.mark.parametrize("seed", range(10))
def test_what_is_forced_is_allowed_and_the_same_however_the_answer_was_cut(
    grammars: Grammars, vocab: Vocab, seed: int
) -> None:
    tight = Constraint(f'start: %json {SCHEMA[:-1]}, "x-guidance": {{"whitespace_flexible": false}}}}')
    follower, rng = matcher(grammars, tight), np.random.default_rng(seed)
    answer: list[int] = []
    forced: list[int | None] = []
    while not follower.stopped and len(answer) < 60:
        token = follower.forced()
        forced.append(token)
        choice = allowed(follower)
        if token is None:
            token = int(rng.choice(choice))
        assert token in choice
        if token in vocab.eog:
            break
        follower.accept(token)
        answer.append(token)
    assert sum(token is not None for token in forced) > 5
    for cut in range(len(answer)):
        assert matcher(grammars, tight, tuple(answer[:cut])).forced() == forced[cut]


def test_nothing_is_forced_before_the_constraint_begins(grammars: Grammars, vocab: Vocab) -> None:
    follower = matcher(grammars, Constraint('start: "yes"', after=vocab.special["</think>"]))
    assert follower.forced() is None
    follower.accept(vocab.special["</think>"])
    assert follower.forced() is not None


def test_everything_is_free_until_the_token_after_which_it_applies(grammars: Grammars, vocab: Vocab) -> None:
    close = vocab.special["</think>"]
    follower = matcher(grammars, Constraint('start: "yes"', after=close))
    for token in vocab.tokenize("I think that no"):
        assert follower.allowed() is None
        assert follower.allows(token)
        follower.accept(token)
    follower.accept(close)
    assert all(b"yes".startswith(vocab.piece(token)) for token in allowed(follower))
    assert not follower.allows(vocab.tokenize("no")[0])


def test_a_call_that_ends_the_thought_is_the_first_token_of_the_grammar(grammars: Grammars, vocab: Vocab) -> None:
    close, call = vocab.special["</think>"], vocab.special["<tool_call>"]
    constraint = Constraint('start: <tool_call> "yes"', after=close, call=call)
    for begun in ([call], [close, call]):
        follower = matcher(grammars, constraint)
        for token in vocab.tokenize("hm") + begun:
            assert follower.begins_after == close or token == call
            follower.accept(token)
        assert follower.begins_after is None
        assert all(b"yes".startswith(vocab.piece(token)) for token in allowed(follower))


def test_delivered_tokens_are_followed_first(grammars: Grammars, vocab: Vocab) -> None:
    begun = vocab.tokenize('{"n": 4')
    whole = matcher(grammars, JSON)
    for token in begun:
        whole.accept(token)
    continued = matcher(grammars, JSON, tuple(begun))
    assert allowed(continued) == allowed(whole)
    close = vocab.special["</think>"]
    thought = matcher(grammars, Constraint('start: "yes"', after=close), (*begun, close))
    assert thought.allowed() is not None


def test_a_special_token_is_allowed_only_where_the_grammar_names_it(grammars: Grammars, vocab: Vocab) -> None:
    call, special = vocab.special["<tool_call>"], set(vocab.special.values()) - vocab.eog
    text = matcher(grammars, Constraint("start: /(.|\\n)*/"))
    assert not special & set(allowed(text))
    assert allowed(matcher(grammars, Constraint('start: <tool_call> "x"'))) == [call]


@pytest.mark.parametrize(
    "grammar", ["start: nowhere", "", 'start: %json {"type": "nonsense"}', 'start: "' + "x" * 300_000 + '"']
)
def test_a_grammar_that_cannot_be_used_is_the_requests_fault(grammars: Grammars, grammar: str) -> None:
    with pytest.raises(SupernetError, match="grammar cannot be used") as caught:
        matcher(grammars, Constraint(grammar))
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_the_complaint_about_a_grammar_is_short_and_does_not_quote_it(grammars: Grammars) -> None:
    one = {"type": "object", "properties": {"p": {"type": "string"}}}
    ways = [{"anyOf": [{**one, "title": f"t{i}{j}", "required": [f"r{i}{j}"]} for j in range(10)]} for i in range(10)]
    schema = json.dumps({"allOf": ways})
    with pytest.raises(SupernetError, match="schema too large") as caught:
        matcher(grammars, Constraint(f"start: %json {schema}"))
    assert "anyOf" not in caught.value.message
    with pytest.raises(SupernetError) as caught:
        matcher(grammars, Constraint('start: %json {"type": "string", "pattern": "(((' + "x" * 3000 + '"}'))
    assert len(caught.value.message) < 600


def test_a_grammar_past_its_limits_is_refused_and_the_next_one_works(grammars: Grammars, vocab: Vocab) -> None:
    items = {f"p{i}": {"type": "string", "pattern": f"^[a-z]{{1,{i % 50 + 1}}}$"} for i in range(2500)}
    crowd = json.dumps({"type": "object", "properties": items})
    with pytest.raises(SupernetError, match="cannot be used"):
        matcher(grammars, Constraint(f"start: %json {crowd}"), tuple(vocab.tokenize('{"p'))).allowed()
    assert allowed(matcher(grammars, JSON))


def test_a_token_that_does_not_belong_is_refused(grammars: Grammars, vocab: Vocab) -> None:
    with pytest.raises(SupernetError, match="cannot be used"):
        matcher(grammars, JSON, tuple(vocab.tokenize("no json")))


def test_a_kept_grammar_starts_afresh_for_every_answer(grammars: Grammars, vocab: Vocab) -> None:
    first = matcher(grammars, JSON)
    expected = allowed(first)
    for token in vocab.tokenize('{"n": 4'):
        first.accept(token)
    assert allowed(matcher(grammars, JSON)) == expected


def test_only_so_many_grammars_are_kept(grammars: Grammars, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llguidance, "KEPT_GRAMMARS", 2)
    for word in ("a", "b", "c", "a"):
        assert allowed(matcher(grammars, Constraint(f'start: "{word}"')))
    assert len(grammars._ready) == 2
