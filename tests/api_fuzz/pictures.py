"""Small pictures, made of nothing but the standard library."""

import struct
import zlib


def png(width, height, seed=1):
    """A PNG whose pixels differ."""
    rows = b"".join(b"\0" + bytes((seed * 31 + x * 7 + y * 13) % 256 for x in range(3 * width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def bmp(side):
    """A BMP of one colour."""
    row = b"\x40\x80\xc0" * side
    rows = (row + bytes(-len(row) % 4)) * side
    head = struct.pack("<IHHIIiiHHIIiiII", 54 + len(rows), 0, 0, 54, 40, side, side, 1, 24, 0, len(rows), 0, 0, 0, 0)
    return b"BM" + head + rows


ALL = [png(16, 16), png(32, 20, 2), png(17, 40, 3), png(64, 64, 4), bmp(24)]
