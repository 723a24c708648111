"""GET /v1/estimate: what a number of tokens costs, to the nano-dollar, and pictures at most; or what media cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.accounts import Accounts
from coordinator.api.query import only, whole_number
from coordinator.billing.billing import Billing
from coordinator.current_catalog import CurrentCatalog
from coordinator.ledger.pricing import CURRENCIES, TOKEN_TYPES, Tariff, cost, decimal
from coordinator.media.price import units
from coordinator.openai.images import DETAILS, Pictures
from coordinator.openai.media.estimate import read_making
from wire.errors import invalid
from wire.media_catalog import MediaSpec
from wire.pictures import MARK_TOKENS, MAX_PICTURES

MAX_TOKENS = 10**9


@dataclass(frozen=True)
class EstimateApi:
    """The endpoint /v1/estimate."""

    accounts: Accounts
    billing: Billing
    catalog: CurrentCatalog

    async def show(self, request: Request) -> Response:
        self.accounts.authenticate(request.headers, "client")
        model = request.query_params.get("model", "")
        tariff, catalog = self.billing.tariff(model), self.catalog.now
        if (spec := next((spec for spec in catalog.media if spec.id == model), None)) is not None:
            return self._media(request, spec, tariff)
        only(request, "model", "input_tokens", "max_output_tokens", "images", "image_detail", "token_type")
        prompt = whole_number(request, "input_tokens", 0, 0, MAX_TOKENS)
        completion = whole_number(request, "max_output_tokens", 0, 0, MAX_TOKENS)
        pictures = whole_number(request, "images", 0, 0, MAX_PICTURES)
        detail = request.query_params.get("image_detail", "auto")
        if detail not in DETAILS:
            raise invalid("image_detail", f"Invalid 'image_detail': supported values are {_listed(DETAILS)}.")
        if pictures and not (shown := Pictures(catalog.get(model), catalog)).seen:
            raise invalid("images", f"Invalid 'images': {shown.text_only}.")
        picture_tokens = pictures * (DETAILS[detail] + MARK_TOKENS)
        token_type = _token_type(request)
        nano = cost(tariff, prompt + picture_tokens, completion)
        return JSONResponse(
            {
                "object": "estimate",
                "request": {
                    "model": model,
                    "input_tokens": prompt,
                    "max_output_tokens": completion,
                    "images": pictures,
                    "image_detail": detail,
                    "image_tokens": picture_tokens,
                    "token_type": token_type,
                },
                "price": {
                    "version": tariff.version,
                    "prompt_nano_usd": tariff.prompt,
                    "completion_nano_usd": tariff.completion,
                },
                "cost": self._cost(nano),
            }
        )

    def _media(self, request: Request, spec: MediaSpec, tariff: Tariff) -> Response:
        query = {name: value for name, value in request.query_params.items() if name not in ("model", "token_type")}
        make, n, asked = read_making(spec, query)
        pieces = n * units(make)
        return JSONResponse(
            {
                "object": "estimate",
                "request": {"model": spec.id, **asked, "token_type": _token_type(request)},
                "price": {"version": tariff.version, "unit_nano_usd": tariff.completion},
                "units": pieces,
                "cost": self._cost(pieces * tariff.completion),
            }
        )

    def _cost(self, nano: int) -> dict[str, Any]:
        costs: dict[str, Any] = {"nano_usd": nano, "usd": decimal(nano)}
        return costs | {currency: decimal(nano, self.billing.units.of(currency)) for currency in CURRENCIES}


def _token_type(request: Request) -> str:
    token_type = request.query_params.get("token_type", "auto")
    if token_type not in TOKEN_TYPES:
        raise invalid("token_type", f"Invalid 'token_type': supported values are {_listed(TOKEN_TYPES)}.")
    return token_type


def _listed(values: Iterable[str]) -> str:
    return ", ".join(map(repr, values))
