//! Resizing, held against Pillow's filters on float channels (data/make.py).

use impasto_picture::{Filter, Picture, PictureError};
use impasto_recipe::Size;
use proptest::prelude::*;

/// The picture of 13x9 that data/make.py computes too.
fn picture() -> Picture {
    let numbers = (0..13 * 9 * 3_u64).map(|index| ((index * 2_654_435_761) as u32 >> 8) as f32 / 16_777_216.0);
    Picture::new(Size::new(13, 9), numbers.collect()).unwrap()
}

#[test]
fn resizing_is_pillows() {
    for (filter, golden) in [
        (Filter::Bilinear, &include_bytes!("data/resized_bilinear.f32")[..]),
        (Filter::Bicubic, include_bytes!("data/resized_bicubic.f32")),
    ] {
        let mut golden = golden.chunks_exact(4);
        for (width, height) in [(5, 4), (29, 20), (13, 4), (40, 3), (1, 1), (12, 9)] {
            let size = Size::new(width, height);
            let resized = picture().resized(size, filter);
            assert_eq!(resized.size(), size);
            for have in resized.rgb() {
                let want = f32::from_le_bytes(golden.next().unwrap().try_into().unwrap());
                assert!((have - want).abs() <= 1e-6, "{filter:?} to {size}: {have} instead of {want}");
            }
        }
        assert_eq!(golden.next(), None);
    }
}

#[test]
fn the_same_size_changes_nothing() {
    assert_eq!(picture().resized(Size::new(13, 9), Filter::Bicubic), picture());
}

#[test]
fn numbers_that_make_no_picture_are_refused() {
    let size = Size::new(2, 1);
    assert_eq!(Picture::new(Size::new(0, 3), Vec::new()), Err(PictureError::NoPixels(Size::new(0, 3))));
    assert_eq!(Picture::new(size, vec![0.0; 5]), Err(PictureError::WrongLength { size, wanted: 6, given: 5 }));
    assert_eq!(
        Picture::new(size, vec![0.0, 1.0, 1.5, 0.0, 0.0, 0.0]),
        Err(PictureError::OutOfRange { value: 1.5, position: 2 })
    );
    let clamped = Picture::clamped(size, vec![-0.1, 1.0, f32::INFINITY, 0.0, 0.5, 0.0]).unwrap();
    assert_eq!(clamped.rgb(), [0.0, 1.0, 1.0, 0.0, 0.5, 0.0]);
    assert!(Picture::clamped(size, vec![f32::NAN; 6]).is_err());
}

proptest! {
    #[test]
    fn a_plain_picture_stays_plain(value in 0.0_f32..=1.0, from in (1_u32..40, 1_u32..40), to in (1_u32..90, 1_u32..90)) {
        let from = Size::new(from.0, from.1);
        let plain = Picture::new(from, vec![value; 3 * from.pixels() as usize]).unwrap();
        for filter in [Filter::Bilinear, Filter::Bicubic] {
            let resized = plain.resized(Size::new(to.0, to.1), filter);
            prop_assert!(resized.rgb().iter().all(|have| (have - value).abs() <= 1e-6));
        }
    }
}
