"""What the network did: /v1/network/history, and each model as it is and was: /v1/network/models. Nobody is named in
it, and who may see the network may see this."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.api.models import CHAT, ModelsApi
from coordinator.api.network import PRIVATE, NetworkApi
from coordinator.api.query import whole_number
from coordinator.clock import DAY_MS, now_ms
from coordinator.dashboard.idle_feed import refresh
from coordinator.history import reading, words
from coordinator.history.figures import ALL, FIVE_MINUTES_MS, HOUR_MS, MOST
from coordinator.history.reader import MONTH_DAYS, Reader, days_ago, hours_ago
from coordinator.history.reading import Row
from coordinator.ledger.pricing import CURRENCIES, Units, decimal
from coordinator.openai.media.models import UNITS, kinds
from program.fits import GIB, Room, card, download_bytes, fit, order
from wire.catalog import ModelSpec
from wire.errors import ErrorCode, SupernetError, invalid
from wire.media_catalog import MediaSpec

Spec = ModelSpec | MediaSpec
STEPS = (FIVE_MINUTES_MS, HOUR_MS, DAY_MS)
MOST_POINTS = 300
MOST_HOURS, MOST_DAYS = 48, MONTH_DAYS
MACHINE = ("gpu_gb", "ram_gb")  # of a query: a card as it is sold, and main memory, in GiB
MOST_GPU_GB, MOST_RAM_GB, USUAL_RAM_GB = 4096, 65_536, 32
MOST_WORKERS = 60  # of those that serve a model, one by one
MILLION = 1_000_000
QUANTISATION = re.compile(r"(?:^|[-_.])((?:I?Q[0-9]_[A-Z0-9_]+|TQ[0-9]_[0-9]|MXFP4|BF16|F16|F32))(?=[-_.])", re.I)


@dataclass(frozen=True)
class HistoryApi:
    """The endpoints that tell of more than this moment."""

    network: NetworkApi
    models: ModelsApi
    reader: Reader
    units: Units

    async def history(self, request: Request) -> Response:
        """Sums and means of the network or one model, in steps."""
        self.network.viewer(request, "hours", "days", "model", "step")
        at_ms = now_ms()
        since_ms, step = _window(request, at_ms)
        model = request.query_params.get("model", ALL)
        if model:
            self._spec(model)
        stored = HOUR_MS if step == DAY_MS else step
        rows = await self.reader.series(model, stored, since_ms, step)
        minutes = await self.reader.minutes([model], at_ms)
        whole = _added(rows.values())
        data = []
        for begins_ms in range(since_ms, at_ms, step):
            found = minutes.uptime(model, begins_ms, begins_ms + step)
            row = rows.get(begins_ms, {})
            told = {**words.figures(row), **words.state(row, found.measured), "uptime": words.uptime_json(found)}
            data.append({"at_ms": begins_ms, **told})
        all_of_it = minutes.uptime(model, since_ms, at_ms)
        return JSONResponse(
            {
                "object": "network.history",
                "model": model or None,
                "from_ms": since_ms,
                "to_ms": at_ms,
                "step_s": step // 1000,
                "began_ms": minutes.known[0] or None,
                "totals": {
                    **words.figures(whole),
                    **words.state(whole, all_of_it.measured),
                    "uptime": words.uptime_json(all_of_it),
                },
                "data": data,
            },
            headers=PRIVATE,
        )

    async def overview(self, request: Request) -> Response:
        """Every model of the catalog, with how much it is wanted, and how well it was served; with `gpu_gb` also how
        each would run on a machine with such a card, the best first."""
        self.network.viewer(request, *MACHINE)
        specs, room = self._specs(), _room(request)
        told = await self._told(specs, now_ms())
        if room is not None:
            fits = {spec.id: fit(spec, room) for spec in specs}
            keys = {
                spec.id: order(spec, fits[spec.id], words.missed(row["demand"]))
                for spec, row in zip(specs, told, strict=True)
            }
            told = [
                {**row, "fit": found and {**asdict(found), "download_bytes": download_bytes(spec, found.sees)}}
                for spec, row in zip(specs, told, strict=True)
                for found in (fits[spec.id],)
            ]
            told.sort(key=lambda row: keys[row["id"]])
        return JSONResponse({"object": "list", "data": told}, headers=PRIVATE)

    async def show(self, request: Request) -> Response:
        """One model: the same, the last 30 days, and who serves it now."""
        viewer = self.network.viewer(request)
        spec, at_ms = self._spec(request.path_params["model"]), now_ms()
        (told,) = await self._told([spec], at_ms)
        since_ms = days_ago(at_ms, MONTH_DAYS)
        month, days = await self.reader.month(spec.id, at_ms), await self._days(spec.id, at_ms)
        minutes = await self.reader.minutes([spec.id], at_ms)
        measured = minutes.uptime(spec.id, since_ms, at_ms).measured
        await self.network.feed.look_around()
        count, serving = self.network.feed.serving(spec.id, viewer, MOST_WORKERS)
        more = {
            "object": "network.model",
            "month": {**words.figures(month), **words.state(month, measured)},
            "days": days,
            "source": _source(spec),
            "serving": {"count": count, "data": serving},
        }
        return JSONResponse({**told, **more}, headers=PRIVATE)

    async def worker(self, request: Request) -> Response:
        """One worker of the viewer's, day by day."""
        viewer = self.network.viewer(request, "days")
        await self.network.feed.look_around()
        worker = self.network.feed.find(request.path_params["worker"], viewer)
        days = whole_number(request, "days", MONTH_DAYS, 1, MOST_DAYS)
        first = days_ago(now_ms(), days) // DAY_MS
        rows = {row["day"]: row for row in await self.reader.ask(reading.worker_days, worker.key, first)}
        told = [{"day": _day(day * DAY_MS), **words.of_worker(rows.get(day, {}))} for day in range(first, first + days)]
        return JSONResponse({"object": "network.worker.history", "data": told}, headers=PRIVATE)

    async def now(self, request: Request) -> Response:
        """One worker in full; why it has no jobs knows what was refused in a day, if the database can be asked."""
        await refresh(self.network.feed, self.reader)
        return await self.network.worker(request)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _specs(self) -> list[Spec]:
        catalog = self.models.catalog.now
        return [*catalog.models, *catalog.media]

    def _spec(self, model: str) -> Spec:
        for spec in self._specs():
            if spec.id == model:
                return spec
        message = f"There is no model {model[:128]!r}: GET /v1/network/models lists those that there are."
        raise SupernetError(ErrorCode.MODEL_NOT_FOUND, message, param="model")

    async def _told(self, specs: Sequence[Spec], at_ms: int) -> list[words.Json]:
        names = [spec.id for spec in specs]
        day, week = await self.reader.day(names, at_ms), await self.reader.week(names, at_ms)
        minutes = await self.reader.minutes(names, at_ms)
        told = []
        for spec in specs:
            kind = CHAT if isinstance(spec, ModelSpec) else kinds(spec)[0]
            waiting = self.models.hub.dispatch.online(spec.id).waiting
            today, found = day.get(spec.id, {}), minutes.uptime(spec.id, days_ago(at_ms, MONTH_DAYS), at_ms)
            told.append(
                {
                    **self.models.told(spec),
                    "kind": kind,
                    "prices": self._prices(spec),
                    "demand": words.demand(waiting, today, week.get(spec.id, {})),
                    "day": words.figures(today),
                    "uptime": {"days": MONTH_DAYS, **words.uptime_json(found)},
                }
            )
        return told

    async def _days(self, model: str, at_ms: int) -> list[words.Json]:
        """The last 30 days (UTC), the first one first."""
        since_ms = days_ago(at_ms, MONTH_DAYS)
        rows = await self.reader.series(model, HOUR_MS, since_ms, DAY_MS)
        minutes = await self.reader.minutes([model], at_ms)
        return [
            {
                "day": _day(day_ms),
                **words.figures(rows.get(day_ms, {})),
                "uptime": words.uptime_json(minutes.uptime(model, day_ms, day_ms + DAY_MS)),
            }
            for day_ms in range(since_ms, at_ms, DAY_MS)
        ]

    def _prices(self, spec: Spec) -> words.Json:
        """In dollars and in both currencies, as exact decimal text."""
        if isinstance(spec, MediaSpec):
            return {"unit": UNITS[kinds(spec)[0]], "per_unit": self._amounts(spec.price)}
        both = {"prompt": spec.price.prompt, "completion": spec.price.completion}
        return {f"{name}_per_million": self._amounts(nano * MILLION) for name, nano in both.items()}

    def _amounts(self, nano: int) -> words.Json:
        return {"usd": decimal(nano), **{one: decimal(nano, self.units.of(one)) for one in CURRENCIES}}


def _window(request: Request, at_ms: int) -> tuple[int, int]:
    """Where it begins, and the step, in milliseconds. Raises invalid_request."""
    given = request.query_params
    if "hours" in given and "days" in given:
        raise invalid("days", "Invalid 'days': give 'hours' or 'days', not both.")
    if "days" in given:
        days = whole_number(request, "days", MONTH_DAYS, 1, MOST_DAYS)
        long_ms, usual = days * DAY_MS, DAY_MS if days > 2 else HOUR_MS
    else:
        hours = whole_number(request, "hours", 24, 1, MOST_HOURS)
        long_ms, usual = hours * HOUR_MS, HOUR_MS if hours > 6 else FIVE_MINUTES_MS
    step = whole_number(request, "step", usual // 1000, 1, DAY_MS // 1000) * 1000
    fitting = [one for one in STEPS if long_ms // one <= MOST_POINTS and (one < DAY_MS or "days" in given)]
    if step not in fitting:
        listed = ", ".join(str(one // 1000) for one in fitting)
        raise invalid("step", f"Invalid 'step': seconds, and for so long a time one of {listed}.")
    since_ms = days_ago(at_ms, days) if "days" in given else hours_ago(at_ms, hours, step)
    return since_ms, step


def _room(request: Request) -> Room | None:
    """The machine that the query asks about; None: about none. Raises invalid_request."""
    if not any(name in request.query_params for name in MACHINE):
        return None
    if "gpu_gb" not in request.query_params:
        raise invalid("gpu_gb", "Missing 'gpu_gb': the memory of the card, 0 for a machine without one.")
    gpu = whole_number(request, "gpu_gb", 0, 0, MOST_GPU_GB)
    ram = whole_number(request, "ram_gb", USUAL_RAM_GB, 1, MOST_RAM_GB)
    return Room((card(gpu * GIB),) if gpu else (), ram * GIB)


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")


def _source(spec: Spec) -> words.Json:
    """What is served: where its files come from, and their hashes as far as the catalog knows them."""
    told: words.Json = {"repository": spec.repository, "revision": spec.revision, "package": spec.package}
    if isinstance(spec, MediaSpec):
        return {**told, "quantisation": None, "files": []}
    files = [*spec.files, *([spec.projector] if spec.projector else [])]
    found = QUANTISATION.search(spec.files[0].name)
    return {**told, "quantisation": found[1].upper() if found else None, "files": [file.model_dump() for file in files]}


def _added(rows: Iterable[Row]) -> Row:
    whole: Row = {}
    for row in rows:
        for name, count in row.items():
            whole[name] = max(whole.get(name, 0), count) if name == MOST else whole.get(name, 0) + count
    return whole
