//! How large the style images are.

use crate::{Size, choice::named, preset::SHORTEST_SIDE};

named! {
    /// How a style image is brought to a stage's size.
    StyleFit {
        /// Stretched to the stage's width and height.
        Stretch = "stretch",
        /// Its own shape kept, its longest side that of the stage, but with at most twice the stage's pixels.
        Keep = "keep",
    }
}

/// A style image's pixels, in those of the stage: a square one beside a picture twice as wide as high is not made smaller.
const MOST_PIXELS: f64 = 2.0;

impl StyleFit {
    /// The pixels that [`StyleFit::size_of`] comes to at the most, but for rounding.
    pub(crate) fn most_pixels(stage: Size, scale: f64) -> f64 {
        MOST_PIXELS * scale * scale * stage.pixels() as f64
    }

    /// The size that a style image of size `own` is brought to for a stage, where its sides are to be `scale` times as long as
    /// they would be of themselves.
    pub fn size_of(self, own: Size, stage: Size, scale: f64) -> Size {
        let mut size = match self {
            Self::Stretch => stage.scaled(scale),
            Self::Keep => own.scaled(scale * f64::from(stage.longest_side()) / f64::from(own.longest_side())),
        };
        let most = Self::most_pixels(stage, scale);
        if size.pixels() as f64 > most {
            size = size.scaled((most / size.pixels() as f64).sqrt());
        }
        // Below it, a VGG's fifth block would see nothing of the style. No stage is narrower either, so that this adds no pixels
        // to speak of.
        Size::new(size.width.max(SHORTEST_SIDE), size.height.max(SHORTEST_SIDE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_keeps_its_shape_and_stays_in_proportion_to_the_stage() {
        let square = Size::new(4000, 4000);
        let size = |own: Size, width, height| StyleFit::Keep.size_of(own, Size::new(width, height), 1.0);
        assert_eq!(size(square, 512, 256), Size::new(512, 512), "twice the pixels are not too many");
        assert_eq!(size(square, 512, 255), Size::new(511, 511));
        assert_eq!(size(square, 16_000, 16), Size::new(716, 716));
        assert_eq!(size(Size::new(3, 3000), 512, 512), Size::new(16, 512), "no narrower than a stage");
        assert_eq!(size(Size::new(10, 10), 300, 400), Size::new(400, 400), "small ones are made larger");
        assert_eq!(StyleFit::Stretch.size_of(square, Size::new(300, 200), 1.0), Size::new(300, 200));
    }

    #[test]
    fn a_scale_makes_its_sides_longer_or_shorter() {
        let size = |scale| StyleFit::Keep.size_of(Size::new(3000, 2000), Size::new(300, 200), scale);
        assert_eq!([0.5, 1.0, 2.0].map(size), [Size::new(150, 100), Size::new(300, 200), Size::new(600, 400)]);
        assert_eq!(StyleFit::Stretch.size_of(Size::new(9, 9), Size::new(300, 200), 0.5), Size::new(150, 100));
    }

    #[test]
    fn no_shape_has_many_more_pixels_than_the_stage() {
        let sides = [1, 7, 16, 100, 1000, 30_000];
        let sizes = || sides.into_iter().flat_map(|width| sides.map(|height| Size::new(width, height)));
        for own in sizes() {
            for stage in sizes().filter(|stage| stage.shortest_side() >= 16) {
                for scale in [0.25, 1.0, 4.0] {
                    let style = StyleFit::Keep.size_of(own, stage, scale);
                    // Rounding adds half a pixel a side.
                    let most = 1.05 * StyleFit::most_pixels(stage, f64::max(scale, 1.0));
                    assert!((style.pixels() as f64) < most, "{own} is brought to {style} for {stage}, scale {scale}");
                    assert!(style.shortest_side() >= 16);
                }
            }
        }
    }
}
