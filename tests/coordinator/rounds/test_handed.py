from coordinator.rounds.handed import handed
from tests.coordinator.media.samples import ARTEFACT, LINK, PUBLIC_URL
from tests.coordinator.rounds.scripts import chat
from wire.chat import Message

TALK = (
    Message(role="user", content="Draw."),
    Message(role="assistant", content=f"Here: ![a]({LINK})"),
    Message(
        role="user", content=f"Join it with {PUBLIC_URL}/m/{'Z' * 22}.jpg, and not with https://evil.example/m/x.png"
    ),
)


def test_what_a_conversation_links_to_has_a_handle_in_its_order() -> None:
    handles = handed(chat(messages=TALK), PUBLIC_URL)
    assert [medium.artefact for medium in handles.media] == [ARTEFACT, "Z" * 22]
    assert handles.find("media:2", "image").artefact == "Z" * 22
