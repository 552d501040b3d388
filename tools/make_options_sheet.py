#!/usr/bin/env python3
"""Makes docs/options.jpg: what masks, colours, strokes, layers and poolings do to the pictures of assets/samples.

    cargo build --release
    pip install -r tools/requirements.txt  (of it: numpy, pillow)
    python tools/make_options_sheet.py target/release/impasto [--size 256]
"""
import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from make_sheet import stylise

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "assets" / "samples"
CELL, GAP, LINE = 300, 8, 18
PORTRAIT, LANDSCAPE, CAT = "astronaut.jpg", "rocket.jpg", "chelsea.png"
PAINTING, NIGHT = "painting.jpg", "starry-night.jpg"


def portrait_mask(folder):
    """White but for the face, softly; in the proportions of the portrait."""
    y, x = np.mgrid[0:256, 0:256] / 256
    apart = np.hypot((x - 0.435) / 0.105, (y - 0.235) / 0.165)
    return save(folder / "face.png", np.clip((apart - 0.9) / 0.4, 0, 1))


def sky_masks(folder):
    """The upper part and the lower part, softly."""
    y = np.mgrid[0:200, 0:300][0] / 200
    sky = np.clip((0.72 - y) / 0.3, 0, 1)
    return save(folder / "sky.png", sky), save(folder / "ground.png", 1 - sky)


def save(path, mask):
    Image.fromarray((mask * 255).round().astype(np.uint8)).save(path)
    return path


def rows(folder):
    """(what is painted, [(its caption, the flags)])"""
    sky, ground = sky_masks(folder)
    night, painting = ["--style", SAMPLES / NIGHT], ["--style", SAMPLES / PAINTING]
    return [
        (PORTRAIT, [
            ("all of it", painting),
            ("--mask: the face stays as it is", [*painting, "--mask", portrait_mask(folder)]),
            ("--colours content", [*painting, "--colours", "content"]),
            ("--colours matched", [*painting, "--colours", "matched"]),
        ]),
        (LANDSCAPE, [
            ("one style", night),
            ("the other", painting),
            ("both, by two soft masks", [*night, *painting, "--mask", sky, "--mask", ground]),
            ("both everywhere", [*night, *painting]),
        ]),
        (CAT, [
            ("--style-scale 0.5", [*night, "--style-scale", "0.5"]),
            ("--style-scale 1", night),
            ("--style-scale 2", [*night, "--style-scale", "2"]),
            ("--init noise", [*night, "--init", "noise"]),
        ]),
        (CAT, [
            ("--style-layers conv1_1", [*night, "--style-layers", "conv1_1"]),
            ("--style-layers conv1_1,conv2_1", [*night, "--style-layers", "conv1_1,conv2_1"]),
            ("--pooling max", [*night, "--pooling", "max"]),
            ("--pooling average", [*night, "--pooling", "average"]),
        ]),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("impasto", help="the program, built with --release")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "options.jpg")
    parser.add_argument("--size", default="256")
    arguments = parser.parse_args()

    font = ImageFont.load_default(13)
    strips = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for content, cells in rows(folder):
            pictures = [("the photograph", Image.open(SAMPLES / content).convert("RGB"))]
            for caption, flags in cells:
                flags = ["--size", arguments.size, *flags]
                pictures.append((caption, stylise(arguments.impasto, SAMPLES / content, flags)))
                print(f"{content}: {caption}", flush=True)
            for _, picture in pictures:
                picture.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
            height = max(picture.height for _, picture in pictures)
            strip = Image.new("RGB", ((CELL + GAP) * len(pictures) + GAP, height + LINE + GAP), "white")
            draw = ImageDraw.Draw(strip)
            for column, (caption, picture) in enumerate(pictures):
                left = GAP + column * (CELL + GAP)
                draw.text((left, 1), caption, "black", font)
                strip.paste(picture, (left + (CELL - picture.width) // 2, LINE))
            strips.append(strip)
    sheet = Image.new("RGB", (strips[0].width, sum(strip.height for strip in strips)), "white")
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    sheet.save(arguments.output, quality=82)
    print(f"{arguments.output}: {sheet.width}x{sheet.height}, {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
