#!/usr/bin/env python3
"""Makes the photographs in assets/samples from those that scikit-image's wheel carries.

Usage: pip install -r tools/requirements.txt  (of it: pillow)
       python tools/make_samples.py [--wheel scikit_image-0.26.0-….whl]

The painting beside them comes from make_painting.py. Origins and licences: assets/samples/README.md.
"""
import argparse
import io
from pathlib import Path

from PIL import Image

from wheel import read_from_wheel

PACKAGE = "scikit-image==0.26.0"
SAMPLES = Path(__file__).parent.parent / "assets" / "samples"
AS_THEY_ARE = ["chelsea.png", "coffee.png", "rocket.jpg"]
TOO_LARGE = "astronaut.png"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", help="a wheel of scikit-image, instead of asking the package index")
    arguments = parser.parse_args()

    wanted = [f"skimage/data/{name}" for name in [*AS_THEY_ARE, TOO_LARGE]]
    files = read_from_wheel(PACKAGE, wanted, arguments.wheel)
    pictures = {name: files[f"skimage/data/{name}"] for name in AS_THEY_ARE}

    # As PNG the astronaut is 800 KB, too much for a file that every clone carries.
    jpeg = io.BytesIO()
    Image.open(io.BytesIO(files[f"skimage/data/{TOO_LARGE}"])).convert("RGB").save(jpeg, "JPEG", quality=92)
    pictures["astronaut.jpg"] = jpeg.getvalue()

    SAMPLES.mkdir(parents=True, exist_ok=True)
    for name, data in pictures.items():
        picture = Image.open(io.BytesIO(data))
        if picture.mode != "RGB" or "transparency" in picture.info:
            raise SystemExit(f"{name} is {picture.mode}, not opaque RGB")
        (SAMPLES / name).write_bytes(data)
        print(f"{name}: {picture.width}x{picture.height}, {len(data)} bytes")


if __name__ == "__main__":
    main()
