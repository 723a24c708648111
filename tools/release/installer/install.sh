#!/bin/sh
# Installs a worker of Supernet on this machine, or upgrades it: sh install.sh https://net.example
# It needs Python 3.11 or newer, and neither a compiler nor pip. As root it makes a service of systemd, otherwise it
# installs for one user; `sh install.sh --help` has the rest, --dry-run only says what would be done.
set -eu

for python in python3 python3.14 python3.13 python3.12 python3.11 ''; do
  if [ -z "$python" ]; then
    echo "install: Python 3.11 or newer is needed. On Debian: apt install python3" >&2
    exit 1
  fi
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$folder/tools/release/installer"
touch "$folder/tools/__init__.py" "$folder/tools/release/__init__.py"
# @FILES@

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$folder "$python" -P -m tools.release.installer "$@"
