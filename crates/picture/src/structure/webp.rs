//! WebP, which is RIFF: chunks of a name, a length, and that many bytes and one more if they are odd.

mod codes;
mod partitions;

use image::metadata::Orientation;
use impasto_recipe::Size;

use super::{Body, Claim, Rest, Walked, lacks_size};
use crate::{error::Flaw, exif, outline::WebpStream};

/// What the chunks besides the picture's own hold.
#[derive(Default)]
struct Besides<'a> {
    profile: Option<&'a [u8]>,
    exif: Option<&'a [u8]>,
    frames: u32,
    /// Of the streams whose codes were counted: what kind they are, and whether they are a frame's.
    counted: Vec<(&'static [u8; 4], bool)>,
    /// The most memory that the codes of one take.
    codes: u64,
}

impl Besides<'_> {
    /// Counts the codes of the first stream of a kind, in the picture or in its frames: no other is decoded.
    fn count_codes(&mut self, kind: &'static [u8; 4], is_within_frame: bool, stream: &[u8], size: Size) {
        if !self.counted.contains(&(kind, is_within_frame)) {
            self.counted.push((kind, is_within_frame));
            self.codes = self.codes.max(codes::memory(stream, size));
        }
    }
}

pub(super) fn walk(bytes: &[u8]) -> Result<Walked<'_>, Flaw> {
    let mut rest = Rest(bytes);
    rest.take(4)?;
    let length = rest.u32_le()? as usize;
    let mut riff = Rest(rest.take(length)?);
    riff.take(4)?;
    let (mut stream, mut besides) = (WebpStream::default(), Besides::default());
    visit_chunks(riff, None, &mut stream, &mut besides)?;
    stream.codes = besides.codes;
    let mut outline = stream.outline().ok_or_else(lacks_size)?;
    outline.profile = besides.profile.map_or(0, |profile| profile.len() as u64);
    Ok(Walked {
        outline,
        orientation: besides.exif.map_or(Orientation::NoTransforms, exif::orientation),
        claim: besides.profile.map_or(Claim::Nothing, |profile| Claim::Profile(vec![profile])),
        pictures: besides.frames.max(1),
        body: Body::Whole(bytes),
    })
}

/// Takes the first size for the canvas, and holds every frame to it: the decoder makes room for a frame by its own header.
/// There is no frame within a frame, however deep a file would have them.
fn visit_chunks<'a>(
    mut chunks: Rest<'a>,
    frame: Option<Size>,
    stream: &mut WebpStream,
    besides: &mut Besides<'a>,
) -> Result<(), Flaw> {
    while !chunks.0.is_empty() {
        let (name, length) = (chunks.take(4)?, chunks.u32_le()? as usize);
        let data = chunks.take(length)?;
        // Writers disagree on whether the last chunk is padded.
        chunks.0 = &chunks.0[(length % 2).min(chunks.0.len())..];
        let mut values = Rest(data);
        let size = match name {
            b"VP8X" => {
                let [flags, ..] = values.array::<4>()?;
                stream.has_alpha = flags & 0x10 != 0;
                Some(Size::new(values.u24_le()? + 1, values.u24_le()? + 1))
            }
            b"VP8 " => {
                stream.lossy_bytes = stream.lossy_bytes.max(length as u64);
                if !partitions::are_within(data) {
                    return Err(Flaw::broken("the parts of its picture are longer than the picture"));
                }
                values.take(6)?;
                Some(Size::new(u32::from(values.u16_le()?) & 0x3fff, u32::from(values.u16_le()?) & 0x3fff))
            }
            b"VP8L" => {
                values.take(1)?;
                let sides = values.u32_le()?;
                stream.has_lossless = true;
                stream.has_alpha |= stream.canvas.is_none() && sides >> 28 & 1 != 0;
                let size = Size::new((sides & 0x3fff) + 1, ((sides >> 14) & 0x3fff) + 1);
                besides.count_codes(b"VP8L", frame.is_some(), values.0, size);
                Some(size)
            }
            // Opacity, which is compressed as pictures are without loss, or not at all.
            b"ALPH" => {
                let [how] = values.array()?;
                if let Some(size) = frame.or(stream.canvas)
                    && how & 3 == 1
                {
                    besides.count_codes(b"ALPH", frame.is_some(), values.0, size);
                }
                None
            }
            b"ANMF" if frame.is_none() => {
                values.take(6)?;
                let size = Size::new(values.u24_le()? + 1, values.u24_le()? + 1);
                values.take(4)?;
                stream.is_animated = true;
                besides.frames += 1;
                visit_chunks(values, Some(size), stream, besides)?;
                None
            }
            b"ICCP" => {
                besides.profile = besides.profile.or(Some(data));
                None
            }
            b"EXIF" => {
                besides.exif = besides.exif.or(Some(data));
                None
            }
            _ => None,
        };
        if let Some(size) = size {
            let canvas = stream.canvas.get_or_insert(size);
            if size.width > canvas.width || size.height > canvas.height {
                return Err(Flaw::broken("a frame is larger than its canvas"));
            }
        }
    }
    Ok(())
}
