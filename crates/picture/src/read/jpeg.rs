//! JPEG, by the decoder that the image crate has too, but told to refuse what is broken: left to itself, it fills what it
//! cannot read with grey.

use impasto_recipe::Size;
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::{Decoded, scans, sizes_disagree};
use crate::{
    error::Flaw,
    stored::{Channels, Samples},
};

const END: &[u8] = &[0xff, 0xd9];

/// Decodes the first picture of a file, whose end mark may be missing.
pub(super) fn decode(bytes: &[u8], ended: bool, is_rgb: bool, size: Size) -> Result<Decoded, Flaw> {
    if ended {
        return decode_whole(bytes, is_rgb, size);
    }
    let end = scans::end_of_picture(bytes, size)?;
    decode_whole(&[&bytes[..end], END].concat(), is_rgb, size)
}

fn decode_whole(bytes: &[u8], is_rgb: bool, size: Size) -> Result<Decoded, Flaw> {
    // The headers are read leniently: cameras are careless there, and nothing of the picture is lost by it.
    let any_side = usize::from(u16::MAX);
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(any_side).set_max_height(any_side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|_| Flaw::damaged())?;
    let (Some(info), Some(stored)) = (decoder.info(), decoder.input_colorspace()) else {
        return Err(Flaw::broken("it has no frame"));
    };
    if (u32::from(info.width), u32::from(info.height)) != (size.width, size.height) {
        return Err(sizes_disagree());
    }
    let (colours, wanted) = match (info.components, stored) {
        (1, _) => (Channels::Grey, ColorSpace::Luma),
        (4, stored) => (Channels::Cmyk, stored),
        // Asked for what it has, the decoder leaves colours as they are.
        (_, ColorSpace::YCbCr) if is_rgb => (Channels::Rgb, ColorSpace::YCbCr),
        _ => (Channels::Rgb, ColorSpace::RGB),
    };
    // The decoder goes by the names of the components first, everyone else by them last.
    let is_taken_for_rgb = colours == Channels::Rgb && !is_rgb && matches!(stored, ColorSpace::RGB | ColorSpace::CMYK);
    decoder.set_options(options.set_strict_mode(true).jpeg_set_out_colorspace(wanted));
    let mut samples = vec![0; colours.channels() * usize::from(info.width) * usize::from(info.height)];
    decoder.decode_into(&mut samples).map_err(|_| Flaw::damaged())?;
    if colours == Channels::Cmyk {
        samples.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = inks(*pixel, stored));
    }
    if is_taken_for_rgb {
        samples.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = rgb_of_ycc(*pixel));
    }
    Ok(Decoded { colours, samples: Samples::Bytes(samples), has_alpha: false, premultiplied: false })
}

/// CMYK is taken for inverted, as Adobe writes it and everyone has followed.
fn inks(pixel: [u8; 4], stored: ColorSpace) -> [u8; 4] {
    if stored != ColorSpace::YCCK {
        return pixel.map(|value| u8::MAX - value);
    }
    let [luma, blue, red, black] = pixel;
    // What is stored was inverted twice.
    let [cyan, magenta, yellow] = rgb_of_ycc([luma, blue, red]);
    [cyan, magenta, yellow, u8::MAX - black]
}

fn rgb_of_ycc(pixel: [u8; 3]) -> [u8; 3] {
    let [luma, blue, red] = pixel.map(f32::from);
    let (blue, red) = (blue - 128.0, red - 128.0);
    [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue]
        .map(|value| value.round() as u8)
}
