//! PNG, by the png crate.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use super::{Decoded, allowance, sizes_disagree};
use crate::{
    error::Flaw,
    outline::Outline,
    stored::{Channels, Samples},
};

/// The chunk that every PNG ends with.
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// Decodes a PNG, which may lack its last chunk.
pub(super) fn decode(bytes: &[u8], outline: &Outline, ended: bool) -> Result<Decoded, Flaw> {
    if ended {
        return decode_whole(bytes, outline);
    }
    let decoded = decode_whole(&[bytes, END].concat(), outline);
    decoded.map_err(|flaw| if flaw == Flaw::too_short() { Flaw::Truncated } else { flaw })
}

fn decode_whole(bytes: &[u8], outline: &Outline) -> Result<Decoded, Flaw> {
    let size = outline.size;
    let limits = Limits { bytes: usize::try_from(allowance(outline)).unwrap_or(usize::MAX) };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(flaw)?;
    if reader.info().size() != (size.width, size.height) {
        return Err(sizes_disagree());
    }
    let (colour, depth) = reader.output_color_type();
    let (colours, has_alpha) = match colour {
        ColorType::Grayscale => (Channels::Grey, false),
        ColorType::GrayscaleAlpha => (Channels::Grey, true),
        ColorType::Rgba => (Channels::Rgb, true),
        ColorType::Rgb | ColorType::Indexed => (Channels::Rgb, false),
    };
    let count = size.pixels().saturating_mul((colours.channels() + usize::from(has_alpha)) as u64);
    let count = usize::try_from(count).map_err(|_| Flaw::broken("it is too large"))?;
    let samples = if depth == BitDepth::Sixteen {
        let mut words = vec![0_u16; count];
        reader.next_frame(bytemuck::cast_slice_mut(&mut words)).map_err(flaw)?;
        words.iter_mut().for_each(|word| *word = u16::from_be(*word));
        Samples::Words(words)
    } else {
        let mut bytes = vec![0_u8; count];
        reader.next_frame(&mut bytes).map_err(flaw)?;
        Samples::Bytes(bytes)
    };
    Ok(Decoded { colours, samples, has_alpha, premultiplied: false })
}

fn flaw(error: DecodingError) -> Flaw {
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Flaw::too_short(),
        DecodingError::LimitsExceeded => Flaw::too_greedy(),
        // The library has no kind of its own for it.
        DecodingError::Format(error) if error.to_string().starts_with("CRC error") => {
            Flaw::broken("a checksum does not fit its data, so that they were changed on their way")
        }
        _ => Flaw::damaged(),
    }
}
