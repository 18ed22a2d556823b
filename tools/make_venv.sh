#!/bin/bash
# Makes a virtual environment with a Python of at least 3.11: tools/make_venv.sh FOLDER
set -eu -o pipefail

folder="$1"
if [ -x "$folder/bin/python" ] && "$folder/bin/python" -c 'import pip' 2>/dev/null; then
  exit 0
fi

for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3.14 python3; do
  [ -n "$candidate" ] || continue
  command -v "$candidate" >/dev/null || continue
  if "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "==> making $folder with $("$candidate" --version)"
    exec "$candidate" -m venv "$folder"
  fi
done

echo "No Python 3.11 or newer with venv was found." >&2
echo "Install one (Debian: apt-get install python3.11 python3.11-venv), or name it: make PYTHON=/path/to/python" >&2
exit 1
