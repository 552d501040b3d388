//! JPEG, by the decoder that the image crate has too, but told to refuse what is broken: left to itself, it fills what it
//! cannot read with grey.

use impasto_recipe::Size;
use zune_jpeg::{
    JpegDecoder,
    errors::DecodeErrors,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::{Decoded, scans, sizes_disagree};
use crate::{
    error::Flaw,
    stored::{Colours, Samples},
    structure::Adobe,
};

const END: &[u8] = &[0xff, 0xd9];

/// Decodes the first picture of a file, whose end mark may be missing.
pub(super) fn decode(bytes: &[u8], ended: bool, _adobe: Option<Adobe>, size: Size) -> Result<Decoded, Flaw> {
    if ended {
        return decode_whole(bytes, size);
    }
    let end = scans::end_of_picture(bytes)?;
    decode_whole(&[&bytes[..end], END].concat(), size)
}

fn decode_whole(bytes: &[u8], size: Size) -> Result<Decoded, Flaw> {
    // The headers are read leniently: cameras are careless there, and nothing of the picture is lost by it.
    let any_side = usize::from(u16::MAX);
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(any_side).set_max_height(any_side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(flaw)?;
    let (Some(info), Some(stored)) = (decoder.info(), decoder.input_colorspace()) else {
        return Err(Flaw::broken("it has no frame"));
    };
    if (u32::from(info.width), u32::from(info.height)) != (size.width, size.height) {
        return Err(sizes_disagree());
    }
    let (colours, wanted) = match (info.components, stored) {
        (1, _) => (Colours::Grey, ColorSpace::Luma),
        (4, stored) => (Colours::Cmyk, stored),
        _ => (Colours::Rgb, ColorSpace::RGB),
    };
    decoder.set_options(options.set_strict_mode(true).jpeg_set_out_colorspace(wanted));
    let mut samples = vec![0; colours.channels() * usize::from(info.width) * usize::from(info.height)];
    decoder.decode_into(&mut samples).map_err(flaw)?;
    if colours == Colours::Cmyk {
        samples.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = inks(*pixel, stored));
    }
    Ok(Decoded { colours, samples: Samples::Bytes(samples), has_alpha: false, premultiplied: false })
}

/// CMYK is taken for inverted, as Adobe writes it and everyone has followed.
fn inks(pixel: [u8; 4], stored: ColorSpace) -> [u8; 4] {
    if stored != ColorSpace::YCCK {
        return pixel.map(|value| u8::MAX - value);
    }
    let [luma, blue, red, black] = pixel.map(f32::from);
    let (blue, red) = (blue - 128.0, red - 128.0);
    // What is stored was inverted twice.
    let inks = [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue];
    let [cyan, magenta, yellow] = inks.map(|ink| ink.round() as u8);
    [cyan, magenta, yellow, u8::MAX - black as u8]
}

/// What the decoder said, without the marks of a literal that it prints around some of its texts.
fn flaw(error: DecodeErrors) -> Flaw {
    match error {
        DecodeErrors::Format(reason) => Flaw::broken(reason),
        DecodeErrors::FormatStatic(reason) => Flaw::broken(reason),
        other => Flaw::broken(other),
    }
}
