"""What of an answer is kept to be checked."""

from wire.chat import CallDelta, ChatRequest, Content, Message, Reasoning, Tool
from wire.schema_keywords import Gap
from worker.chat.prepared import Unheld
from worker.chat.written import Claim, Written

SCHEMA = {"not": {"const": 1}}
REQUEST = ChatRequest(
    messages=(Message(role="user", content="x"),),
    tools=(Tool(name="f", parameters=SCHEMA), Tool(name="g")),
    json_schema=SCHEMA,
    max_tokens=9,
)
NOT = (Gap("not", "#/not"),)


def test_the_answer_is_its_content_and_a_call_its_arguments() -> None:
    written = Written(REQUEST, (Unheld(None, NOT), Unheld("f", NOT)))
    written.add([Reasoning(text="hm"), Content(text="{"), Content(text="}")])
    assert written.claims() == (Claim("the answer", SCHEMA, "{}"),)
    written.add([CallDelta(index=0, name="g"), CallDelta(index=0, arguments="{}")])
    written.add(
        [CallDelta(index=1, name="f"), CallDelta(index=1, arguments='{"a"'), CallDelta(index=1, arguments=":1}")]
    )
    assert written.claims() == (Claim("the arguments of call 1", SCHEMA, '{"a":1}'),), "an answer of calls has no other"


def test_what_no_check_finds_is_not_kept_for_one() -> None:
    written = Written(REQUEST, (Unheld(None, (Gap("contentEncoding", "#/contentEncoding", checked=False),)),))
    written.add([Content(text="{}")])
    assert written.claims() == ()
    nothing = Written(REQUEST, ())
    nothing.add([Content(text="{}")])
    assert nothing == Written(REQUEST, ()) and nothing.claims() == ()
