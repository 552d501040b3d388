//! A walk over a file's outer structure, before any decoder sees it: how large its picture is, what a decoder will hold of
//! it, what it says of its colours and its position, and whether the file reaches its own end. Decoders spend memory by
//! the size, and take a file that was cut off for one that is half grey.

mod bmp;
mod gif;
mod jpeg;
mod png;
mod tiff;
mod webp;

use image::metadata::Orientation;

pub(crate) use self::{
    png::{PngColours, compressed_profile},
    tiff::TiffFields,
};
use crate::{FileKind, error::Flaw, outline::Outline};

/// What a walk found.
pub(crate) struct Walked<'a> {
    pub outline: Outline,
    pub orientation: Orientation,
    pub claim: Claim<'a>,
    /// How many frames, pages or pictures there are; where that takes a walk to the end, two stand for more than one.
    pub pictures: u32,
    pub body: Body<'a>,
}

/// What a file says of its colours.
pub(crate) enum Claim<'a> {
    /// Nothing.
    Nothing,
    /// A colour profile, in parts that follow upon each other.
    Profile(Vec<&'a [u8]>),
    /// What a PNG has chunks for.
    Png(PngColours<'a>),
    /// A colour profile that is not there in full.
    Incomplete,
}

/// What a decoder is handed.
pub(crate) enum Body<'a> {
    /// The bytes of the first picture.
    Whole(&'a [u8]),
    /// Bytes that lack the mark of their end, and perhaps more.
    Endless(&'a [u8]),
    /// A JPEG's, whether they have the mark of their end, and whether three components are red, green and blue.
    Jpeg { bytes: &'a [u8], ended: bool, is_rgb: bool },
    /// A TIFF's, and what its first directory says.
    Tiff(&'a [u8], TiffFields),
}

/// Walks over a file of a kind.
pub(crate) fn walk(kind: FileKind, bytes: &[u8]) -> Result<Walked<'_>, Flaw> {
    match kind {
        FileKind::Png => png::walk(bytes),
        FileKind::Jpeg => jpeg::walk(bytes),
        FileKind::WebP => webp::walk(bytes),
        FileKind::Gif => gif::walk(bytes),
        FileKind::Bmp => bmp::walk(bytes),
        FileKind::Tiff => tiff::walk(bytes),
    }
}

fn lacks_size() -> Flaw {
    Flaw::broken("it does not say how large its picture is")
}

/// The part of a file that has not been walked over yet.
#[derive(Clone, Copy)]
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Flaw::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Flaw::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u16_be(&mut self) -> Result<u16, Flaw> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn u32_be(&mut self) -> Result<u32, Flaw> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn u16_le(&mut self) -> Result<u16, Flaw> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u24_le(&mut self) -> Result<u32, Flaw> {
        let [low, middle, high] = self.array()?;
        Ok(u32::from_le_bytes([low, middle, high, 0]))
    }

    fn u32_le(&mut self) -> Result<u32, Flaw> {
        Ok(u32::from_le_bytes(self.array()?))
    }
}
