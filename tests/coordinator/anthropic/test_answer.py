"""An earlier answer, sent back; what else may stand in one is tried in test_conversation."""

from tests.coordinator.anthropic.test_conversation import assistant, read, text, use


def test_a_summary_stands_for_all_before_it() -> None:
    asked = {"role": "user", "content": "Hi"}
    late = {"role": "system", "content": [text("It rains.")]}
    summary = {"type": "compaction", "content": "They greeted.", "signature": "x", "tool_changes": []}
    answered = {"role": "assistant", "content": [summary, text("Hello.")]}
    messages = read(asked, late, answered, {"role": "user", "content": "And?"}, system="Be brief.")
    assert [(message.role, message.content) for message in messages] == [
        ("system", "Be brief."),
        ("assistant", "They greeted.\n\nHello."),
        ("user", "And?"),
    ]


def test_a_summary_that_failed_changes_nothing() -> None:
    failed = {"role": "assistant", "content": [{"type": "compaction", "content": None}, text("Hello.")]}
    assert [message.content for message in read({"role": "user", "content": "Hi"}, failed)] == ["Hi", "Hello."]


def test_who_made_an_earlier_call_does_not_matter() -> None:
    program = {"type": "code_execution_20250825", "tool_id": "x"}
    assert assistant(use(caller=program)) == assistant(use())
