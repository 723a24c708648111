import pytest
from pydantic import TypeAdapter, ValidationError

from coordinator.admission.key_use import KeyUse
from coordinator.cluster.protocol.gossip_messages import MAX_TOLD, Charges, Gossiped, Hints, Poison, Rests, Use
from coordinator.dispatch.poison import BlockNews
from coordinator.scheduler.fairness import Charge
from coordinator.scheduler.owners import Deeds
from coordinator.scheduler.quarantine import RestNews

CODEC: TypeAdapter[Gossiped] = TypeAdapter(Gossiped)


@pytest.mark.parametrize(
    "message",
    [
        Charges((Charge("m", "a", -1.5, True),)),
        Use((KeyUse("k", 60, 6000, 1.0, -20.0, 3),), whole=True),
        Rests((RestNews("a/w", 2, -3.5, "m", True),), (Deeds("a", 1, 2, 0.4),)),
        Poison((BlockNews("a", "ab" * 32, 599.5, ("x", "y")),)),
        Hints("0123abcd", (2**64 - 1, 0)),
    ],
)
def test_a_message_comes_out_of_the_bus_as_it_went_in(message: Gossiped) -> None:
    assert TypeAdapter(type(message)).validate_json(CODEC.dump_json(message)) == message


def test_a_message_is_bounded() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Hints).validate_python({"cell": "0123abcd", "prompts": range(MAX_TOLD + 1)})
