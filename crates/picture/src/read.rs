//! From a file's bytes to a picture as the file stores it.

mod jpeg;
mod others;
mod png;
mod scans;
mod tiff;

use crate::{
    DecodeError, DecodeLimits, FileKind, Notice, colour,
    error::Flaw,
    outline::Outline,
    recognise::recognise,
    stored::{Channels, Samples},
    structure::{self, Body, Walked},
};

pub(crate) use crate::stored::Stored;

/// Samples as a decoder gives them.
struct Decoded {
    colours: Channels,
    samples: Samples,
    has_alpha: bool,
    premultiplied: bool,
}

pub(crate) fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Stored, DecodeError> {
    let (kind, walked) = walk(bytes, limits)?;
    let size = walked.outline.size;
    let decoded = decoded(kind, walked.body, &walked.outline).map_err(|flaw| flaw.of(kind))?;
    let Decoded { colours, samples, has_alpha, premultiplied } = decoded;
    let mut notices = Vec::new();
    if walked.orientation != image::metadata::Orientation::NoTransforms {
        notices.push(Notice::TurnedUpright);
    }
    let conversion = colour::conversion(&walked.claim, colours, &mut notices);
    if walked.pictures > 1 {
        notices.push(match kind {
            FileKind::Png | FileKind::WebP | FileKind::Gif => Notice::FirstFrame,
            FileKind::Tiff => Notice::FirstPage,
            FileKind::Jpeg | FileKind::Bmp => Notice::FirstPicture,
        });
    }
    Ok(Stored {
        size,
        colours,
        samples,
        has_alpha,
        premultiplied,
        orientation: walked.orientation,
        conversion,
        notices,
    })
}

/// What the headers of a file tell.
pub(crate) fn outline(bytes: &[u8], limits: &DecodeLimits) -> Result<Outline, DecodeError> {
    walk(bytes, limits).map(|(_, walked)| walked.outline)
}

/// Walks over a file, which is to hold a picture within the limits.
fn walk<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Result<(FileKind, Walked<'a>), DecodeError> {
    let kind = recognise(bytes)?;
    let walked = structure::walk(kind, bytes).map_err(|flaw| flaw.of(kind))?;
    let size = walked.outline.size;
    if size.pixels() == 0 {
        return Err(DecodeError::NoPixels(size));
    }
    if size.pixels() > limits.max_pixels {
        return Err(DecodeError::TooManyPixels { size, limit: limits.max_pixels });
    }
    Ok((kind, walked))
}

fn decoded(kind: FileKind, body: Body, outline: &Outline) -> Result<Decoded, Flaw> {
    match (kind, body) {
        (FileKind::Png, Body::Whole(bytes)) => png::decode(bytes, outline, true),
        (FileKind::Png, Body::Endless(bytes)) => png::decode(bytes, outline, false),
        (_, Body::Jpeg { bytes, ended, is_rgb }) => jpeg::decode(bytes, ended, is_rgb, outline.size),
        (_, Body::Tiff(bytes, fields)) => tiff::decode(bytes, &fields, outline),
        (kind, Body::Whole(bytes) | Body::Endless(bytes)) => others::decode(kind, bytes, outline),
    }
}

/// What a decoder may allocate: the picture and what is held besides, and something for tables and metadata.
fn allowance(outline: &Outline) -> u64 {
    const BESIDES: u64 = 64 << 20;
    outline.memory_need().inspecting.saturating_add(BESIDES)
}

fn sizes_disagree() -> Flaw {
    Flaw::broken("its headers disagree on the picture's size")
}
