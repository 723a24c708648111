"""A hundred and more hostile requests, and the status that each must get."""

from tools.hostile import bodies, fields, prompts, schemas
from tools.hostile.request import Hostile


def cases() -> list[Hostile]:
    found = [
        *bodies.not_json(),
        *bodies.deep(),
        *schemas.schemas(),
        *schemas.patterns(),
        *prompts.control_tokens(),
        *bodies.large(),
        *prompts.templates(),
        *fields.numbers(),
        *fields.lists(),
        *fields.shapes(),
        *fields.responses(),
        *bodies.http(),
    ]
    assert len({one.name for one in found}) == len(found) >= 100
    return found
