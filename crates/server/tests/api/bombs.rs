//! Files of a few bytes that would take gigabytes: each is refused by its headers, and says where.

use reqwest::multipart::Form;

use crate::common::{Server, file, png, problem};

/// A PNG's signature and header, and nothing of a picture after it.
fn png_of(side: u32) -> Vec<u8> {
    let header = [b"IHDR".as_slice(), &side.to_be_bytes(), &side.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let chunk = |named: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(named);
        [&(named.len() as u32 - 4).to_be_bytes(), named, &crc.sum().to_be_bytes()].concat()
    };
    [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(&header), &chunk(b"IDAT"), &chunk(b"IEND")].concat()
}

/// A JPEG of the longest sides, in one scan.
fn jpeg() -> Vec<u8> {
    let frame = b"\xff\xc2\0\x0b\x08\xff\xff\xff\xff\x01\x01\x11\0";
    [b"\xff\xd8".as_slice(), frame, b"\xff\xda\0\x08\x01\x01\0\0\0\0\0\xff\xd9"].concat()
}

/// A WebP on a canvas of the longest sides.
fn webp() -> Vec<u8> {
    b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xffVP8L\x05\0\0\0\x2f\0\0\0\0\0".to_vec()
}

/// A lossy WebP of a pixel, whose first part would be half a megabyte.
fn webp_of_long_parts() -> Vec<u8> {
    b"RIFF\x1a\0\0\0WEBPVP8 \x0e\0\0\0\xf0\xff\xff\x9d\x01\x2a\x01\0\x01\0\0\0\0\0".to_vec()
}

/// A GIF of the longest sides, with a frame of a pixel.
fn gif() -> Vec<u8> {
    b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;".to_vec()
}

/// A BMP of the longest sides, whose rows are runs.
fn bmp() -> Vec<u8> {
    let head = [b"BM".as_slice(), &[0; 8], &54_u32.to_le_bytes(), &40_u32.to_le_bytes()].concat();
    let sides = [60_000_u32.to_le_bytes(), 60_000_u32.to_le_bytes()].concat();
    [head.as_slice(), &sides, b"\x01\0\x08\0\x01\0\0\0", &[0; 20]].concat()
}

/// A TIFF of 16 by 16 pixels, in a tile of such a side.
fn tiff(tile: u32) -> Vec<u8> {
    let fields: [(u16, u32); 9] =
        [(256, 16), (257, 16), (258, 8), (259, 1), (262, 1), (322, tile), (323, tile), (324, 8), (325, 1)];
    let mut bytes = [b"II*\0\x08\0\0\0".as_slice(), &(fields.len() as u16).to_le_bytes()].concat();
    for (tag, value) in fields {
        bytes.extend([tag.to_le_bytes(), 4_u16.to_le_bytes()].concat());
        bytes.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    [bytes, vec![0; 4]].concat()
}

#[tokio::test]
async fn bombs_are_refused_by_their_headers() {
    let server = Server::start().await;
    for (bomb, status, kind) in [
        (png_of(u32::MAX), 413, "too-many-pixels"),
        (png_of(60_000), 413, "too-many-pixels"),
        (jpeg(), 413, "too-many-pixels"),
        (webp(), 413, "too-many-pixels"),
        (gif(), 413, "too-many-pixels"),
        (bmp(), 413, "too-many-pixels"),
        (webp_of_long_parts(), 422, "not-a-picture"),
        (tiff(60_000), 422, "not-a-picture"),
        (tiff(u32::MAX), 422, "not-a-picture"),
    ] {
        for (name, other) in [("content", "style"), ("style", "content")] {
            let form = Form::new().part(name, file(bomb.clone())).part(other, file(png(8, 8)));
            let problem = problem(server.submit(form).await, status, kind).await;
            let place = if name == "style" { "style[0]" } else { name };
            assert_eq!(problem["field"], place, "{problem}");
        }
    }
    assert!(server.stored_files().is_empty());
}
