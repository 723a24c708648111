"""GET /v1/estimate: what may be asked, of a chat and of media, and what is answered."""

from typing import Any

from coordinator.api.estimate import MAX_TOKENS
from coordinator.openai.images import DETAILS
from coordinator.openai.media.images_request import MAX_IMAGES_DRAWN
from coordinator.openai.media.size import SIZE
from tools.openapi.answers import COUNT, TEXT, thing
from wire.pictures import MAX_PICTURES

Schema = dict[str, Any]

AMOUNT: Schema = {"nano_usd": COUNT, "usd": TEXT}
_ESTIMATED: Schema = {
    "object": {"const": "estimate"},
    "cost": thing({**AMOUNT, "spark": TEXT, "sogni": TEXT}),
}
_CHAT_ASKED = thing(
    {
        "model": TEXT,
        **dict.fromkeys(("input_tokens", "max_output_tokens", "images", "image_tokens"), COUNT),
        **dict.fromkeys(("image_detail", "token_type"), TEXT),
    }
)
_MEDIA_ASKED = thing(
    {"model": TEXT, "n": COUNT, "size": TEXT, **dict.fromkeys(("seconds", "fps", "frames"), COUNT), "token_type": TEXT},
    *("size", "seconds", "fps", "frames"),
)
ESTIMATE: Schema = {
    "anyOf": [
        thing(
            {
                **_ESTIMATED,
                "request": _CHAT_ASKED,
                "price": thing(dict.fromkeys(("version", "prompt_nano_usd", "completion_nano_usd"), COUNT)),
            }
        ),
        thing(
            {
                **_ESTIMATED,
                "request": _MEDIA_ASKED,
                "price": thing(dict.fromkeys(("version", "unit_nano_usd"), COUNT)),
                "units": {**COUNT, "description": "How many times the price of a unit it is."},
            }
        ),
    ]
}
_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_TOKENS}
ESTIMATED: list[Schema] = [
    {"name": "model", "in": "query", "required": True, "schema": {"type": "string"}},
    {"name": "input_tokens", "in": "query", "schema": _COUNT},
    {"name": "max_output_tokens", "in": "query", "schema": _COUNT},
    {"name": "images", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": MAX_PICTURES}},
    {"name": "image_detail", "in": "query", "schema": {"enum": list(DETAILS)}},
    {"name": "token_type", "in": "query", "schema": {"enum": ["auto", "spark", "sogni"]}},
    *(
        {"name": name, "in": "query", "description": f"Of what a pipeline makes{words}.", "schema": schema}
        for name, words, schema in (
            ("n", "", {"type": "integer", "minimum": 1, "maximum": MAX_IMAGES_DRAWN}),
            ("size", ", a picture or a film", {"type": "string", "pattern": f"^{SIZE.pattern}$"}),
            ("seconds", ", a film or music", {"type": "integer", "minimum": 1}),
            ("fps", ", a film", {"type": "integer", "minimum": 1, "maximum": 60}),
        )
    ),
]
