"""What every frame is made of: the frozen base class, and numbers and texts with a bound.

No number and no text of a stranger is without one: an Infinity in a speed curve, or more tokens than a database column
can hold, was enough to end a coordinator.
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Frozen(BaseModel):
    """Immutable, and unknown fields are ignored so that versions N and N-1 understand each other."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="constants")


def _utf8(text: object) -> object:
    """The text with a question mark for each byte that is no UTF-8. Names of files, machines and devices may hold such
    bytes; Python keeps them as lone surrogates, which no frame can carry: one in a message ended the worker that wanted
    to send it."""
    return text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) and not text.isascii() else text


def size_bytes(text: str) -> int:
    """Bytes of the text in UTF-8, up to four a character: what it takes on a line, and about what it takes to keep."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


LOWEST_LOGPROB = -9999.0  # OpenAI's figure for "too unlikely to say"; JSON has no minus infinity


def _logprob(value: float) -> float:
    """The nearest that is a logarithm of a probability and that any JSON can say; what is no number is the lowest."""
    return min(value, 0.0) if value > LOWEST_LOGPROB else LOWEST_LOGPROB


Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
Text = Annotated[str, BeforeValidator(_utf8), Field(max_length=4096)]
# Words for people are cut, not refused: a compiler's complaint that quoted a whole schema ended a worker.
Sentence = Annotated[str, BeforeValidator(_utf8), AfterValidator(lambda text: text[:4096])]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Traceparent = Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]  # W3C Trace Context
Count = Annotated[int, Field(ge=0, lt=2**53)]
Nano = Annotated[int, Field(ge=0, lt=2**63)]  # money in nano-dollars; 2**53 would be 9 million dollars
AttemptNumber = Annotated[int, Field(ge=1, lt=2**31)]
Logprob = Annotated[float, AfterValidator(_logprob)]
Seconds = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
