//! A walk over a file's outer structure, before any decoder sees it: how large its picture is, what a decoder will hold of
//! it, and whether the file reaches its own end. Decoders spend memory by the size, and take a file that was cut off for one
//! that is half grey.

use impasto_recipe::Size;

use crate::{
    FileKind,
    outline::{JpegFrame, Outline, PngHeader, WebpStream},
};

/// What is wrong with a file's structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It ends before it says it does.
    Truncated,
    /// It contradicts itself, or lacks a part that it cannot be without.
    Broken(&'static str),
}

/// What the headers of `bytes` tell of the picture in a file that is whole.
pub(crate) fn outline(kind: FileKind, bytes: &[u8]) -> Result<Outline, Flaw> {
    let outline = match kind {
        FileKind::Png => png(Rest(bytes)),
        FileKind::Jpeg => jpeg(Rest(bytes)),
        FileKind::WebP => webp(Rest(bytes)),
        FileKind::Gif | FileKind::Bmp | FileKind::Tiff => return Err(Flaw::Broken("it cannot be read here")),
    };
    outline?.ok_or(Flaw::Broken("it does not say how large its picture is"))
}

/// Chunks of a length, a name, that many bytes, and a checksum.
fn png(mut rest: Rest) -> Result<Option<Outline>, Flaw> {
    const SIGNATURE: usize = 8;
    rest.take(SIGNATURE)?;
    let (mut header, mut transparent) = (None, false);
    loop {
        let (length, name) = (rest.u32_be()?, rest.take(4)?);
        let mut data = Rest(rest.take(length as usize)?);
        rest.take(4)?;
        match name {
            b"IHDR" if header.is_none() => {
                let size = Size::new(data.u32_be()?, data.u32_be()?);
                let [depth, colours] = data.array()?;
                header = Some(PngHeader { size, depth, colours });
            }
            b"tRNS" => transparent = true,
            b"IEND" => return Ok(header.map(|header| header.outline(transparent))),
            _ => {}
        }
    }
}

/// Segments of a marker, a length and that many bytes; after the header of a scan, its data up to the next marker.
fn jpeg(mut rest: Rest) -> Result<Option<Outline>, Flaw> {
    let mut frame: Option<JpegFrame> = None;
    loop {
        match rest.next_marker()? {
            // What a scan is made of (a stuffed byte, a restart) and the other markers that stand alone.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            0xd9 => return Ok(frame.map(|frame| frame.outline())),
            marker => {
                let length = usize::from(rest.u16_be()?);
                let mut segment =
                    Rest(rest.take(length.checked_sub(2).ok_or(Flaw::Broken("a segment has no length"))?)?);
                let starts_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
                match (&mut frame, marker) {
                    (None, _) if starts_frame => frame = Some(jpeg_frame(marker, segment)?),
                    (Some(frame), 0xda) => frame.scan_of(segment.array::<1>()?[0]),
                    _ => {}
                }
            }
        }
    }
}

fn jpeg_frame(marker: u8, mut header: Rest) -> Result<JpegFrame, Flaw> {
    const PROGRESSIVE: [u8; 4] = [0xc2, 0xc6, 0xca, 0xce];
    header.take(1)?;
    let (height, width) = (header.u16_be()?, header.u16_be()?);
    let [components] = header.array()?;
    let mut sampling = Vec::with_capacity(components.into());
    for _ in 0..components {
        let [_, factors, _] = header.array()?;
        sampling.push((factors >> 4, factors & 0xf));
    }
    let size = Size::new(width.into(), height.into());
    Ok(JpegFrame { size, sampling, keeps_coefficients: PROGRESSIVE.contains(&marker) })
}

/// RIFF: chunks of a name, a length, and that many bytes and one more if they are odd.
fn webp(mut rest: Rest) -> Result<Option<Outline>, Flaw> {
    rest.take(4)?;
    let length = rest.u32_le()? as usize;
    let mut riff = Rest(rest.take(length)?);
    riff.take(4)?;
    let mut stream = WebpStream::default();
    visit_webp_chunks(riff, &mut stream)?;
    Ok(stream.outline())
}

/// Takes the first size for the canvas, and holds every frame to it: the decoder makes room for a frame by its own header.
fn visit_webp_chunks(mut chunks: Rest, stream: &mut WebpStream) -> Result<(), Flaw> {
    while !chunks.0.is_empty() {
        let (name, length) = (chunks.take(4)?, chunks.u32_le()? as usize);
        let mut data = Rest(chunks.take(length)?);
        // Writers disagree on whether the last chunk is padded.
        chunks.0 = &chunks.0[(length % 2).min(chunks.0.len())..];
        let size = match name {
            b"VP8X" => {
                let [flags, ..] = data.array::<4>()?;
                stream.has_alpha = flags & 0x10 != 0;
                Some(Size::new(data.u24_le()? + 1, data.u24_le()? + 1))
            }
            b"VP8 " => {
                stream.lossy_bytes = stream.lossy_bytes.max(length as u64);
                data.take(6)?;
                Some(Size::new(u32::from(data.u16_le()?) & 0x3fff, u32::from(data.u16_le()?) & 0x3fff))
            }
            b"VP8L" => {
                data.take(1)?;
                let sides = data.u32_le()?;
                stream.has_lossless = true;
                stream.has_alpha |= stream.canvas.is_none() && sides >> 28 & 1 != 0;
                Some(Size::new((sides & 0x3fff) + 1, ((sides >> 14) & 0x3fff) + 1))
            }
            b"ANMF" => {
                data.take(16)?;
                stream.is_animated = true;
                visit_webp_chunks(data, stream)?;
                None
            }
            _ => None,
        };
        if let Some(size) = size {
            let canvas = stream.canvas.get_or_insert(size);
            if size.width > canvas.width || size.height > canvas.height {
                return Err(Flaw::Broken("a frame is larger than its canvas"));
            }
        }
    }
    Ok(())
}

/// The part of a file that has not been walked over yet.
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

    /// The byte after the next run of 0xff.
    fn next_marker(&mut self) -> Result<u8, Flaw> {
        let start = self.0.iter().position(|&byte| byte == 0xff).ok_or(Flaw::Truncated)?;
        let fill = self.0[start..].iter().position(|&byte| byte != 0xff).ok_or(Flaw::Truncated)?;
        self.take(start + fill)?;
        Ok(self.take(1)?[0])
    }
}
