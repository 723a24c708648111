"""`python -m coordinator.prompt_count.fetch REPOSITORY REVISION FILE PLACE`: the beginning of a model's file, kept.

A vocabulary lies in the header, so the first megabytes are enough; they cannot be checked against the file's sha256.
A process of its own, so that a hub that hangs can be given up at any time. It obeys HF_ENDPOINT and HF_TOKEN. What goes
wrong is told in one line of stderr, and by the exit status.
"""

import contextlib
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import errors, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

BEGINNING_BYTES = 32 * 2**20  # a header with a vocabulary of 248,320 tokens takes 11 MB
READ_S = 20.0


def fetch(repository: str, revision: str, file: str, place: Path) -> None:
    """Write the first BEGINNING_BYTES of a repository's file to `place`, whole or not at all.

    Raises OSError, or what the hub's client raises.
    """
    found = get_hf_file_metadata(hf_hub_url(repository, file, revision=revision))
    elsewhere = urlsplit(found.location).netloc != urlsplit(hf_hub_url("a/b", "c")).netloc
    if elsewhere and urlsplit(found.location).scheme != "https":
        raise OSError("the hub sends us to a place without https")
    headers = {} if elsewhere else build_hf_headers()  # no token for others than the hub
    headers |= {"Range": f"bytes=0-{BEGINNING_BYTES - 1}", "Accept-Encoding": "identity"}
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        session = get_session()
        with session.stream("GET", found.location, headers=headers, timeout=READ_S, follow_redirects=False) as answer:
            answer.raise_for_status()  # of another redirect too: only the hub's own word says where its files lie
            with part.open("wb") as out:
                for piece in answer.iter_raw(2**20):
                    out.write(piece[: BEGINNING_BYTES - out.tell()])
                    if out.tell() >= BEGINNING_BYTES:
                        break
        part.replace(place)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def main() -> int:
    """Returns the exit status."""
    repository, revision, file, place = sys.argv[1:]
    try:
        fetch(repository, revision, file, Path(place))
    except (OSError, ValueError, errors.HfHubHTTPError, errors.HTTPError, errors.OfflineModeIsEnabled) as error:  # type: ignore[attr-defined]
        print(next(iter(str(error).splitlines()), "") or type(error).__name__, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
