//! TIFF of 16 bits, compressed without loss.

use std::io::Cursor;

use impasto_recipe::Size;
use tiff::{
    TiffResult,
    encoder::{
        Compression, DeflateLevel, Predictor, TiffEncoder, TiffValue,
        colortype::{ColorType, RGB16, RGBA16},
    },
    tags::Tag,
};

use super::{SRGB_PROFILE, to_word};
use crate::Picture;

/// What EXIF calls unassociated: colours are not multiplied with it.
const STRAIGHT_ALPHA: u16 = 2;

pub(super) fn encode(picture: &Picture) -> TiffResult<Vec<u8>> {
    if picture.alpha().is_some() { written::<RGBA16>(picture) } else { written::<RGB16>(picture) }
}

fn written<Colours: ColorType<Inner = u16>>(picture: &Picture) -> TiffResult<Vec<u8>>
where
    [u16]: TiffValue,
{
    let Size { width, height } = picture.size();
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file)?
        .with_compression(Compression::Deflate(DeflateLevel::Fast))
        .with_predictor(Predictor::Horizontal);
    let mut image = encoder.new_image::<Colours>(width, height)?;
    image.encoder().write_tag(Tag::IccProfile, SRGB_PROFILE.as_slice())?;
    if picture.alpha().is_some() {
        image.encoder().write_tag(Tag::ExtraSamples, STRAIGHT_ALPHA)?;
    }
    image.write_data(&picture.samples(to_word))?;
    Ok(file.into_inner())
}
