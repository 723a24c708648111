"""The projector of a model on its way into the plan: whether it is wanted here, whether it is the right one, its file.

Nothing about it keeps a model from being served: what is wrong costs the pictures alone, and is told (`no_vision`).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from program.gguf import GgufError, Header
from program.settings import ConfigError
from wire.catalog import ModelSpec
from worker.config import Config
from worker.issues import issue
from worker.machine.description import Machine
from worker.planning.footprint import Eyes
from worker.planning.headers import ahead, header_ahead, header_of
from worker.planning.plan import BLIND, SLOW_TO_SEE
from worker.weights import download, projector
from worker.weights.download import Weights, WeightsError

PAD = "<|image_pad|>"  # what a template writes in the place of a picture
TEMPLATE = "tokenizer.chat_template"
OWN_REMEDY = "Name the file with the catalog's sha256, or leave --projector-file out: text is served without."
BEGINNING_BYTES = 2**20  # of the file, to find its header in, which has no vocabulary


class NoSight(Exception):
    """The model is served without its eyes; `issue` says why and what to do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.issue = issue("no_vision", message, remedy)
        super().__init__(message)


def check(config: Config, spec: ModelSpec) -> None:
    """Raise ConfigError for settings of which one asks for eyes that another leaves out, or the catalog."""
    if spec.projector is None and (config.vision == "on" or config.projector_file is not None):
        asked = "--vision on" if config.projector_file is None else f"--projector-file {config.projector_file}"
        raise ConfigError(f"{asked}: {spec.id} has no projector in the catalog, and takes text only")
    if config.vision == "off" and config.projector_file is not None:
        raise ConfigError(f"--projector-file {config.projector_file}: with --vision off it is of no use; leave one out")
    if config.vision == "on" and config.model_file is not None and config.projector_file is None:
        raise ConfigError("--vision on: name the projector too, with --projector-file; nothing is fetched for a file")


def unwanted(config: Config, spec: ModelSpec, machine: Machine) -> str | None:
    """Return why the model is not to see on this machine, in words if its owner could have it otherwise; None: it is,
    if there is room."""
    if spec.projector is None or config.vision == "off":
        return ""
    if config.model_file is not None and config.projector_file is None:
        return f"{BLIND} --projector-file names the projector of a model that is not fetched"
    return None if machine.devices or config.vision == "on" else SLOW_TO_SEE


class Projector:
    """The projector of a model that is to see. `model`: the model's header; `commit`: the one that its files are of.

    Every method raises NoSight.
    """

    def __init__(
        self, config: Config, spec: ModelSpec, model: Header, commit: str | None, report: download.Report
    ) -> None:
        self._config, self._model, self._report = config, model, report
        self._entry = projector.entry(spec, commit)
        self._hub = download.HuggingFace(endpoint=config.hub)

    def look(self, closely: bool = True, keep: bool = True) -> tuple[Eyes, int]:
        """Hold it against the model; return it, and how many bytes of it are to be fetched.

        `closely`: before it is here too. `keep`: what the hub says of a file of the owner's is kept for the next time.
        """
        if PAD not in str(self._model.metadata.get(TEMPLATE, "")):
            text = f"the template of {self._entry.id} writes no {PAD}, so it can be shown no picture"
            raise NoSight(text, "Take another file of the model, or --vision off.")
        with self._trouble():
            if found := self._here():
                self._check(found.path, header_of(found))
                if self._config.projector_file is not None:
                    self._compare(found, keep)
                return Eyes(str(found.path), found.path.stat().st_size), 0
            there = ahead(self._config, self._entry, self._report)
            if closely:
                self._check(there.path, header_ahead(self._config, self._entry, self._report, BEGINNING_BYTES))
            return Eyes(str(there.path), there.bytes), there.missing

    def fetch(self) -> Weights:
        """Return its checked file, fetched if it is not here."""
        with self._trouble():
            found = self._here()
            if found is None:
                found = download.ensure(
                    self._entry, self._config.models_dir, self._report, self._hub, self._config.models_cap_bytes
                )
            self._check(found.path, header_of(found))
            return found

    def _here(self) -> Weights | None:
        """Return its checked file; None: it is to be fetched, for the first time or because it is damaged."""
        if (file := self._config.projector_file) is not None:
            return download.local(file, self._config.models_dir, self._report)
        try:
            return download.present(self._entry, self._config.models_dir, self._report)
        except WeightsError as error:
            if error.code != "damaged_file":
                raise
            return None

    def _compare(self, own: Weights, keep: bool) -> None:
        """Hold a file of the owner's against the catalog or the hub."""
        wrong, confirmed = download.compared(self._entry, own, self._config.models_dir, self._hub, keep)
        if not confirmed:
            name = self._entry.files[0].name
            text = f"{own.path} cannot be confirmed: the hub could not be asked for the sha256 of {name}"
            raise NoSight(text, "Let the worker reach the hub once, or give a sha256 in the catalog.")
        self._refuse(own.path, wrong)

    def _check(self, path: Path, header: Header) -> None:
        """Hold the header against the model."""
        self._refuse(path, projector.wrong_projector(header, self._model))

    def _refuse(self, path: Path, wrong: tuple[str, ...]) -> None:
        if wrong:
            remedy = "Correct `projector` or `revision` in the catalog."
            if self._config.projector_file is not None:
                fetched = self._config.model_file is None  # nothing is fetched for a model of the owner's
                remedy = "Leave --projector-file out: the right one is fetched." if fetched else OWN_REMEDY
            raise NoSight(f"{path} is not the projector of {self._entry.id}: {'; '.join(wrong)}", remedy)

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        """Turn every error that leaves the model without its projector into NoSight."""
        try:
            yield
        except WeightsError as error:
            raise NoSight(f"the projector of {self._entry.id}: {error.message}", error.remedy) from error
        except GgufError as error:
            name = self._config.projector_file or self._entry.files[0].name
            raise NoSight(f"the projector {name} cannot be read: {error}", "Fetch the file again.") from error
