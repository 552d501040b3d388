//! JPEG, read by the decoder that the image crate has too, but told to refuse what is broken: left to itself, it fills
//! what it cannot read with grey.

use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult, error::DecodingError};
use zune_jpeg::{
    JpegDecoder,
    errors::DecodeErrors,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

/// A file whose headers have been read.
pub(crate) struct StrictJpegDecoder<'a> {
    decoder: JpegDecoder<ZCursor<&'a [u8]>>,
    width: u16,
    height: u16,
    grey: bool,
}

impl<'a> StrictJpegDecoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> ImageResult<Self> {
        // The headers are read leniently: cameras are careless there, and nothing of the picture is lost by it.
        let any_side = usize::from(u16::MAX);
        let options = DecoderOptions::default().set_strict_mode(false).set_max_width(any_side).set_max_height(any_side);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(broken)?;
        let (Some(info), Some(colours)) = (decoder.info(), decoder.input_colorspace()) else {
            return Err(broken(DecodeErrors::FormatStatic("it has no frame")));
        };
        if !matches!(info.components, 1 | 3 | 4) {
            return Err(broken(DecodeErrors::Format(format!("it has {} colour components", info.components))));
        }
        let grey = colours == ColorSpace::Luma;
        // CMYK and YCCK are taken for inverted, as Adobe writes them and everyone has followed.
        let wanted = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
        decoder.set_options(options.set_strict_mode(true).jpeg_set_out_colorspace(wanted));
        Ok(Self { decoder, width: info.width, height: info.height, grey })
    }
}

impl ImageDecoder for StrictJpegDecoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        (self.width.into(), self.height.into())
    }

    fn color_type(&self) -> ColorType {
        if self.grey { ColorType::L8 } else { ColorType::Rgb8 }
    }

    fn exif_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.decoder.exif().cloned())
    }

    fn read_image(mut self, buffer: &mut [u8]) -> ImageResult<()> {
        self.decoder.decode_into(buffer).map_err(broken)
    }

    fn read_image_boxed(self: Box<Self>, buffer: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(buffer)
    }
}

fn broken(error: DecodeErrors) -> ImageError {
    // These two print their text as a Rust literal.
    let reason = match error {
        DecodeErrors::Format(reason) => reason,
        DecodeErrors::FormatStatic(reason) => reason.to_owned(),
        other => other.to_string(),
    };
    ImageError::Decoding(DecodingError::new(ImageFormat::Jpeg.into(), reason))
}
