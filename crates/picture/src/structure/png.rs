//! PNG: chunks of a length, a name, that many bytes, and a checksum.

use image::metadata::Orientation;
use impasto_recipe::Size;

use super::{Body, Claim, Rest, Walked, lacks_size};
use crate::{
    error::Flaw,
    exif,
    inflate::{inflate, inflated_length},
    outline::{LONGEST_PROFILE, PngHeader},
};

/// What a PNG's chunks say of its colours.
#[derive(Default)]
pub(crate) struct PngColours<'a> {
    /// Primaries, transfer function, matrix and range, as H.273 numbers them.
    pub cicp: Option<[u8; 4]>,
    /// A colour profile's name and its compressed bytes.
    pub iccp: Option<&'a [u8]>,
    pub is_srgb: bool,
    /// The exponent, times 100000.
    pub gamma: Option<u32>,
    /// The coordinates of white, red, green and blue, times 100000.
    pub chromaticities: Option<[u32; 8]>,
}

/// The most bytes that a text with EXIF data may have, or grow to.
const LONGEST_TEXT: usize = 256 << 10;

pub(super) fn walk(bytes: &[u8]) -> Result<Walked<'_>, Flaw> {
    const SIGNATURE: usize = 8;
    let mut rest = Rest(bytes);
    rest.take(SIGNATURE)?;
    let (mut header, mut transparent, mut has_data, mut frames) = (None, false, false, 1);
    let (mut colours, mut turned, mut turned_by_text) = (PngColours::default(), None, None);
    let mut gathered = 0_u64;
    let body = loop {
        if rest.0.is_empty() && has_data {
            break Body::Endless(bytes);
        }
        let (length, name) = (rest.u32_be()?, rest.array()?);
        let data = rest.take(length as usize)?;
        rest.take(4)?;
        gathered = gathered.saturating_add(if is_gathered(&name) { length.into() } else { 0 });
        let mut values = Rest(data);
        match &name {
            b"IHDR" if header.is_none() => {
                let size = Size::new(values.u32_be()?, values.u32_be()?);
                let [depth, colours] = values.array()?;
                header = Some(PngHeader { size, depth, colours });
            }
            b"tRNS" => transparent = true,
            b"IDAT" => has_data = true,
            b"acTL" => frames = values.u32_be().unwrap_or(1),
            // What is said of colours counts where it stands before the picture.
            b"cICP" if !has_data => colours.cicp = data.first_chunk().copied(),
            b"iCCP" if !has_data => colours.iccp = Some(data),
            b"sRGB" if !has_data => colours.is_srgb = true,
            b"gAMA" if !has_data => colours.gamma = values.u32_be().ok(),
            b"cHRM" if !has_data => {
                let numbers: Vec<u32> = std::iter::from_fn(|| values.u32_be().ok()).take(8).collect();
                colours.chromaticities = numbers.try_into().ok();
            }
            b"eXIf" => turned = turned.or(Some(exif::orientation(data))),
            // The first alone: thousands of them could each grow to the limit.
            b"tEXt" | b"zTXt" | b"iTXt" if turned_by_text.is_none() && is_exif_text(data) => {
                turned_by_text = Some(exif_text(&name, data).map(|data| exif::orientation(&data)));
            }
            b"IEND" => break Body::Whole(bytes),
            _ => {}
        }
    };
    let mut outline = header.ok_or_else(lacks_size)?.outline(transparent);
    /// In a buffer that is copied as it grows, and again when it is whole.
    const COPIES: u64 = 3;
    outline.scratch = outline.scratch.saturating_add(gathered.saturating_mul(COPIES));
    if matches!(body, Body::Endless(_)) {
        // The file is copied, and its end added.
        outline.scratch = outline.scratch.saturating_add(bytes.len() as u64);
    }
    let length = |bytes| inflated_length(bytes, LONGEST_PROFILE);
    outline.profile = colours.iccp.and_then(compressed_profile).map_or(0, length);
    if colours.cicp.is_some() || colours.gamma.is_some() || colours.chromaticities.is_some() {
        // Tables are made of them too.
        outline.profile = outline.profile.max(1);
    }
    Ok(Walked {
        outline,
        orientation: turned.or(turned_by_text.flatten()).unwrap_or(Orientation::NoTransforms),
        claim: Claim::Png(colours),
        pictures: frames,
        body,
    })
}

/// Whether the decoder may hold all of a chunk, however long it is.
fn is_gathered(name: &[u8; 4]) -> bool {
    !matches!(name, b"IDAT" | b"fdAT" | b"iCCP" | b"tEXt" | b"zTXt" | b"iTXt")
}

/// The compressed bytes in a chunk with a colour profile.
pub(crate) fn compressed_profile(chunk: &[u8]) -> Option<&[u8]> {
    let (_name, rest) = split_at_zero(chunk)?;
    rest.strip_prefix(&[0])
}

/// The EXIF data in a text that ImageMagick, exiftool and others wrote before PNG had a chunk for them.
fn exif_text(name: &[u8; 4], data: &[u8]) -> Option<Vec<u8>> {
    let (_keyword, rest) = split_at_zero(data)?;
    if rest.len() > LONGEST_TEXT {
        return None;
    }
    let text = match name {
        b"tEXt" => rest.to_vec(),
        b"zTXt" => inflate(rest.strip_prefix(&[0])?, LONGEST_TEXT)?,
        _ => {
            let ([is_compressed, _], rest) = rest.split_first_chunk()?;
            let (_language, rest) = split_at_zero(rest)?;
            let (_translated, rest) = split_at_zero(rest)?;
            if *is_compressed == 1 { inflate(rest, LONGEST_TEXT)? } else { rest.to_vec() }
        }
    };
    exif::from_hexadecimal(&text)
}

fn is_exif_text(data: &[u8]) -> bool {
    [b"Raw profile type exif\0", b"Raw profile type APP1\0"].iter().any(|keyword| data.starts_with(*keyword))
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}
