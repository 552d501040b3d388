#!/usr/bin/env python3
"""Makes the files in sheet/, and sheet.txt with what they look like by Pillow's colour management.
Usage: pip install numpy pillow tifffile imagecodecs; python sheet.py"""
import io
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

import profiles
from profiles import PROFILES

HERE = Path(__file__).parent
CELL = 8
COLOURS = np.array([
    [255, 255, 255], [0, 0, 0], [128, 128, 128], [30, 30, 30], [200, 200, 200], [255, 0, 0],
    [0, 255, 0], [0, 0, 255], [0, 255, 255], [255, 0, 255], [255, 255, 0], [200, 30, 40],
    [20, 160, 60], [40, 60, 210], [240, 220, 80], [224, 172, 140], [90, 60, 40], [120, 160, 220],
    [10, 30, 10], [250, 240, 230], [60, 10, 80], [5, 5, 60], [180, 255, 120], [100, 101, 99]], np.uint8).reshape(4, 6, 3)
ALPHA = np.array([255, 255, 0, 128, 64, 200] * 4, np.uint8).reshape(4, 6)
SHEET = {}


def cells(small):
    return np.ascontiguousarray(small.repeat(CELL, 0).repeat(CELL, 1))


RGB = cells(COLOURS)
GREYS = np.round(COLOURS @ [0.3, 0.5, 0.2]).astype(np.uint8)
GREY = cells(GREYS)
INKS = np.stack([255 - COLOURS[..., 0], 255 - COLOURS[..., 1], 255 - COLOURS[..., 2], COLOURS[..., 0] // 3], -1).astype(np.uint8)
INKS[0, 1] = (0, 0, 0, 255)
CMYK = cells(INKS)


def managed(small, mode, icc):
    """What Pillow makes of colours, relative colorimetric."""
    image = Image.frombytes(mode, small.shape[1::-1], small.tobytes())
    to = ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, io.BytesIO(icc), to, renderingIntent=1, outputMode="RGB"))


def plain_inks(small):
    ink = small / 255
    return np.round(255 * (1 - ink[..., :3]) * (1 - ink[..., 3:])).astype(np.uint8)


def add(name, data, seen, alpha=None):
    assert name not in SHEET
    if seen.ndim == 2:
        seen = np.repeat(seen[..., None], 3, -1)
    SHEET[name] = (data, seen, alpha)


def saved(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def tiff(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, metadata=None, software=False, **options)
    return file.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(pixels, *chunks):
    """With chunks before the picture that Pillow does not write."""
    depth = 8 * pixels.dtype.itemsize
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    rows = pixels.astype(f">u{pixels.dtype.itemsize}").reshape(pixels.shape[0], -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">2I5B", pixels.shape[1], pixels.shape[0], depth, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(raw, 9))
            + chunk(b"IEND", b""))


def iccp(icc):
    return chunk(b"iCCP", b"x\0\0" + zlib.compress(icc, 9))


def jpeg(image, **options):
    return saved(image, "JPEG", quality=100, subsampling=0, **options)


def in_every_format():
    image = Image.fromarray(RGB)
    for name in ("srgb", "srgb_table", "p3", "adobe", "prophoto", "lut16", "lut8", "lut_v4"):
        icc = PROFILES[name]
        seen = COLOURS if name.startswith("srgb") else managed(COLOURS, "RGB", icc)
        add(f"{name}.png", png(RGB, iccp(icc)), seen)
        add(f"{name}.jpg", jpeg(image, keep_rgb=True, icc_profile=icc), seen)
        add(f"{name}.tif", tiff(RGB, photometric="rgb", compression="zlib", predictor=True, iccprofile=icc), seen)
        if name in ("p3", "lut16"):
            add(f"{name}.webp", saved(image, "WEBP", lossless=True, icc_profile=icc), seen)
            add(f"{name}_16.png", png(RGB * np.uint16(257), iccp(icc)), seen)
            add(f"{name}_16.tif", tiff(RGB * np.uint16(257), photometric="rgb", compression="zlib", predictor=True, iccprofile=icc), seen)
            rgba = np.concatenate([RGB, cells(ALPHA)[..., None]], -1)
            add(f"{name}_alpha.png", png(rgba, iccp(icc)), seen, ALPHA)
    for name in ("grey", "dot_gain", "lightness"):
        icc = PROFILES[name]
        seen = managed(GREYS, "L", icc)
        add(f"{name}.png", png(GREY, iccp(icc)), seen)
        add(f"{name}_16.png", png(GREY * np.uint16(257), iccp(icc)), seen)
        add(f"{name}.jpg", jpeg(Image.fromarray(GREY), icc_profile=icc), seen)
        add(f"{name}.tif", tiff(GREY, photometric="minisblack", compression="zlib", iccprofile=icc), seen)
    for name in ("cmyk16", "cmyk8"):
        icc = PROFILES[name]
        seen = managed(INKS, "CMYK", icc)
        add(f"{name}.jpg", jpeg(Image.frombytes("CMYK", CMYK.shape[1::-1], CMYK.tobytes()), icc_profile=icc), seen)
        add(f"{name}.tif", tiff(CMYK, photometric="separated", compression="zlib", iccprofile=icc), seen)
        add(f"{name}_16.tif", tiff(CMYK * np.uint16(257), photometric="separated", compression="zlib", iccprofile=icc), seen)
    # A profile in parts: Pillow splits it after 65519 bytes, here every 300.
    icc, marks = PROFILES["lut8"], b""
    parts = [icc[at:at + 300] for at in range(0, len(icc), 300)]
    for place, part in reversed(list(enumerate(parts, 1))):
        segment = b"ICC_PROFILE\0" + bytes([place, len(parts)]) + part
        marks += b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment
    bare = jpeg(image, keep_rgb=True)
    add("parts.jpg", bare[:2] + marks + bare[2:], managed(COLOURS, "RGB", icc))


def by_chunks_of_png():
    chrm = lambda *places: chunk(b"cHRM", struct.pack(">8I", *[round(100000 * number) for number in places]))
    gama = lambda number: chunk(b"gAMA", struct.pack(">I", number))
    p3, adobe = PROFILES["p3"], PROFILES["adobe"]
    linear = profiles.matrix("linear", profiles.SRGB, profiles.gamma(1))
    adobe_chrm = chrm(*profiles.D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
    exact = profiles.matrix("x", profiles.ADOBE, profiles.parametric(1 / 0.45455))
    rec2020 = profiles.colorants(profiles.D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
    in_p3 = managed(COLOURS, "RGB", p3)
    add("cicp_p3.png", png(RGB, chunk(b"cICP", bytes([12, 13, 0, 1]))), in_p3)
    add("cicp_over_iccp.png", png(RGB, chunk(b"cICP", bytes([12, 13, 0, 1])), iccp(adobe)), in_p3)
    add("cicp_srgb_over_iccp.png", png(RGB, chunk(b"cICP", bytes([1, 13, 0, 1])), iccp(adobe)), COLOURS)
    add("cicp_2020.png", png(RGB, chunk(b"cICP", bytes([9, 13, 0, 1]))), managed(COLOURS, "RGB", profiles.matrix("x", rec2020, profiles.SRGB_CURVE)))
    add("cicp_pq_then_iccp.png", png(RGB, chunk(b"cICP", bytes([9, 16, 0, 1])), iccp(p3)), in_p3)
    add("iccp_over_srgb.png", png(RGB, chunk(b"sRGB", b"\0"), iccp(p3)), in_p3)
    add("srgb_over_gama.png", png(RGB, chunk(b"sRGB", b"\0"), gama(100000)), COLOURS)
    add("gama_usual.png", png(RGB, gama(45050)), COLOURS)
    add("gama_usual_chrm.png", png(RGB, gama(45455), chrm(*profiles.D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)), COLOURS)
    add("gama_linear.png", png(RGB, gama(100000)), managed(COLOURS, "RGB", linear))
    add("gama_linear_grey.png", png(GREY, gama(100000)), managed(GREYS, "L", profiles.grey("x", profiles.gamma(1))))
    add("gama_chrm.png", png(RGB, gama(45455), adobe_chrm), managed(COLOURS, "RGB", exact))


def of_tiff():
    for name, options in {
        "strips_lzw": {"compression": "lzw", "rowsperstrip": 5},
        "strips_lzw_predictor": {"compression": "lzw", "predictor": True, "rowsperstrip": 7},
        "packbits": {"compression": "packbits"},
        "tiles": {"tile": (16, 16), "compression": "zlib"},
        "planes": {"planarconfig": "separate", "compression": "zlib"},
        "tiles_beyond": {"tile": (32, 32), "compression": "lzw"},
        "uncompressed": {},
    }.items():
        pixels = np.moveaxis(RGB, -1, 0) if "planar" in str(options) else RGB
        add(f"tiff_{name}.tif", tiff(pixels, photometric="rgb", **options), COLOURS)
    add("tiff_big_end.tif", tiff(RGB * np.uint16(257), photometric="rgb", byteorder=">", compression="zlib", predictor=True), COLOURS)
    add("tiff_float.tif", tiff((RGB / 255).astype(np.float32), photometric="rgb", compression="zlib"), COLOURS)
    add("tiff_float_predictor.tif", tiff((RGB / 255).astype(np.float32), photometric="rgb", compression="zlib", predictor=True), COLOURS)
    add("tiff_half.tif", tiff((RGB / 255).astype(np.float16), photometric="rgb", compression="zlib"), COLOURS)
    add("tiff_u32.tif", tiff(RGB.astype(np.uint32) * 16843009, photometric="rgb", compression="zlib"), COLOURS)
    beyond = (RGB / 255 * 1.5 - 0.25).astype(np.float32)
    add("tiff_beyond.tif", tiff(beyond, photometric="rgb", compression="zlib"), np.round(np.clip(COLOURS / 255 * 1.5 - 0.25, 0, 1) * 255))
    add("tiff_grey.tif", tiff(GREY, photometric="minisblack", compression="zlib"), GREYS)
    add("tiff_white_is_zero.tif", tiff(255 - GREY, photometric="miniswhite", compression="zlib"), GREYS)
    add("tiff_white_is_zero_16.tif", tiff((255 - GREY) * np.uint16(257), photometric="miniswhite", compression="zlib"), GREYS)
    add("tiff_cmyk.tif", tiff(CMYK, photometric="separated", compression="zlib"), plain_inks(INKS))
    bits = (GREYS > 100).astype(np.uint8) * 255
    bilevel = Image.fromarray(cells(bits)).convert("1")
    add("tiff_bits.tif", saved(bilevel, "TIFF", compression="packbits"), bits)
    flipped = bytearray(saved(bilevel, "TIFF"))
    at = flipped.index(struct.pack("<HHI", 262, 3, 1)) + 8
    flipped[at] = 1 - flipped[at]
    add("tiff_bits_white.tif", bytes(flipped), 255 - bits)
    palette = Image.fromarray(RGB).convert("P", palette=Image.Palette.ADAPTIVE, colors=24)
    seen = np.asarray(palette.convert("RGB"))[CELL // 2::CELL, CELL // 2::CELL]
    add("tiff_palette.tif", saved(palette, "TIFF", compression="tiff_lzw"), seen)
    alpha = cells(ALPHA)
    rgba = np.concatenate([RGB, alpha[..., None]], -1)
    add("tiff_alpha.tif", tiff(rgba, photometric="rgb", extrasamples=["unassalpha"], compression="zlib"), COLOURS, ALPHA)
    held = np.round(rgba[..., :3] * (alpha[..., None] * (257 / 255))).astype(np.uint16)
    held = np.concatenate([held, alpha[..., None] * np.uint16(257)], -1)
    add("tiff_premultiplied.tif", tiff(held, photometric="rgb", extrasamples=["assocalpha"], compression="zlib"), COLOURS, ALPHA)
    add("tiff_unspecified.tif", tiff(rgba, photometric="rgb", extrasamples=["unspecified"], compression="zlib"), COLOURS)
    grey_alpha = np.stack([GREY, alpha], -1)
    add("tiff_grey_alpha.tif", tiff(grey_alpha, photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"], compression="zlib"), GREYS, ALPHA)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for pixels in (RGB, 255 - RGB):
            writer.write(pixels, photometric="rgb", compression="zlib", metadata=None, software=False)
    add("tiff_pages.tif", file.getvalue(), COLOURS)


def bmp_header(bits, compression, rows, masks=b"", height=RGB.shape[0]):
    at = 14 + 40 + len(masks)
    return (b"BM" + struct.pack("<IHHI", at + len(rows), 0, 0, at)
            + struct.pack("<IiiHHIIiiII", 40, RGB.shape[1], height, 1, bits, compression, len(rows), 2835, 2835, 0, 0) + masks)


def of_gif_and_bmp():
    image = Image.fromarray(RGB)
    palette = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=24)
    seen = np.asarray(palette.convert("RGB"))[CELL // 2::CELL, CELL // 2::CELL]
    add("plain.gif", saved(palette, "GIF"), seen)
    add("interlaced.gif", saved(palette, "GIF", interlace=True), seen)
    other = Image.fromarray(255 - RGB).convert("P", palette=Image.Palette.ADAPTIVE, colors=24)
    add("animated.gif", saved(palette, "GIF", save_all=True, append_images=[other], duration=50), seen)
    clear = np.where(np.asarray(palette)[CELL // 2::CELL, CELL // 2::CELL] == 3, 0, 255).astype(np.uint8)
    add("clear.gif", saved(palette, "GIF", transparency=3), seen, clear)
    add("plain.bmp", saved(image, "BMP"), COLOURS)
    add("palette.bmp", saved(palette, "BMP"), seen)
    add("grey.bmp", saved(Image.fromarray(GREY), "BMP"), GREYS)
    rows = RGB[..., ::-1]
    add("top_down.bmp", bmp_header(24, 0, rows.tobytes(), height=-RGB.shape[0]) + rows.tobytes(), COLOURS)
    five, six = (lambda v: (v.astype(int) * 31 + 127) // 255), (lambda v: (v.astype(int) * 63 + 127) // 255)
    words = (five(RGB[..., 0]) << 11 | six(RGB[..., 1]) << 5 | five(RGB[..., 2])).astype("<u2")[::-1].tobytes()
    seen565 = np.stack([np.round(five(COLOURS[..., 0]) * 255 / 31), np.round(six(COLOURS[..., 1]) * 255 / 63), np.round(five(COLOURS[..., 2]) * 255 / 31)], -1)
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    add("words.bmp", bmp_header(16, 3, words, masks) + words, seen565)


def of_png():
    rgba = np.concatenate([RGB, cells(ALPHA)[..., None]], -1)
    add("alpha.png", png(rgba), COLOURS, ALPHA)
    add("alpha_16.png", png(rgba * np.uint16(257)), COLOURS, ALPHA)
    add("grey_alpha.png", png(np.stack([GREY, cells(ALPHA)], -1)), GREYS, ALPHA)
    add("opaque_alpha.png", png(np.concatenate([RGB, np.full_like(RGB[..., :1], 255)], -1)), COLOURS)
    add("interlaced.png", saved(Image.fromarray(RGB), "PNG", interlace=1), COLOURS)
    add("alpha.webp", saved(Image.fromarray(rgba), "WEBP", lossless=True, exact=True), COLOURS, ALPHA)
    add("ycc.jpg", jpeg(Image.fromarray(RGB)), COLOURS)


if __name__ == "__main__":
    in_every_format()
    by_chunks_of_png()
    of_tiff()
    of_gif_and_bmp()
    of_png()
    shutil.rmtree(HERE / "sheet", ignore_errors=True)
    (HERE / "sheet").mkdir()
    lines = []
    for name, (data, seen, alpha) in sorted(SHEET.items()):
        (HERE / "sheet" / name).write_bytes(data)
        alpha = np.full(seen.shape[:2], 255) if alpha is None else alpha
        cells_of = np.concatenate([seen, alpha[..., None]], -1).astype(int).reshape(-1, 4)
        lines.append(name + " " + " ".join(f"{r:02x}{g:02x}{b:02x}{a:02x}" for r, g, b, a in cells_of))
    (HERE / "sheet.txt").write_text("\n".join(lines) + "\n")
    print(len(SHEET), "files,", sum(len(data) for data, *_ in SHEET.values()), "bytes")
