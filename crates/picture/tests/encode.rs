//! What is written can be read again.

use impasto_picture::{DecodeLimits, EncodeError, Format, Picture};
use impasto_recipe::Size;
use proptest::prelude::*;

fn pictures() -> impl Strategy<Value = Picture> {
    (1_u32..24, 1_u32..24).prop_flat_map(|(width, height)| {
        let size = Size::new(width, height);
        prop::collection::vec(0.0_f32..=1.0, 3 * size.pixels() as usize)
            .prop_map(move |rgb| Picture::new(size, rgb).unwrap())
    })
}

proptest! {
    #[test]
    fn lossless_formats_are_within_half_a_step(picture in pictures()) {
        for format in [Format::Png, Format::WebP] {
            let file = picture.encode(format).unwrap();
            let again = Picture::decode(&file, &DecodeLimits::default()).unwrap();
            prop_assert_eq!(again.size(), picture.size());
            for (have, want) in again.rgb().iter().zip(picture.rgb()) {
                prop_assert!((have - want).abs() <= 0.5001 / 255.0, "{} instead of {}", have, want);
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
    let unknown = "gif".parse::<Format>().unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "'gif' is not a picture format that can be written: there are png, png16, jpeg, webp and tiff"
    );
}
