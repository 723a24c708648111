"""`scripts/release`: build a release into a folder, and try it in empty environments."""

import argparse
import sys
from pathlib import Path

from tools.release.build import ReleaseError, about_to_be, build
from tools.release.engine import NotPortable
from tools.release.trial import tried

PYTHONS = ("3.11", "3.12", "3.13")


def engine(text: str) -> tuple[str, Path]:
    name, _, wheel = text.partition("=")
    return name, Path(wheel)


def main() -> int:
    parser = argparse.ArgumentParser("python -m tools.release", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", action="append", type=engine, default=[], metavar="NAME=WHEEL")
    parser.add_argument("--python", action="append", metavar="VERSION", help=f"instead of {', '.join(PYTHONS)}")
    parser.add_argument("--as", dest="as_version", metavar="VERSION", help="instead of pyproject.toml's, for a trial")
    parser.add_argument("--ask", action="store_true", help="only whether a release could be made: engines take long")
    args = parser.parse_args()
    try:
        if args.ask:
            print(f"release: {about_to_be(args.folder, args.as_version)} into {args.folder}", file=sys.stderr)
            return 0
        version = build(args.folder, dict(args.engine), args.python or list(PYTHONS), as_version=args.as_version)
        for found in tried(args.folder):
            print(f"ok: {found}", flush=True)
    except (ReleaseError, NotPortable) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    print(f"{version} is in {args.folder}: supernet-coordinator serve --downloads {args.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
