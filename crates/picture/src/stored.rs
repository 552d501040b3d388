//! A picture as its file stores it, and how it becomes one of floats.

use image::metadata::Orientation;
use impasto_recipe::Size;

use crate::{Mask, Notice, Picture, colour::Conversion, turn::Turn};

/// A picture as its file stores it.
pub(crate) struct Stored {
    pub size: Size,
    pub colours: Channels,
    pub samples: Samples,
    /// Whether each pixel ends with its opacity.
    pub has_alpha: bool,
    /// Whether colours are multiplied with it.
    pub premultiplied: bool,
    /// How the picture is to be turned.
    pub orientation: Orientation,
    /// To sRGB; none where its colours are that already.
    pub conversion: Option<Conversion>,
    pub notices: Vec<Notice>,
}

/// What the channels of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channels {
    Grey,
    Rgb,
    /// Where 0 is no ink.
    Cmyk,
}

impl Channels {
    pub const fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

/// Row after row, channel after channel of each pixel.
pub(crate) enum Samples {
    Bytes(Vec<u8>),
    Words(Vec<u16>),
    Floats(Vec<f32>),
}

impl Samples {
    /// So many of them, from the one at `start`, as numbers of which 1 is the most there should be.
    fn read(&self, start: usize, into: &mut [f32]) {
        let end = start + into.len();
        match self {
            Self::Bytes(bytes) => {
                into.iter_mut()
                    .zip(&bytes[start..end])
                    .for_each(|(to, &from)| *to = f32::from(from) / f32::from(u8::MAX));
            }
            Self::Words(words) => {
                into.iter_mut()
                    .zip(&words[start..end])
                    .for_each(|(to, &from)| *to = f32::from(from) / f32::from(u16::MAX));
            }
            Self::Floats(floats) => {
                into.iter_mut().zip(&floats[start..end]).for_each(|(to, &from)| *to = within_unit(from));
            }
        }
    }

    fn last_of_each(&self, channels: usize, holds: impl Fn(f32) -> bool) -> bool {
        match self {
            Self::Bytes(bytes) => {
                bytes.chunks_exact(channels).any(|pixel| holds(f32::from(pixel[channels - 1]) / 255.0))
            }
            Self::Words(words) => {
                words.chunks_exact(channels).any(|pixel| holds(f32::from(pixel[channels - 1]) / 65535.0))
            }
            Self::Floats(floats) => floats.chunks_exact(channels).any(|pixel| holds(pixel[channels - 1])),
        }
    }
}

/// The nearer end of [0, 1] for what lies beyond it, and black for what is not a number.
fn within_unit(value: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

impl Stored {
    fn channels(&self) -> usize {
        self.colours.channels() + usize::from(self.has_alpha)
    }

    /// Whether some pixel is not opaque.
    pub fn is_transparent(&self) -> bool {
        self.has_alpha && self.samples.last_of_each(self.channels(), |alpha| within_unit(alpha) < 1.0)
    }

    /// The size upright.
    pub fn upright_size(&self) -> Size {
        Turn::new(self.orientation, self.size).size()
    }

    /// The picture, upright and in sRGB.
    pub fn into_picture(self) -> Picture {
        let turn = Turn::new(self.orientation, self.size);
        let is_transparent = self.is_transparent();
        let pixels = self.size.pixels() as usize;
        let mut rgb = vec![0.0; 3 * pixels];
        let mut opacity = if is_transparent { vec![0.0; pixels] } else { Vec::new() };
        let (width, channels, colours) = (self.size.width as usize, self.channels(), self.colours.channels());
        let mut row = vec![0.0; width * channels];
        let mut seen = vec![0.0; width * colours];
        let mut converted = vec![0.0; width * 3];
        for y in 0..self.size.height {
            self.samples.read(y as usize * row.len(), &mut row);
            for (pixel, seen) in row.chunks_exact(channels).zip(seen.chunks_exact_mut(colours)) {
                seen.copy_from_slice(&pixel[..colours]);
                if self.premultiplied
                    && let Some(&alpha) = pixel.get(colours)
                    && alpha > 0.0
                {
                    seen.iter_mut().for_each(|value| *value = (*value / alpha).min(1.0));
                }
            }
            match &self.conversion {
                Some(conversion) => conversion.apply(&seen, &mut converted),
                None => as_they_are(self.colours, &seen, &mut converted),
            }
            let places = turn.places_of_row(y);
            for (place, value) in places.clone().zip(converted.as_chunks::<3>().0) {
                rgb[3 * place..3 * place + 3].copy_from_slice(&value.map(within_unit));
            }
            if is_transparent {
                for (place, pixel) in places.zip(row.chunks_exact(channels)) {
                    opacity[place] = pixel[colours];
                }
            }
        }
        let size = turn.size();
        Picture::of_checked(size, rgb, is_transparent.then(|| Mask::of_checked(size, opacity)))
    }
}

/// Colours of which nothing is said: sRGB's, and inks that each take away their share of light.
fn as_they_are(colours: Channels, row: &[f32], rgb: &mut [f32]) {
    let pixels = row.chunks_exact(colours.channels());
    for (pixel, rgb) in pixels.zip(rgb.as_chunks_mut::<3>().0) {
        *rgb = match *pixel {
            [cyan, magenta, yellow, black] => [cyan, magenta, yellow].map(|ink| (1.0 - ink) * (1.0 - black)),
            [red, green, blue] => [red, green, blue],
            [grey, ..] => [grey; 3],
            [] => continue,
        };
    }
}
