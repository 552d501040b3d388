#!/usr/bin/env python3
"""Makes the files in this folder but for sheet/, which sheet.py makes.
Usage: pip install numpy pillow; apt install libjpeg-turbo-progs; python make.py"""
import io
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
# Upper left, upper right, lower left, lower right.
COLOURS = [(200, 30, 40), (20, 160, 60), (40, 60, 210), (240, 220, 80)]


def quarters(colours, side=32):
    half = side // 2
    pixels = np.zeros((side, side, len(colours[0])), np.uint8)
    for place, colour in enumerate(colours):
        y, x = divmod(place, 2)
        pixels[y * half:(y + 1) * half, x * half:(x + 1) * half] = colour
    return pixels


def jpeg(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def cmyk(red, green, blue):
    """With as much black as there can be: (255-c)(255-k)/255 is the colour again."""
    white = max(red, green, blue)
    return tuple(round(255 - 255 * value / white) for value in (red, green, blue)) + (255 - white,)


def ycck(red, green, blue):
    """What Adobe stores: CMYK inverted, then its CMY, inverted once more, as YCbCr. Pillow inverts all that it writes."""
    white = max(red, green, blue)
    colour = np.array([255 - 255 * value / white for value in (red, green, blue)])
    y = colour @ [0.299, 0.587, 0.114]
    cb, cr = 128 + (colour[2] - y) / 1.772, 128 + (colour[0] - y) / 1.402
    return tuple(255 - round(float(value)) for value in (y, cb, cr, white))


def make_pictures():
    rgb = Image.fromarray(quarters(COLOURS))
    files = {
        "baseline.jpg": jpeg(rgb, subsampling="4:2:0"),
        "progressive.jpg": jpeg(rgb, subsampling="4:2:0", progressive=True),
        "rgb.jpg": jpeg(rgb, keep_rgb=True),
        "grey.jpg": jpeg(rgb.convert("L")),
        "cmyk.jpg": jpeg(Image.frombytes("CMYK", (32, 32), quarters([cmyk(*c) for c in COLOURS]).tobytes())),
    }
    # No writer of YCCK is at hand; the four channels of a CMYK file are stored as they are, so that the Adobe segment's
    # word on the colour transform is the only difference.
    file = jpeg(Image.frombytes("CMYK", (32, 32), quarters([ycck(*c) for c in COLOURS]).tobytes()))
    at = file.index(b"Adobe") + 11
    assert file[at] == 0
    files["ycck.jpg"] = file[:at] + b"\2" + file[at + 1:]

    # Held with the top at the right: the picture as stored lies on its left side.
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = rgb.crop((0, 0, 32, 24)).transpose(Image.Transpose.ROTATE_90)
    files["lying.jpg"] = jpeg(lying, exif=exif)
    for name, options in {"lying.png": {}, "lying.webp": {"lossless": True}}.items():
        file = io.BytesIO()
        lying.save(file, exif=exif, format=name.split(".")[1].upper(), **options)
        files[name] = file.getvalue()

    # One colour opaque, one half transparent, one transparent.
    palette = Image.frombytes("P", (3, 1), bytes([0, 1, 2]))
    palette.putpalette([200, 30, 40, 200, 30, 40, 40, 60, 210])
    clear = quarters([(*colour, alpha) for colour, alpha in zip(COLOURS, (255, 128, 0, 255))])
    first, second = rgb, Image.fromarray(quarters(COLOURS[::-1]))
    for name, image, options in [
        ("palette.png", palette, {"transparency": bytes([255, 128, 0])}),
        ("bits.png", Image.frombytes("1", (3, 1), bytes([0b10100000])), {}),
        ("lossy.webp", rgb, {"quality": 95}),
        ("lossy_alpha.webp", Image.fromarray(clear), {"quality": 95}),
        ("animated.webp", first, {"save_all": True, "append_images": [second], "lossless": True}),
    ]:
        file = io.BytesIO()
        image.save(file, name.split(".")[1].upper(), **options)
        files[name] = file.getvalue()

    # Large enough that memory goes with their pixels, and plain enough to be small files.
    large, turned = Image.fromarray(quarters(COLOURS, 1024)), Image.Exif()
    turned[0x0112] = 6
    large_clear = large.convert("RGBA")
    large_clear.putalpha(Image.fromarray(quarters([(0,), (80,), (160,), (255,)], 1024)[..., 0]))
    for name, image, options in [
        ("large_baseline.jpg", large, {"subsampling": "4:2:0", "exif": turned}),
        ("large_progressive.jpg", large, {"subsampling": "4:2:0", "progressive": True}),
        ("large_progressive_444.jpg", large, {"subsampling": "4:4:4", "progressive": True}),
        ("large_cmyk.jpg", large.convert("CMYK"), {"progressive": True}),
        ("large_lossy.webp", large, {"quality": 50}),
        ("large_lossy_alpha.webp", large_clear, {"quality": 50}),
        ("large_animated.webp", large_clear, {"quality": 50, "save_all": True, "append_images": [large_clear.rotate(90)]}),
    ]:
        file = io.BytesIO()
        image.save(file, {"jpg": "JPEG", "webp": "WEBP"}[name.split(".")[1]], **options)
        files[name] = file.getvalue()

    for name, data in files.items():
        (HERE / name).write_bytes(data)
        image = Image.open(io.BytesIO(data))
        print(name, len(data), image.mode, image.size, image.convert("RGB").getpixel((image.width // 4, image.height // 4)))


def make_scans():
    """JPEGs of one scan a component, and one whose light has fewer pixels than its colours."""
    with tempfile.NamedTemporaryFile(suffix=".txt") as scans, tempfile.NamedTemporaryFile(suffix=".ppm") as picture:
        Path(scans.name).write_text("0;\n1;\n2;\n")
        Image.fromarray(quarters(COLOURS)).save(picture.name)
        for name, sampling, options in [
            ("scans_420.jpg", "2x2,1x1,1x1", ["-scans", scans.name]),
            ("scans_422.jpg", "2x1,1x1,1x1", ["-scans", scans.name]),
            ("scans_440.jpg", "1x2,1x1,1x1", ["-scans", scans.name]),
            ("scans_444.jpg", "1x1,1x1,1x1", ["-scans", scans.name]),
            ("small_luma.jpg", "1x1,2x2,2x2", []),
        ]:
            command = ["cjpeg", "-quality", "95", "-sample", sampling, *options, picture.name]
            data = subprocess.run(command, check=True, capture_output=True).stdout
            (HERE / name).write_bytes(data)
            print(name, len(data))


# tests/resize.rs has the same list.
RESIZED = [(5, 4), (29, 20), (13, 4), (40, 3), (1, 1), (12, 9)]


def make_resized():
    """Float32, little end first: the picture of 13x9 that both sides can compute, resized to each size in turn."""
    numbers = (np.arange(13 * 9 * 3, dtype=np.uint64) * 2654435761 % 2**32 >> 8).astype(np.float32) / np.float32(2**24)
    picture = numbers.reshape(9, 13, 3)
    for filter in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
        data = b""
        for size in RESIZED:
            planes = [Image.fromarray(picture[..., k]).resize(size, filter) for k in range(3)]
            data += np.stack([np.asarray(plane) for plane in planes], axis=-1).clip(0, 1).astype("<f4").tobytes()
        name = f"resized_{filter.name.lower()}.f32"
        (HERE / name).write_bytes(data)
        print(name, len(data))


if __name__ == "__main__":
    make_pictures()
    make_scans()
    make_resized()
