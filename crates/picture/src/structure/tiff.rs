//! TIFF: directories of fields, the first of which tells where the strips or tiles of the first page are.

use impasto_recipe::Size;

use super::{Body, Claim, Walked, lacks_size};
use crate::{
    error::Flaw,
    exif,
    ifd::{Ifd, MOST_FIELDS, NoIfd},
    outline::{TiffPage, most_within},
};

/// Of which the lowest bit says that it is a smaller copy of another page.
const KIND_OF_PAGE: u16 = 254;
const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const PHOTOMETRIC: u16 = 262;
const STRIP_OFFSETS: u16 = 273;
const SAMPLES: u16 = 277;
const ROWS_A_STRIP: u16 = 278;
const STRIP_LENGTHS: u16 = 279;
const PLANES: u16 = 284;
const COLOUR_MAP: u16 = 320;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const TILE_LENGTHS: u16 = 325;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;
const PROFILE: u16 = 34675;
/// What digital negatives and other raw files have in their first directory.
const DNG_VERSION: u16 = 50706;
const CFA_PATTERN: u16 = 33422;

const MOST_SAMPLES: u32 = 16;

/// The longest side of tiles in a picture that is smaller. A decoder makes room for a tile in full.
const LONGEST_TILE: u32 = 1024;

/// Three channels of as many colours as 16 bits can number.
const LONGEST_MAP: usize = 3 << 16;

/// What a decoder of TIFF has to be told.
pub(crate) struct TiffFields {
    /// What the samples mean, as the format numbers it.
    pub photometric: u32,
    /// Where in the file that stands.
    pub photometric_at: usize,
    pub little_end_first: bool,
    /// What the first sample beyond the colours means, if there is one.
    pub extra: Option<u32>,
    /// The colours of a palette: all reds, then the greens and blues.
    pub palette: Vec<u16>,
}

pub(super) fn walk(bytes: &[u8]) -> Result<Walked<'_>, Flaw> {
    let (ifd, whole) = Ifd::read_first(bytes).map_err(|none| match none {
        NoIfd::BeyondEnd => Flaw::Truncated,
        NoIfd::NotTiff => Flaw::unsupported("it is a BigTIFF"),
        NoIfd::TooLong => Flaw::broken(format!("its directory has more than {MOST_FIELDS} fields")),
    })?;
    if ifd.number(DNG_VERSION).is_some() || ifd.number(CFA_PATTERN).is_some() {
        return Err(Flaw::unsupported("it holds a camera's raw data (DNG, NEF or the like)"));
    }
    if !whole {
        return Err(Flaw::Truncated);
    }
    let (Some(width), Some(height)) = (ifd.number(WIDTH), ifd.number(HEIGHT)) else { return Err(lacks_size()) };
    let size = Size::new(width, height);
    let bits = ifd.numbers(BITS).and_then(|bits| bits.max()).unwrap_or(1);
    let samples = ifd.number(SAMPLES).unwrap_or(1);
    // The decoder makes lists of them, however long they are.
    if [BITS, EXTRA_SAMPLES, SAMPLE_FORMAT].iter().any(|&tag| ifd.count(tag) > MOST_SAMPLES) {
        return Err(Flaw::broken("it tells of more samples than a pixel can have"));
    }
    if samples == 0 || samples > MOST_SAMPLES || bits == 0 || bits > 64 {
        return Err(Flaw::unsupported(format!("it has {samples} samples of {bits} bits a pixel")));
    }
    let Some(photometric) = ifd.number(PHOTOMETRIC) else {
        return Err(Flaw::broken("it does not say what its colours are"));
    };
    let (offsets, lengths) =
        if ifd.count(TILE_OFFSETS) > 0 { (TILE_OFFSETS, TILE_LENGTHS) } else { (STRIP_OFFSETS, STRIP_LENGTHS) };
    const APART: u32 = 2;
    let is_apart = ifd.number(PLANES) == Some(APART);
    if offsets == TILE_OFFSETS && is_apart {
        return Err(Flaw::unsupported("its channels are stored apart, and in tiles"));
    }
    let (part_width, part_height) = if offsets == TILE_OFFSETS {
        (ifd.number(TILE_WIDTH).unwrap_or(width), ifd.number(TILE_HEIGHT).unwrap_or(height))
    } else {
        (width, ifd.number(ROWS_A_STRIP).unwrap_or(height).min(height))
    };
    // Of tiles, the sides are multiples of 16.
    let fits = |part: u32, side: u32| part <= side.saturating_add(15).max(LONGEST_TILE);
    if !fits(part_width, width) || !fits(part_height, height) {
        return Err(Flaw::unsupported("its tiles are larger than its picture"));
    }
    let across = u64::from(width.div_ceil(part_width.max(1)));
    let down = u64::from(height.div_ceil(part_height.max(1)));
    let most = across.saturating_mul(down).saturating_mul(if is_apart { samples.into() } else { 1 });
    // A picture without pixels is refused as one.
    let parts = parts(&ifd, offsets, lengths, most.max(1), bytes.len() as u64)?;
    const FLOATS: u32 = 3;
    let is_half = bits == 16 && ifd.number(SAMPLE_FORMAT) == Some(FLOATS);
    let page = TiffPage {
        size,
        // Half floats are made whole ones.
        bits: if is_half { 32 } else { bits },
        samples,
        is_palette: photometric == 3,
        is_rearranged: is_apart || is_half || !matches!(bits, 8 | 16) || samples > 3 || photometric == 3,
        is_copied: matches!(photometric, 0 | 3),
        part: most_within(part_width, part_height),
        parts: parts.count,
        longest_part: parts.longest,
        file: bytes.len() as u64,
    };
    let mut outline = page.outline();
    let profile = ifd.bytes(PROFILE);
    outline.profile = profile.map_or(0, |profile| profile.len() as u64);
    let fields = TiffFields {
        photometric,
        photometric_at: ifd.place(PHOTOMETRIC).unwrap_or_default(),
        little_end_first: ifd.order() == crate::ifd::Order::LittleEndFirst,
        extra: ifd.number(EXTRA_SAMPLES),
        palette: ifd
            .numbers(COLOUR_MAP)
            .map_or_else(Vec::new, |map| map.take(LONGEST_MAP).map(|value| value as u16).collect()),
    };
    Ok(Walked {
        outline,
        orientation: exif::of_ifd(&ifd),
        claim: profile.map_or(Claim::Nothing, |profile| Claim::Profile(vec![profile])),
        pictures: 1 + u32::from(ifd.following().is_some_and(|next| next.number(KIND_OF_PAGE).unwrap_or(0) & 1 == 0)),
        body: Body::Tiff(bytes, fields),
    })
}

/// The strips or tiles.
struct Parts {
    count: u64,
    /// The bytes of the longest of them.
    longest: u64,
}

/// The most of them that are read, since each takes a decoder's tables anew: 50 million pixels in the smallest tiles, or the
/// longest of usual sides in strips of one row for each of four channels.
const MOST_PARTS: u64 = 1 << 18;

/// The parts, each of which must lie within the file, and which together cannot be longer than it: where thousands of them
/// are the same bytes, these are gone through thousands of times.
fn parts(ifd: &Ifd, offsets: u16, lengths: u16, most: u64, file: u64) -> Result<Parts, Flaw> {
    let count = u64::from(ifd.count(offsets).max(ifd.count(lengths)));
    if count > most {
        return Err(Flaw::broken("it is in more parts than its size explains"));
    }
    if count > MOST_PARTS {
        return Err(Flaw::unsupported(format!("it is in {count} parts, and {MOST_PARTS} are the most")));
    }
    let (Some(offsets), Some(lengths)) = (ifd.numbers(offsets), ifd.numbers(lengths)) else {
        return Err(Flaw::broken("it does not say where its picture is"));
    };
    let (mut longest, mut sum) = (0, 0);
    for (offset, length) in offsets.zip(lengths).map(|(offset, length)| (u64::from(offset), u64::from(length))) {
        if offset + length > file {
            return Err(Flaw::Truncated);
        }
        longest = longest.max(length);
        sum += length;
    }
    if sum > file {
        return Err(Flaw::broken("its parts overlap"));
    }
    Ok(Parts { count, longest })
}
