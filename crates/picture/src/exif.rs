//! How a camera was held, by the EXIF data in a file.

use image::metadata::Orientation;

use crate::ifd::Ifd;

const ORIENTATION: u16 = 274;

/// The orientation that a block of EXIF data asks for; none where it says nothing, or nothing that makes sense.
pub(crate) fn orientation(exif: &[u8]) -> Orientation {
    // JPEG's prefix, which some writers copy into the other formats.
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Ifd::first(exif).map_or(Orientation::NoTransforms, |ifd| of_ifd(&ifd))
}

/// The orientation that a directory asks for.
pub(crate) fn of_ifd(ifd: &Ifd) -> Orientation {
    let number = ifd.number(ORIENTATION).and_then(|number| u8::try_from(number).ok());
    number.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

/// The bytes in a text as ImageMagick and exiftool write them into a PNG: a name, their count, and two digits for each.
pub(crate) fn from_hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let rest = text.trim_ascii_start();
    let rest = &rest[rest.iter().position(u8::is_ascii_whitespace)?..].trim_ascii_start();
    let digits = &rest[rest.iter().position(u8::is_ascii_whitespace)?..];
    let digits: Vec<u8> =
        digits.iter().filter_map(|&digit| char::from(digit).to_digit(16)).map(|digit| digit as u8).collect();
    Some(digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect())
}
