"""How long `labelloom list` takes with many bundles, each as `labelloom new` writes it.

    python benchmarks/list_bundles.py [--bundles 30] [--times 10]

The bundles are put into a folder as pip would leave them, beside those that are installed here, and each listing is a
process of its own. Printed are the shortest and the median time, beside those of Python doing nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from labelloom.cli.new import write_bundle
from labelloom.components import KINDS


def install_bundles(folder: Path, count: int) -> None:
    """Write `count` new bundles of all kinds in turn into `folder`, with what pip would write beside them."""
    projects = folder / "projects"
    projects.mkdir()
    for number, kind in enumerate(islice(cycle(KINDS), count)):
        name = f"bench-{number}"
        write_bundle(name, kind, projects / name)
        package = f"labelloom_bench_{number}"
        (projects / name / package).rename(folder / package)
        info = folder / f"{package}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: labelloom-{name}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[labelloom.bundles]\n{name} = {package}.hooks\n")


def seconds(command: list[str], path: Path, times: int) -> list[float]:
    """How long each of `times` processes takes; one more before them warms the caches of files."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    took = []
    for _ in range(times + 1):
        began = time.perf_counter()
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        took.append(time.perf_counter() - began)
    return took[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundles", type=int, default=30)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    script = "from labelloom.cli import main; main()"
    commands = {
        "python": [sys.executable, "-c", ""],
        "labelloom --help": [sys.executable, "-c", script, "--help"],
        "labelloom list": [sys.executable, "-c", script, "list"],
        "labelloom list bundles": [sys.executable, "-c", script, "list", "bundles"],
    }
    with tempfile.TemporaryDirectory() as temporary:
        install_bundles(Path(temporary), options.bundles)
        print(f"{options.bundles} bundles beside those that are installed; {options.times} processes each")
        for name, command in commands.items():
            took = seconds(command, Path(temporary), options.times)
            print(f"{name:24}  shortest {min(took):.3f} s  median {statistics.median(took):.3f} s")


if __name__ == "__main__":
    main()
