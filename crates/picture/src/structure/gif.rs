//! GIF: blocks, most of them of parts of at most 255 bytes.

use image::metadata::Orientation;
use impasto_recipe::Size;

use super::{Body, Claim, Rest, Walked, lacks_size};
use crate::{error::Flaw, outline};

pub(super) fn walk(bytes: &[u8]) -> Result<Walked<'_>, Flaw> {
    const SIGNATURE: usize = 6;
    let mut rest = Rest(bytes);
    rest.take(SIGNATURE)?;
    let canvas = Size::new(rest.u16_le()?.into(), rest.u16_le()?.into());
    let [flags, _, _] = rest.array()?;
    rest.take(length_of_colours(flags))?;
    let (mut frames, mut gathered) = (0, 0_u64);
    loop {
        match next_block(&mut rest, canvas) {
            Ok(Block::Frame) => frames += 1,
            Ok(Block::Extension(length)) => gathered += length as u64,
            Ok(Block::Other) => {}
            // The first frame is all there; what may be missing after it is not looked at.
            Ok(Block::End) | Err(_) if frames > 0 => break,
            Ok(Block::End) => return Err(Flaw::broken("it has no picture in it")),
            Err(flaw) => return Err(flaw),
        }
        if frames > 1 {
            break;
        }
    }
    if frames == 0 {
        return Err(lacks_size());
    }
    let mut outline = outline::gif(canvas);
    /// In a buffer that is copied as it grows.
    const COPIES: u64 = 3;
    outline.scratch = outline.scratch.saturating_add(COPIES * gathered);
    Ok(Walked {
        outline,
        orientation: Orientation::NoTransforms,
        claim: Claim::Nothing,
        pictures: frames,
        body: Body::Whole(bytes),
    })
}

enum Block {
    Frame,
    /// Of so many bytes, some kinds of which the decoder gathers.
    Extension(usize),
    Other,
    End,
}

fn next_block(rest: &mut Rest, canvas: Size) -> Result<Block, Flaw> {
    let [introducer] = rest.array()?;
    match introducer {
        b'!' => {
            rest.take(1)?;
            let before = rest.0.len();
            skip_parts(rest)?;
            Ok(Block::Extension(before - rest.0.len()))
        }
        b',' => {
            rest.take(4)?;
            let size = Size::new(rest.u16_le()?.into(), rest.u16_le()?.into());
            if size.pixels() > canvas.pixels() {
                return Err(Flaw::broken("its first frame is larger than its canvas"));
            }
            let [flags] = rest.array()?;
            rest.take(length_of_colours(flags))?;
            rest.take(1)?;
            skip_parts(rest)?;
            Ok(Block::Frame)
        }
        b';' => Ok(Block::End),
        // Some writers leave zeros between blocks.
        0 => Ok(Block::Other),
        _ => Err(Flaw::broken("there is a block of no known kind in it")),
    }
}

fn length_of_colours(flags: u8) -> usize {
    if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0 }
}

fn skip_parts(rest: &mut Rest) -> Result<(), Flaw> {
    loop {
        match rest.array()? {
            [0] => return Ok(()),
            [length] => rest.take(length.into())?,
        };
    }
}
