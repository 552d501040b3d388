//! WebP, GIF and BMP, by the image crate's decoders.

use std::io::Cursor;

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, Limits,
    codecs::{bmp::BmpDecoder, gif::GifDecoder, webp::WebPDecoder},
};

use super::{Decoded, allowance, sizes_disagree};
use crate::{
    FileKind,
    error::Flaw,
    outline::Outline,
    stored::{Channels, Samples},
};

pub(super) fn decode(kind: FileKind, bytes: &[u8], outline: &Outline) -> Result<Decoded, Flaw> {
    let from = Cursor::new(bytes);
    let decoder: Result<Box<dyn ImageDecoder + '_>, ImageError> = match kind {
        FileKind::Gif => GifDecoder::new(from).map(|decoder| Box::new(decoder) as _),
        FileKind::Bmp => BmpDecoder::new(from).map(|decoder| Box::new(decoder) as _),
        _ => WebPDecoder::new(from).map(|decoder| Box::new(decoder) as _),
    };
    let mut decoder = decoder.map_err(flaw)?;
    if decoder.dimensions() != (outline.size.width, outline.size.height) {
        return Err(sizes_disagree());
    }
    decoder.set_limits(limits(outline)).map_err(flaw)?;
    let image = DynamicImage::from_decoder(decoder).map_err(flaw)?;
    let colours = match image.color() {
        ColorType::L8 | ColorType::La8 => Channels::Grey,
        _ => Channels::Rgb,
    };
    let has_alpha = image.color().has_alpha();
    let samples = match image {
        DynamicImage::ImageLuma8(image) => image.into_raw(),
        DynamicImage::ImageLumaA8(image) => image.into_raw(),
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageRgba8(image) => image.into_raw(),
        _ => return Err(Flaw::unsupported("it has more than 8 bits a channel")),
    };
    Ok(Decoded { colours, samples: Samples::Bytes(samples), has_alpha, premultiplied: false })
}

fn limits(outline: &Outline) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(outline.size.width);
    limits.max_image_height = Some(outline.size.height);
    limits.max_alloc = Some(allowance(outline));
    limits
}

fn flaw(error: ImageError) -> Flaw {
    match error {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Flaw::too_short(),
        ImageError::Limits(_) => Flaw::too_greedy(),
        ImageError::Unsupported(_) => Flaw::unsupported("it is of a kind that is rare"),
        _ => Flaw::damaged(),
    }
}
