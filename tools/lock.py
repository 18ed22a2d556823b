"""Write requirements.lock: the versions installed here of all that the project and its extras need.

    python tools/lock.py            write
    python tools/lock.py --check    exit 1 when a requirement has no locked version

Only names and versions are written, no address of an index, so that any mirror serves.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEAD = "# Written by tools/lock.py from the requirements of pyproject.toml.\n"


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        locked = set(re.findall(r"^([a-z0-9-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
        missing = [str(r) for r in required() if canonicalize_name(r.name) not in locked]
        for requirement in missing:
            print(f"{requirement} is not in requirements.lock: run python tools/lock.py")
        return 1 if missing else 0
    versions = closure(required())
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
    LOCK.write_text(HEAD + "".join(lines), encoding="utf-8")
    return 0


def required() -> list[Requirement]:
    """What pyproject.toml asks for, all extras and the build tool included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    texts = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for extra in project["project"]["optional-dependencies"].values():
        texts += extra
    return [Requirement(text) for text in texts]


def closure(requirements: list[Requirement]) -> dict[str, str]:
    """The installed version of every requirement and of what those require in turn."""
    versions: dict[str, str] = {}
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in versions or not _applies(requirement):
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"{requirement} is not installed here: install it first") from None
        if found.version not in requirement.specifier:
            raise SystemExit(
                f"{name} {found.version} is installed, pyproject.toml asks {requirement}"
            )
        versions[name] = found.version
        waiting += [Requirement(text) for text in found.requires or []]
    return versions


def _applies(requirement: Requirement) -> bool:
    """Whether a requirement holds on this platform and without extras of its own."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
