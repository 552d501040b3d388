//! Transparency and masks.

use impasto_picture::{DecodeLimits, Filter, Format, Mask, Picture, PictureError};
use impasto_recipe::Size;

fn sheet(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/sheet/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn decode(name: &str) -> Picture {
    Picture::decode(&sheet(name), &DecodeLimits::default()).unwrap()
}

#[test]
fn only_a_picture_that_is_transparent_somewhere_has_an_alpha() {
    let limits = DecodeLimits::default();
    for (name, transparent) in [
        ("alpha.png", true),
        ("alpha_16.png", true),
        ("alpha.webp", true),
        ("clear.gif", true),
        ("tiff_alpha.tif", true),
        ("tiff_premultiplied.tif", true),
        ("tiff_unspecified.tif", false),
        ("opaque_alpha.png", false),
        ("plain.gif", false),
    ] {
        assert_eq!(decode(name).alpha().is_some(), transparent, "{name}");
        assert_eq!(Picture::inspect(&sheet(name), &limits).unwrap().transparent, transparent, "{name}");
    }
}

#[test]
fn colours_that_are_hidden_do_not_bleed() {
    // Red that is seen beside blue that is not.
    let size = Size::new(8, 1);
    let colours = [[1.0, 0.0, 0.0]; 4].into_iter().chain([[0.0, 0.0, 1.0]; 4]).flatten().collect();
    let alpha = Mask::new(size, vec![1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    let picture = Picture::new(size, colours).unwrap().with_alpha(alpha);
    assert_eq!(picture.rgb()[12..15], [1.0; 3], "white where nothing is to be seen");
    for (to, filter) in [(3, Filter::Bilinear), (5, Filter::Bicubic), (20, Filter::Bilinear), (20, Filter::Bicubic)] {
        let resized = picture.resized(Size::new(to, 1), filter);
        let alpha = resized.alpha().unwrap();
        assert_eq!(alpha.size(), resized.size());
        for (pixel, &alpha) in resized.rgb().chunks_exact(3).zip(alpha.values()) {
            if alpha == 0.0 {
                assert_eq!(pixel, [1.0; 3]);
            } else {
                assert!(pixel[0] > 0.999 && pixel[1] < 0.001 && pixel[2] < 0.001, "{pixel:?} of {alpha}");
            }
        }
        assert!(alpha.values()[0] > 0.999 && *alpha.values().last().unwrap() < 0.001);
    }
}

#[test]
fn what_is_transparent_is_laid_on_white() {
    let size = Size::new(3, 1);
    let alpha = Mask::new(size, vec![1.0, 0.25, 0.0]).unwrap();
    let picture = Picture::new(size, vec![0.5; 9]).unwrap().with_alpha(alpha);
    let laid = picture.laid_on_white();
    assert_eq!(laid.alpha(), None);
    assert_eq!(laid.rgb(), [0.5, 0.5, 0.5, 0.875, 0.875, 0.875, 1.0, 1.0, 1.0]);
}

#[test]
fn an_alpha_is_brought_to_the_pictures_size() {
    let picture = Picture::new(Size::new(4, 2), vec![0.5; 24]).unwrap();
    let alpha = Mask::new(Size::new(8, 4), vec![0.25; 32]).unwrap();
    assert_eq!(picture.with_alpha(alpha).alpha().unwrap().values(), [0.25; 8]);
}

#[test]
fn a_mask_is_how_light_a_picture_is() {
    let limits = DecodeLimits::default();
    let grey = Mask::decode(&sheet("tiff_grey.tif"), &limits).unwrap();
    let picture = decode("tiff_grey.tif");
    assert_eq!(grey.size(), picture.size());
    assert!(grey.values().iter().zip(picture.rgb().chunks_exact(3)).all(|(value, pixel)| *value == pixel[0]));
    let green = Picture::new(Size::new(1, 1), vec![0.0, 1.0, 0.0]).unwrap().encode(Format::Png).unwrap();
    let value = Mask::decode(&green, &limits).unwrap().values()[0];
    assert!((value - 0.7152).abs() < 1e-4, "{value}");
    // What is transparent does not count.
    let half = Mask::new(Size::new(1, 1), vec![0.5]).unwrap();
    let white = Picture::new(Size::new(1, 1), vec![1.0; 3]).unwrap().with_alpha(half).encode(Format::Png16).unwrap();
    let value = Mask::decode(&white, &limits).unwrap().values()[0];
    assert!((value - 0.5).abs() < 1e-4, "{value}");
    assert!(Mask::decode(b"nothing", &limits).is_err());
}

#[test]
fn masks_are_resized_softly() {
    let edge = Mask::new(Size::new(4, 1), vec![0.0, 0.0, 1.0, 1.0]).unwrap();
    let wide = edge.resized(Size::new(16, 2));
    assert_eq!(wide.size(), Size::new(16, 2));
    assert!(wide.values()[..16].is_sorted(), "{:?}", wide.values());
    assert!(wide.values().iter().any(|value| (0.3..0.7).contains(value)));
    let small = edge.resized(Size::new(1, 1));
    assert!((small.values()[0] - 0.5).abs() < 1e-6);
    assert_eq!(edge.resized(edge.size()), edge);
}

#[test]
fn numbers_that_make_no_mask_are_refused() {
    let size = Size::new(2, 1);
    assert_eq!(Mask::new(size, vec![0.0; 3]), Err(PictureError::WrongLength { size, wanted: 2, given: 3 }));
    assert_eq!(Mask::new(size, vec![0.0, 2.0]), Err(PictureError::OutOfRange { value: 2.0, position: 1 }));
    assert_eq!(Mask::new(Size::new(0, 1), Vec::new()), Err(PictureError::NoPixels(Size::new(0, 1))));
}
