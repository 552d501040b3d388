//! BMP: two headers, colours, and rows.

use image::metadata::Orientation;
use impasto_recipe::Size;

use super::{Body, Claim, Rest, Walked};
use crate::{error::Flaw, outline};

/// The oldest kind of second header, of OS/2.
const CORE: u32 = 12;

/// What the decoder goes to.
const LONGEST_SIDE: u32 = 65_535;

/// How the rows are compressed: not at all, or each pixel by masks.
const UNCOMPRESSED: [u32; 3] = [0, 3, 6];

pub(super) fn walk(bytes: &[u8]) -> Result<Walked<'_>, Flaw> {
    let mut rest = Rest(bytes);
    rest.take(10)?;
    let rows_at = rest.u32_le()? as usize;
    let header = rest.u32_le()?;
    let (size, bits, compression) = if header == CORE {
        let size = Size::new(rest.u16_le()?.into(), rest.u16_le()?.into());
        rest.take(2)?;
        (size, rest.u16_le()?, 0)
    } else {
        let (width, height) = (rest.u32_le()? as i32, rest.u32_le()? as i32);
        if width < 0 {
            return Err(Flaw::broken("its width is negative"));
        }
        rest.take(2)?;
        let bits = rest.u16_le()?;
        // A negative height says that the upper row comes first.
        (Size::new(width.unsigned_abs(), height.unsigned_abs()), bits, rest.u32_le()?)
    };
    if size.longest_side() > LONGEST_SIDE {
        return Err(Flaw::unsupported(format!("a side of it is longer than {LONGEST_SIDE} pixels")));
    }
    if matches!(compression, 4 | 5) {
        return Err(Flaw::unsupported("it holds a JPEG or PNG in a BMP's clothes"));
    }
    if UNCOMPRESSED.contains(&compression) && size.pixels() > 0 {
        let row = (u64::from(size.width) * u64::from(bits)).div_ceil(32) * 4;
        let end = row.saturating_mul(size.height.into()).saturating_add(rows_at as u64);
        if end > bytes.len() as u64 {
            return Err(Flaw::Truncated);
        }
    }
    Ok(Walked {
        outline: outline::bmp(size),
        orientation: Orientation::NoTransforms,
        claim: Claim::Nothing,
        pictures: 1,
        body: Body::Whole(bytes),
    })
}
