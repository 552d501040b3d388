#!/usr/bin/env python3
"""Makes docs/gallery.jpg: every photograph of assets/samples in the manner of both of its paintings.

    cargo build --release
    pip install -r tools/requirements.txt  (of it: pillow)
    python tools/make_sheet.py target/release/impasto [--size 512] [OPTION …]

What else is given goes to `impasto stylize`, such as --preset fast or --strength 0.8.
"""
import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PHOTOGRAPHS = ["chelsea.png", "coffee.png", "astronaut.jpg", "rocket.jpg"]
PAINTINGS = ["painting.jpg", "starry-night.jpg"]
CELL, GAP = (300, 225), 6


def stylise(impasto, content, options):
    """A picture as `impasto stylize` paints it."""
    with tempfile.NamedTemporaryFile(suffix=".png") as result:
        subprocess.run([impasto, "stylize", "--content", content, "-o", result.name, *options],
                       check=True, stdout=subprocess.DEVNULL)
        with Image.open(result.name) as picture:
            return picture.convert("RGB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("impasto", help="the program, built with --release")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "gallery.jpg")
    parser.add_argument("--size", default="512")
    arguments, options = parser.parse_known_args()

    samples = ROOT / "assets" / "samples"
    sheet = Image.new("RGB", [(side + GAP) * count + GAP for side, count in
                              zip(CELL, (len(PAINTINGS) + 1, len(PHOTOGRAPHS) + 1))], "white")

    def put(picture, column, row):
        picture = picture.convert("RGB")
        picture.thumbnail(CELL, Image.Resampling.LANCZOS)
        corner = [GAP + place * (side + GAP) + (side - own) // 2
                  for place, side, own in zip((column, row), CELL, picture.size)]
        sheet.paste(picture, corner)

    for column, painting in enumerate(PAINTINGS, start=1):
        put(Image.open(samples / painting), column, 0)
    for row, photograph in enumerate(PHOTOGRAPHS, start=1):
        put(Image.open(samples / photograph), 0, row)
        for column, painting in enumerate(PAINTINGS, start=1):
            flags = ["--style", samples / painting, "--size", arguments.size, *options]
            put(stylise(arguments.impasto, samples / photograph, flags), column, row)
            print(f"{photograph}, {painting}", flush=True)
    sheet.save(arguments.output, quality=85)
    print(f"{arguments.output}: {sheet.width}x{sheet.height}, {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
