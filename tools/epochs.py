#!/usr/bin/env python3
"""Times an epoch at 300x200 in f32, in turns: of one build beside another, and with masks beside without.

    pip install -r tools/requirements.txt  (of it: numpy, pillow)
    python tools/epochs.py target/release/impasto [ANOTHER-BUILD] [--rounds 6]

Prints the least and the median of the seconds. Masks are tried on the first build; they are slopes from black to white, so that
every pixel counts in both regions.
"""
import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).resolve().parent.parent / "assets" / "samples"
ONE, TWO = ["--style", SAMPLES / "painting.jpg"], ["--style", SAMPLES / "starry-night.jpg"]


def seconds(impasto, flags, folder):
    command = [impasto, "stylize", "--content", SAMPLES / "chelsea.png", "-o", folder / "out.png", "--stages", "300x200:24",
               "--report-every", "100", "--losses", "json", "--precision", "f32", *flags]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(said.splitlines()[-1])["seconds_per_epoch"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs="+", help="the program, built with --release, and perhaps an older one")
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        slope = np.tile(np.linspace(0, 255, 300), (200, 1)).astype(np.uint8)
        masks = []
        for name, mask in (("left", 255 - slope), ("right", slope)):
            Image.fromarray(mask).save(folder / f"{name}.png")
            masks.append(["--mask", folder / f"{name}.png"])
        cases = {f"{objective}, {build}": (build, [*ONE, "--objective", objective])
                 for objective in ("relative", "published") for build in arguments.builds}
        first = arguments.builds[0]
        cases |= {"one style, masked": (first, [*ONE, *masks[0]]), "two styles": (first, [*ONE, *TWO]),
                  "two styles, masked": (first, [*ONE, *TWO, *masks[0], *masks[1]])}
        times = {name: [] for name in cases}
        for _ in range(arguments.rounds):
            for name, (build, flags) in cases.items():
                times[name].append(seconds(build, flags, folder))
    for name, taken in times.items():
        print(f"{name:40} {min(taken):.4f} {statistics.median(taken):.4f}")


if __name__ == "__main__":
    main()
