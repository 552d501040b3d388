//! TIFF, by the tiff crate.

use std::io::Cursor;

use impasto_recipe::Size;
use tiff::{
    ColorType, TiffError,
    decoder::{Decoder, DecodingResult, Limits},
};

use super::{Decoded, sizes_disagree};
use crate::{
    error::Flaw,
    outline::Outline,
    stored::{Channels, Samples},
    structure::TiffFields,
};

const WHITE_IS_ZERO: u32 = 0;
const BLACK_IS_ZERO: u8 = 1;
const PALETTE: u32 = 3;
const PREMULTIPLIED: u32 = 1;
const STRAIGHT: u32 = 2;

pub(super) fn decode(bytes: &[u8], fields: &TiffFields, outline: &Outline) -> Result<Decoded, Flaw> {
    let size = outline.size;
    // The decoder leaves palettes alone, and what is white at zero in part: both are read as plain grey, and are seen to here.
    let as_grey;
    let bytes = if matches!(fields.photometric, PALETTE | WHITE_IS_ZERO) {
        as_grey = with_grey(bytes, fields);
        &as_grey
    } else {
        bytes
    };
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(flaw)?.with_limits(limits(outline));
    if decoder.dimensions().map_err(flaw)? != (size.width, size.height) {
        return Err(sizes_disagree());
    }
    let (mut colours, bits, channels) = match decoder.colortype().map_err(flaw)? {
        ColorType::Gray(bits) => (Channels::Grey, bits, 1),
        ColorType::GrayA(bits) => (Channels::Grey, bits, 2),
        ColorType::Multiband { bit_depth, num_samples } if matches!(fields.photometric, 0 | 1 | PALETTE) => {
            (Channels::Grey, bit_depth, usize::from(num_samples))
        }
        ColorType::RGB(bits) => (Channels::Rgb, bits, 3),
        ColorType::RGBA(bits) => (Channels::Rgb, bits, 4),
        ColorType::CMYK(bits) => (Channels::Cmyk, bits, 4),
        ColorType::CMYKA(bits) => (Channels::Cmyk, bits, 5),
        _ => return Err(Flaw::unsupported("its colours are of a kind that is rare")),
    };
    let mut result = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut result).map_err(flaw)?;
    if result.as_buffer(0).as_bytes().len() < layout.complete_len {
        return Err(Flaw::too_greedy());
    }
    let is_palette = fields.photometric == PALETTE;
    let mut samples = match result {
        DecodingResult::U8(bytes) if bits == 8 => Samples::Bytes(bytes),
        DecodingResult::U8(bytes) if matches!(bits, 1 | 2 | 4) && channels == 1 => {
            Samples::Bytes(unpacked(&bytes, bits, size.width as usize, !is_palette))
        }
        DecodingResult::U16(words) if bits == 16 => Samples::Words(words),
        DecodingResult::U32(numbers) => {
            Samples::Words(numbers.into_iter().map(|number| (number >> 16) as u16).collect())
        }
        DecodingResult::F16(floats) => Samples::Floats(floats.into_iter().map(f32::from).collect()),
        DecodingResult::F32(floats) => Samples::Floats(floats),
        DecodingResult::F64(floats) => Samples::Floats(floats.into_iter().map(|float| float as f32).collect()),
        _ => return Err(Flaw::unsupported(format!("it has {bits} bits a channel, of a kind that is rare"))),
    };
    let has_alpha = channels > colours.channels() && matches!(fields.extra, Some(PREMULTIPLIED | STRAIGHT));
    let kept = colours.channels() + usize::from(has_alpha);
    let planes = if layout.planes > 1 { layout.planes } else { 1 };
    samples = match samples {
        Samples::Bytes(values) => Samples::Bytes(arranged(values, size, planes, channels, kept)?),
        Samples::Words(values) => Samples::Words(arranged(values, size, planes, channels, kept)?),
        Samples::Floats(values) => Samples::Floats(arranged(values, size, planes, channels, kept)?),
    };
    if fields.photometric == WHITE_IS_ZERO {
        invert(&mut samples, kept);
    }
    if is_palette {
        samples = coloured(&samples, &fields.palette, bits, kept)?;
        colours = Channels::Rgb;
    }
    Ok(Decoded { colours, samples, has_alpha, premultiplied: fields.extra == Some(PREMULTIPLIED) })
}

/// The file, with its grey or palette called grey that is black at zero.
fn with_grey(bytes: &[u8], fields: &TiffFields) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = fields.photometric_at + usize::from(!fields.little_end_first);
    if let Some(value) = bytes.get_mut(at) {
        *value = BLACK_IS_ZERO;
    }
    bytes
}

/// Rows of packed samples, each of which begins with a new byte. Greys are spread over the range of a byte.
fn unpacked(packed: &[u8], bits: u8, width: usize, spread: bool) -> Vec<u8> {
    let a_byte = usize::from(8 / bits);
    let most = (1_u8 << bits) - 1;
    let scale = if spread { u8::MAX / most } else { 1 };
    let rows = packed.chunks_exact(width.div_ceil(a_byte));
    let mut unpacked = Vec::with_capacity(width * rows.len());
    for row in rows {
        let samples =
            row.iter().flat_map(|&byte| (1..=a_byte).map(move |place| byte >> (8 - place * usize::from(bits))));
        unpacked.extend(samples.take(width).map(|sample| (sample & most) * scale));
    }
    unpacked
}

/// The colours that the first of so many channels stands for; what follows it is opacity.
fn coloured(numbers: &Samples, palette: &[u16], bits: u8, channels: usize) -> Result<Samples, Flaw> {
    let Samples::Bytes(numbers) = numbers else {
        return Err(Flaw::unsupported(format!("it has a palette for {bits} bits")));
    };
    let count = palette.len() / 3;
    // Some writers give bytes where words are asked for.
    let are_bytes = palette.iter().all(|&value| value < 256);
    let widened = |value: u16| value * 257;
    let widen = |value| if are_bytes { widened(value) } else { value };
    let colours: Vec<[u16; 3]> =
        (0..count).map(|place| [0, 1, 2].map(|channel| widen(palette[channel * count + place]))).collect();
    let mut samples = Vec::with_capacity((2 + channels) * (numbers.len() / channels));
    for pixel in numbers.chunks_exact(channels) {
        let colour = colours.get(usize::from(pixel[0]));
        samples.extend(colour.ok_or_else(|| Flaw::broken("it uses a colour that its palette does not have"))?);
        samples.extend(pixel[1..].iter().map(|&opacity| widened(opacity.into())));
    }
    Ok(Samples::Words(samples))
}

/// Channels that stand together pixel by pixel, and of each pixel as many as are kept.
fn arranged<T: Copy>(values: Vec<T>, size: Size, planes: usize, channels: usize, kept: usize) -> Result<Vec<T>, Flaw> {
    let count = usize::try_from(size.pixels()).unwrap_or(usize::MAX);
    if channels < kept || values.len() < count.saturating_mul(channels) {
        return Err(Flaw::broken("it has fewer samples than its size asks for"));
    }
    if planes == 1 && channels == kept {
        return Ok(values);
    }
    let (of_pixel, of_channel) = if planes == 1 { (channels, 1) } else { (1, count) };
    // Collected without its length, it would be up to twice as long.
    let mut arranged = Vec::with_capacity(count * kept);
    let places = (0..count).flat_map(|pixel| (0..kept).map(move |channel| pixel * of_pixel + channel * of_channel));
    arranged.extend(places.map(|at| values[at]));
    Ok(arranged)
}

/// Turns light into dark in pixels of so many channels, the first of which is grey.
fn invert(samples: &mut Samples, channels: usize) {
    match samples {
        Samples::Bytes(values) => values.iter_mut().step_by(channels).for_each(|value| *value = u8::MAX - *value),
        Samples::Words(values) => values.iter_mut().step_by(channels).for_each(|value| *value = u16::MAX - *value),
        Samples::Floats(values) => values.iter_mut().step_by(channels).for_each(|value| *value = 1.0 - *value),
    }
}

/// What was told of it, and no more: the decoder takes this much for lists in the file's head too.
fn limits(outline: &Outline) -> Limits {
    let most = usize::try_from(outline.memory_need().inspecting).unwrap_or(usize::MAX);
    let mut limits = Limits::default();
    limits.decoding_buffer_size = most;
    limits.intermediate_buffer_size = most;
    limits.ifd_value_size = most;
    limits
}

/// What the decoder said, in words for those who sent the file.
fn flaw(error: TiffError) -> Flaw {
    use tiff::TiffUnsupportedError::{UnknownCompressionMethod, UnsupportedCompressionMethod};
    match error {
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Flaw::too_short(),
        TiffError::UnsupportedError(UnknownCompressionMethod | UnsupportedCompressionMethod(_)) => {
            Flaw::unsupported("it is compressed in a way that is rare")
        }
        TiffError::UnsupportedError(_) => Flaw::unsupported("its colours are of a kind that is rare"),
        TiffError::LimitsExceeded => Flaw::too_greedy(),
        _ => Flaw::damaged(),
    }
}
