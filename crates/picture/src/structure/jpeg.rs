//! JPEG: segments of a marker, a length and that many bytes; after the header of a scan, its data up to the next marker.

use image::metadata::Orientation;
use impasto_recipe::Size;

use super::{Body, Claim, Rest, Walked, lacks_size};
use crate::{
    error::Flaw,
    exif,
    outline::{JpegFrame, MOST_SCANS},
};

/// The most segments of metadata. The decoder looks at all of some kinds again at each of them, and a file that is full of
/// long ones has no more.
const MOST_METADATA: u32 = 1024;

/// The most parts that a profile can be in.
const MOST_PARTS: usize = 255;

/// What is gathered on the way.
#[derive(Default)]
struct Found<'a> {
    frame: Option<JpegFrame>,
    exif: Option<&'a [u8]>,
    /// Place, count and bytes of each part.
    profile: Vec<(u8, u8, &'a [u8])>,
    /// How many segments of metadata there are, and the bytes in them.
    metadata: (u32, u64),
    is_jfif: bool,
    /// What Adobe's segment says: 0 for colours as they are, 1 for YCbCr, 2 for YCCK.
    transform: Option<u8>,
}

pub(super) fn walk(bytes: &[u8]) -> Result<Walked<'_>, Flaw> {
    let (mut found, mut start) = (Found::default(), 0);
    let (mut rest, mut has_scan) = (Rest(bytes), false);
    // Where the picture ends, or whether its end mark is missing.
    let end = loop {
        let Ok(marker) = next_marker(&mut rest) else {
            if has_scan { break None } else { return Err(Flaw::Truncated) }
        };
        let at = bytes.len() - rest.0.len() - 2;
        match marker {
            // What a scan is made of (a stuffed byte, a restart) and a marker that stands alone.
            0x00 | 0x01 | 0xd0..=0xd7 => {}
            // Some files have two; what counts is before the picture.
            0xd8 if found.frame.is_none() => start = at,
            0xd9 if found.frame.is_none() => {}
            0xd9 => break Some(bytes.len() - rest.0.len()),
            // Nothing of this picture: what follows is another's, or no picture's at all.
            0xd8 | 0x02..=0xbf | 0xf0..=0xfd if has_scan => break None,
            marker if has_scan && starts_frame(marker) => break None,
            marker => match segment(&mut rest) {
                Ok(segment) => {
                    has_scan |= marker == 0xda;
                    found.visit(marker, segment)?;
                }
                Err(_) if has_scan => break None,
                Err(flaw) => return Err(flaw),
            },
        }
    };
    let frame = found.frame.as_ref().ok_or_else(lacks_size)?;
    let is_rgb = is_rgb(&frame.names, found.is_jfif, found.transform);
    if !has_scan {
        return Err(Flaw::broken("it has no picture data"));
    }
    if !frame.is_decoded_well() {
        return Err(Flaw::unsupported("its light and its colours are stored in sizes that rarely go together"));
    }
    let mut outline = frame.outline();
    /// The decoder copies them, and puts together what comes in parts.
    const COPIES: u64 = 2;
    outline.scratch = outline.scratch.saturating_add(COPIES * found.metadata.1);
    outline.profile = found.profile.iter().map(|(_, _, part)| part.len() as u64).sum();
    if end.is_none() {
        // The picture is copied, and of each block it is noted which coefficients are set.
        const NOTE: u64 = 8;
        outline.scratch = outline.scratch.saturating_add(bytes.len() as u64 + NOTE * frame.blocks());
    }
    let rest_is_picture = end.is_some_and(|end| bytes[end..].starts_with(&[0xff, 0xd8, 0xff]));
    Ok(Walked {
        outline,
        orientation: found.exif.map_or(Orientation::NoTransforms, exif::orientation),
        claim: profile(found.profile),
        pictures: 1 + u32::from(rest_is_picture),
        body: Body::Jpeg { bytes: &bytes[start..end.unwrap_or(bytes.len())], ended: end.is_some(), is_rgb },
    })
}

impl<'a> Found<'a> {
    fn visit(&mut self, marker: u8, segment: &'a [u8]) -> Result<(), Flaw> {
        if matches!(marker, 0xe0..=0xef) {
            self.metadata.0 += 1;
            self.metadata.1 += segment.len() as u64;
            if self.metadata.0 > MOST_METADATA {
                return Err(Flaw::broken(format!("its metadata come in more than {MOST_METADATA} parts")));
            }
        }
        match (&mut self.frame, marker) {
            (None, _) if starts_frame(marker) => self.frame = Some(frame(marker, Rest(segment))?),
            (Some(_), _) if starts_frame(marker) => return Err(Flaw::broken("it has two frames in one picture")),
            (Some(frame), 0xda) => {
                frame.scan_of(Rest(segment).array::<1>()?[0]);
                // Each takes its time by the size of the picture, even if it is of a few bytes.
                if frame.scans > MOST_SCANS {
                    return Err(Flaw::broken(format!("it comes in more than {MOST_SCANS} scans")));
                }
            }
            (None, 0xda) => return Err(Flaw::broken("its picture data come before their header")),
            (_, 0xe1) if segment.starts_with(b"Exif\0") => self.exif = self.exif.or(Some(segment)),
            (_, 0xe2) => {
                // One byte counts them, so that what comes after the last it can count is none of them.
                if self.profile.len() < MOST_PARTS
                    && let Some([place, count, part @ ..]) = segment.strip_prefix(b"ICC_PROFILE\0")
                {
                    self.profile.push((*place, *count, part));
                }
            }
            (_, 0xe0) => self.is_jfif |= segment.starts_with(b"JFIF\0"),
            (_, 0xee) if segment.starts_with(b"Adobe") => self.transform = segment.get(11).copied().or(self.transform),
            _ => {}
        }
        Ok(())
    }
}

/// Whether three components are red, green and blue, by the rules of libjpeg.
fn is_rgb(names: &[u8], is_jfif: bool, transform: Option<u8>) -> bool {
    !is_jfif && transform.map_or(names == b"RGB", |transform| transform == 0)
}

/// The parts of the profile in their order.
fn profile(mut parts: Vec<(u8, u8, &[u8])>) -> Claim<'_> {
    parts.sort_by_key(|&(place, ..)| place);
    let count = parts.len();
    let is_whole =
        (1_usize..).zip(&parts).all(|(at, &(place, of, _))| at == usize::from(place) && count == usize::from(of));
    match (count, is_whole) {
        (0, _) => Claim::Nothing,
        (_, true) => Claim::Profile(parts.into_iter().map(|(_, _, part)| part).collect()),
        // Some writers count from zero, or not at all, where there is one part.
        (1, false) => Claim::Profile(vec![parts[0].2]),
        _ => Claim::Incomplete,
    }
}

fn starts_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

fn frame(marker: u8, mut header: Rest) -> Result<JpegFrame, Flaw> {
    let kind = match marker {
        0xc0..=0xc2 => None,
        0xc3 => Some("it is a lossless JPEG"),
        0xc9..=0xcb => Some("it is compressed arithmetically"),
        _ => Some("it is a hierarchical JPEG"),
    };
    if let Some(kind) = kind {
        return Err(Flaw::unsupported(kind));
    }
    let [bits] = header.array()?;
    if bits != 8 {
        return Err(Flaw::unsupported(format!("it has {bits} bits a channel, not 8")));
    }
    let (height, width) = (header.u16_be()?, header.u16_be()?);
    let [components] = header.array()?;
    if !matches!(components, 1 | 3 | 4) {
        return Err(Flaw::unsupported(format!("it has {components} colour components")));
    }
    let (mut names, mut sampling) = (Vec::new(), Vec::new());
    for _ in 0..components {
        let [name, factors, _] = header.array()?;
        names.push(name);
        let factors = (factors >> 4, factors & 0xf);
        if !matches!(factors, (1..=4, 1..=4)) {
            return Err(Flaw::broken("a colour component has no pixels"));
        }
        sampling.push(factors);
    }
    let size = Size::new(width.into(), height.into());
    Ok(JpegFrame {
        size,
        names,
        sampling,
        is_progressive: marker == 0xc2,
        scans: 0,
        has_partial_scans: false,
        has_mixed_scans: false,
    })
}

fn segment<'a>(rest: &mut Rest<'a>) -> Result<&'a [u8], Flaw> {
    let length = usize::from(rest.u16_be()?);
    rest.take(length.checked_sub(2).ok_or(Flaw::broken("a segment has no length"))?)
}

/// The byte after the next run of 0xff.
fn next_marker(rest: &mut Rest) -> Result<u8, Flaw> {
    let start = rest.0.iter().position(|&byte| byte == 0xff).ok_or(Flaw::Truncated)?;
    let fill = rest.0[start..].iter().position(|&byte| byte != 0xff).ok_or(Flaw::Truncated)?;
    rest.take(start + fill)?;
    Ok(rest.array::<1>()?[0])
}
