//! Which format a file is of, by its first bytes: its name and media type are not to be trusted.

use crate::{DecodeError, FileKind};

/// How far into a file SVG's first element is looked for, past what may stand before it.
const SVG_WITHIN: usize = 4096;

pub(crate) fn recognise(bytes: &[u8]) -> Result<FileKind, DecodeError> {
    if let Some(name) = unreadable(bytes) {
        return Err(DecodeError::UnsupportedFormat(name));
    }
    let kind = match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => FileKind::Png,
        [0xff, 0xd8, 0xff, ..] => FileKind::Jpeg,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => FileKind::WebP,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => FileKind::Gif,
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => FileKind::Bmp,
        // The reserved fields are not zero in every file; the length of its second header is one of a few.
        [b'B', b'M', ..] if matches!(bytes.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) => {
            FileKind::Bmp
        }
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => FileKind::Tiff,
        _ => return Err(DecodeError::NotAPicture),
    };
    Ok(kind)
}

/// The name of a picture format that people try, and that is not read here.
fn unreadable(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => Some("JPEG XL"),
        [0, 0, 0, 12, b'j', b'P', b' ' | 0x1a, b' ' | 0x1a, ..] | [0xff, 0x4f, 0xff, 0x51, ..] => Some("JPEG 2000"),
        [b'8', b'B', b'P', b'S', ..] => Some("PSD (Photoshop)"),
        [b'%', b'P', b'D', b'F', ..] => Some("PDF"),
        [b'I', b'I', b'R', b'O' | b'S', ..] | [b'M', b'M', b'O', b'R', ..] => Some("ORF (Olympus raw)"),
        [b'F', b'U', b'J', b'I', b'F', b'I', b'L', b'M', b'C', b'C', b'D', b'-', b'R', b'A', b'W', ..] => {
            Some("RAF (Fujifilm raw)")
        }
        [b'I', b'I', b'U', 0, ..] => Some("RW2 (Panasonic raw)"),
        [b'I', b'I', 42, 0, _, _, _, _, b'C', b'R', ..] => Some("CR2 (Canon raw)"),
        [0, 0, 1, 0, count, 0, ..] if *count != 0 => Some("ICO"),
        [b'v', b'/', b'1', 1, ..] => Some("OpenEXR"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => iso_media(bytes),
        _ => is_svg(bytes).then_some("SVG"),
    }
}

/// Of the formats in ISO's media container, by the first brand that is a picture's.
fn iso_media(bytes: &[u8]) -> Option<&'static str> {
    const BRANDS_FROM: usize = 8;
    const MOST: usize = 256;
    let length = bytes.first_chunk().map_or(0, |&length| u32::from_be_bytes(length) as usize);
    let brands = bytes.get(BRANDS_FROM..length.clamp(BRANDS_FROM, MOST).min(bytes.len()))?;
    let (brands, _) = brands.as_chunks::<4>();
    // After the first stands a version. HEIC's general brands are AVIF's too, so that the particular one decides.
    let of = |name| {
        move |brand: &[u8; 4]| match brand {
            b"avif" | b"avis" => name == "AVIF",
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => name == "HEIC",
            b"mif1" | b"msf1" | b"mif2" => name == "HEIF",
            b"crx " => name == "CR3 (Canon raw)",
            b"jp2 " | b"jpx " | b"jpm " => name == "JPEG 2000",
            b"jxl " => name == "JPEG XL",
            _ => false,
        }
    };
    let names = ["AVIF", "HEIC", "CR3 (Canon raw)", "JPEG XL", "JPEG 2000", "HEIF"];
    names.into_iter().find(|&name| brands.iter().any(of(name))).map(|name| if name == "HEIF" { "HEIC" } else { name })
}

/// Whether its first element is `svg`: after a byte order mark, white space, declarations and comments.
fn is_svg(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(..SVG_WITHIN).unwrap_or(bytes);
    rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
    loop {
        rest = rest.trim_ascii_start();
        let end = match rest {
            [b'<', b'?', ..] => after(rest, b"?>"),
            [b'<', b'!', b'-', b'-', ..] => after(rest, b"-->"),
            [b'<', b'!', ..] => after(rest, b"]>").or_else(|| after(rest, b">")),
            [b'<', name @ ..] => {
                let name = name.split(|byte| matches!(byte, b' ' | b'>' | b'/' | b'\t' | b'\r' | b'\n')).next();
                return name.is_some_and(|name| name == b"svg" || name.ends_with(b":svg"));
            }
            _ => return false,
        };
        let Some(end) = end else { return false };
        rest = &rest[end..];
    }
}

fn after(text: &[u8], end: &[u8]) -> Option<usize> {
    text.windows(end.len()).position(|window| window == end).map(|at| at + end.len())
}
