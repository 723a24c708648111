"""What a chat brings that its model does not see: a plain record that the readers of requests and the rounds share."""

from dataclasses import dataclass, field
from typing import Literal

from wire.errors import SupernetError

Kind = Literal["image", "audio", "video"]


@dataclass(frozen=True)
class Attachment:
    """A sound, a film, or a picture for a model without eyes: tools may work with it, and the model is told of it in
    words, in front of the character `at` of the message of that number.

    Its `file` came with the request, or `link` is the address of media that we keep, or `job` the name of the one that
    made it here. `path`: where in the request it stands. `refused`: why the request is refused where no tool takes such
    a thing; None: it is of an earlier answer, and is left out there, and where it is gone. `fault`: what is wrong with
    it where one does; what it is need not be known then.
    """

    path: str
    refused: SupernetError | None = field(compare=False)  # no error equals another
    kind: Kind | None = None
    file: bytes = field(default=b"", repr=False)  # in no log, and no dump
    link: str = ""
    job: str = ""
    fault: SupernetError | None = field(default=None, compare=False)
    message: int = 0
    at: int = 0
