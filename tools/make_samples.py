#!/usr/bin/env python3
"""Makes the photographs in assets/samples from those that scikit-image's wheel carries, and the starry night from the one in
Debian's package of OpenCV's examples.

Usage: pip install -r tools/requirements.txt  (of it: pillow)
       python tools/make_samples.py [--wheel scikit_image-0.26.0-….whl] [--deb opencv-doc_….deb]

Without the files it asks pip and apt-get for them. The generated painting beside them comes from make_painting.py. Origins and licences: assets/samples/README.md.
"""
import argparse
import hashlib
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from PIL import Image

from wheel import read_from_wheel

PACKAGE = "scikit-image==0.26.0"
SAMPLES = Path(__file__).parent.parent / "assets" / "samples"
AS_THEY_ARE = ["chelsea.png", "coffee.png", "rocket.jpg"]
TOO_LARGE = "astronaut.png"
DEB, PAINTING = "opencv-doc", "./usr/share/doc/opencv-doc/examples/data/starry_night.jpg"
PAINTING_SHA256 = "accda7a19a90f22a4a922fdc8c230167d7abf5f80882171e2cee125c5f12481d"
# The painting without the edge of the canvas and the black around it, which would be painted too.
PAINTED = (26, 20, 726, 580)


def read_from_deb(package, name, deb=None):
    """The file `name` in the Debian package `package`, or in the file `deb`."""
    with tempfile.TemporaryDirectory() as folder:
        if deb is None:
            subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True)
            deb = next(Path(folder).glob("*.deb"))
        files = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(files)) as archive:
            return archive.extractfile(name).read()


def smaller_jpeg(data, longest, quality, box=None):
    """What lies in the box, as a JPEG that says nothing but its pixels, its longest side that long at the most."""
    picture = Image.open(io.BytesIO(data)).convert("RGB").crop(box)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=quality)
    return jpeg.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", help="a wheel of scikit-image, instead of asking the package index")
    parser.add_argument("--deb", help="a package of opencv-doc, instead of asking apt-get")
    arguments = parser.parse_args()

    wanted = [f"skimage/data/{name}" for name in [*AS_THEY_ARE, TOO_LARGE]]
    files = read_from_wheel(PACKAGE, wanted, arguments.wheel)
    pictures = {name: files[f"skimage/data/{name}"] for name in AS_THEY_ARE}

    # As PNG the astronaut is 800 KB, too much for a file that every clone carries.
    pictures["astronaut.jpg"] = smaller_jpeg(files[f"skimage/data/{TOO_LARGE}"], 512, 92)
    painting = read_from_deb(DEB, PAINTING, arguments.deb)
    if (digest := hashlib.sha256(painting).hexdigest()) != PAINTING_SHA256:
        raise SystemExit(f"{PAINTING} has the SHA-256 {digest}, not {PAINTING_SHA256}: it is another picture")
    pictures["starry-night.jpg"] = smaller_jpeg(painting, 640, 85, PAINTED)

    SAMPLES.mkdir(parents=True, exist_ok=True)
    for name, data in pictures.items():
        picture = Image.open(io.BytesIO(data))
        if picture.mode != "RGB" or "transparency" in picture.info:
            raise SystemExit(f"{name} is {picture.mode}, not opaque RGB")
        (SAMPLES / name).write_bytes(data)
        print(f"{name}: {picture.width}x{picture.height}, {len(data)} bytes")


if __name__ == "__main__":
    main()
