//! What is written can be read again.

use impasto_picture::{DecodeLimits, EncodeError, Encoding, Format, JpegQuality, Mask, Picture};
use impasto_recipe::Size;
use proptest::prelude::*;

fn pictures() -> impl Strategy<Value = Picture> {
    (1_u32..24, 1_u32..24).prop_flat_map(|(width, height)| {
        let size = Size::new(width, height);
        let values = |channels: usize| prop::collection::vec(0.0_f32..=1.0, channels * size.pixels() as usize);
        // Opacities of which no colour is lost.
        let alpha = prop::option::of(values(1).prop_map(|values| values.into_iter().map(|a| a.max(0.1)).collect()));
        (values(3), alpha).prop_map(move |(rgb, alpha): (Vec<f32>, Option<Vec<f32>>)| {
            let picture = Picture::new(size, rgb).unwrap();
            match alpha {
                Some(alpha) => picture.with_alpha(Mask::new(size, alpha).unwrap()),
                None => picture,
            }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lossless_formats_are_within_half_a_step(picture in pictures()) {
        for (format, most) in
            [(Format::Png, 255.0), (Format::WebP, 255.0), (Format::Png16, 65_535.0), (Format::Tiff, 65_535.0)]
        {
            let file = picture.encode(format).unwrap();
            let again = Picture::decode(&file, &DecodeLimits::default()).unwrap();
            prop_assert_eq!(again.size(), picture.size());
            for (have, want) in again.rgb().iter().zip(picture.rgb()) {
                prop_assert!((have - want).abs() <= 0.502 / most, "{} instead of {} in {}", have, want, format);
            }
            match (picture.alpha(), again.alpha()) {
                (Some(want), have) => {
                    let opaque = vec![1.0; want.values().len()];
                    let have = have.map_or(opaque.as_slice(), Mask::values);
                    let near = have.iter().zip(want.values()).all(|(have, want)| (have - want).abs() <= 0.502 / most);
                    prop_assert!(near, "{:?} instead of {:?}", have, want);
                }
                (None, have) => prop_assert!(have.is_none()),
            }
            prop_assert_eq!(picture.encode(format).unwrap(), file, "the same bytes every time");
        }
    }
}

#[test]
fn jpeg_keeps_fine_colours() {
    // Stripes one pixel wide: halved chroma would mix them.
    let stripes = (0..32 * 32).flat_map(|place| if place % 2 == 0 { [0.9, 0.1, 0.1] } else { [0.1, 0.5, 0.9] });
    let picture = Picture::new(Size::new(32, 32), stripes.collect()).unwrap();
    let file = picture.encode(Format::Jpeg).unwrap();
    assert_eq!(picture.encode(Format::Jpeg).unwrap(), file);
    let again = Picture::decode(&file, &DecodeLimits::default()).unwrap();
    let furthest = again.rgb().iter().zip(picture.rgb()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest < 0.08, "{furthest}");
}

fn noise() -> Picture {
    let values = (0..48 * 40 * 3_u64).map(|index| ((index * 2_654_435_761) as u32 >> 8) as f32 / 16_777_216.0);
    Picture::new(Size::new(48, 40), values.collect()).unwrap()
}

#[test]
fn jpegs_grow_with_their_quality() {
    let length = |quality: &str| {
        let encoding = Encoding { format: Format::Jpeg, quality: quality.parse().unwrap() };
        noise().encode(encoding).unwrap().len()
    };
    let lengths = ["1", "30", "75", "95", "100"].map(length);
    assert!(lengths.is_sorted_by(|one, other| one < other), "{lengths:?}");
    assert_eq!(noise().encode(Format::Jpeg).unwrap().len(), lengths[3]);
}

#[test]
fn qualities_are_whole_numbers_from_1_to_100() {
    assert_eq!(JpegQuality::default().get(), 95);
    assert_eq!(JpegQuality::new(1).map(JpegQuality::get), Ok(1));
    for text in ["0", "101", "-1", "95.5", "best", "", "300"] {
        let error = text.parse::<JpegQuality>().unwrap_err();
        assert_eq!(error.to_string(), format!("'{text}' is not a JPEG quality: give a whole number from 1 to 100"));
    }
}

#[test]
fn a_jpeg_is_laid_on_white() {
    let size = Size::new(16, 16);
    let clear = Picture::new(size, vec![0.2; 768]).unwrap().with_alpha(Mask::new(size, vec![0.5; 256]).unwrap());
    let again = Picture::decode(&clear.encode(Format::Jpeg).unwrap(), &DecodeLimits::default()).unwrap();
    assert_eq!(again.alpha(), None);
    assert!(again.rgb().iter().all(|value| (value - 0.6).abs() < 0.01));
}

/// Viewers that manage colours need to be told what they are.
#[test]
fn every_file_says_that_it_is_srgb() {
    let holds = |file: &[u8], mark: &[u8]| file.windows(mark.len()).any(|window| window == mark);
    for format in Format::ALL {
        let file = noise().encode(format).unwrap();
        match format {
            Format::Png | Format::Png16 => {
                assert!(
                    holds(&file, b"sRGB") && holds(&file, b"gAMA\0\0\xb1\x8f") && holds(&file, b"cHRM"),
                    "{format}"
                );
                assert_eq!(file[24], if format == Format::Png { 8 } else { 16 });
            }
            Format::Jpeg => assert!(holds(&file, b"ICC_PROFILE\0\x01\x01"), "{format}"),
            Format::WebP => assert!(holds(&file, b"ICCP"), "{format}"),
            Format::Tiff => assert!(holds(&file, b"acsp"), "{format}"),
        }
        let inspected = Picture::inspect(&file, &DecodeLimits::default()).unwrap();
        assert!(inspected.notices.is_empty(), "{format}: {:?}", inspected.notices);
        let bare = 48 * 40 * 3 * if matches!(format, Format::Png16 | Format::Tiff) { 2 } else { 1 };
        assert!(file.len() < bare + 2048, "{format}: {} bytes", file.len());
    }
}

#[test]
fn halves_are_rounded_to_the_even_neighbour() {
    let picture = Picture::new(Size::new(1, 1), vec![0.5, 1.5 / 255.0, 1.0]).unwrap();
    let again = Picture::decode(&picture.encode(Format::Png).unwrap(), &DecodeLimits::default()).unwrap();
    assert_eq!(again.rgb(), [128.0 / 255.0, 2.0 / 255.0, 1.0]);
}

#[test]
fn a_side_too_long_for_the_format_is_refused() {
    let long = Picture::new(Size::new(70_000, 1), vec![0.5; 210_000]).unwrap();
    assert!(long.encode(Format::Png).is_ok());
    for (format, limit) in [(Format::Jpeg, 65_535), (Format::WebP, 16_384)] {
        let error = long.encode(format).unwrap_err();
        assert!(matches!(error, EncodeError::TooLarge { limit: have, .. } if have == limit), "{error}");
    }
}

#[test]
fn formats_go_by_name_and_extension() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
        assert_eq!(format.extension().to_uppercase().parse::<Format>().map(Format::mime), Ok(format.mime()));
        assert!(format.mime().starts_with("image/"));
    }
    assert_eq!("TIF".parse(), Ok(Format::Tiff));
    let unknown = "gif".parse::<Format>().unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "'gif' is not a picture format that can be written: there are png, png16, jpeg, webp and tiff"
    );
}
