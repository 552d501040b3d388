//! Where a picture lies within the image that is optimised.
//!
//! A network's convolutions see zeros beyond an image's border, and an optimiser paints a frame there. So the objective
//! `relative` works on a larger image, whose margin continues the picture as mirrors would, and which is cut off at the end.
//! Its sides are multiples of what four poolings halve, so that no row or column is dropped from any of them.

use crate::{Objective, Size};

/// Pixels on every side at the least.
const MARGIN: u32 = 16;
/// The same while the picture is small: what is laid down then stays, and a frame would too.
const COARSE_MARGIN: u32 = 24;
/// The longest side of a small picture, in pixels, at the most.
const COARSE: u32 = 255;
/// What a side of the image is a multiple of.
const MULTIPLE: u32 = 16;

/// A picture, and the image around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    /// What is kept in the end.
    pub picture: Size,
    /// What is optimised.
    pub image: Size,
}

impl Canvas {
    /// The canvas on which an objective paints a picture of this size.
    pub fn new(picture: Size, objective: Objective) -> Self {
        let margin = if picture.longest_side() <= COARSE { COARSE_MARGIN } else { MARGIN };
        // No stage comes near the end of u32; until the limits are checked, a wish may.
        let around = |side: u32| {
            let side = side.saturating_add(2 * margin);
            side.checked_next_multiple_of(MULTIPLE).unwrap_or(side)
        };
        let image = match objective {
            Objective::Published => picture,
            Objective::Relative => Size::new(around(picture.width), around(picture.height)),
        };
        Self { picture, image }
    }

    /// No margin at all.
    pub fn without_margin(size: Size) -> Self {
        Self { picture: size, image: size }
    }

    /// The image's column and row where the picture begins.
    pub fn origin(self) -> (usize, usize) {
        let half = |image: u32, picture: u32| ((image - picture) / 2) as usize;
        (half(self.image.width, self.picture.width), half(self.image.height, self.picture.height))
    }

    /// For every column of the image, the picture's column that is seen there.
    pub fn columns(self) -> Vec<usize> {
        mirrored(self.image.width, self.origin().0, self.picture.width)
    }

    /// For every row of the image, the picture's row that is seen there.
    pub fn rows(self) -> Vec<usize> {
        mirrored(self.image.height, self.origin().1, self.picture.height)
    }
}

/// 0 to `length`, `start` places further on, and back and forth before and after, the outermost places twice in a row.
fn mirrored(places: u32, start: usize, length: u32) -> Vec<usize> {
    let length = i64::from(length);
    let place = |place: i64| {
        let within = (place - start as i64).rem_euclid(2 * length);
        within.min(2 * length - 1 - within) as usize
    };
    (0..i64::from(places)).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_lies_in_the_middle_of_its_mirror_images() {
        assert_eq!(mirrored(10, 3, 4), [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]);
        assert_eq!(mirrored(7, 3, 1), [0; 7]);
    }

    #[test]
    fn poolings_drop_nothing_of_a_canvas_with_a_margin() {
        for (side, margin) in [(16, 24), (17, 24), (255, 24), (256, 16), (300, 16), (512, 16)] {
            for picture in [Size::new(side, 9), Size::new(9, side)] {
                let Canvas { image, .. } = Canvas::new(picture, Objective::Relative);
                for (image, picture) in [(image.width, picture.width), (image.height, picture.height)] {
                    assert!(image.is_multiple_of(MULTIPLE) && image >= picture + 2 * margin, "{image} for {picture}");
                    assert!(image < picture + 2 * margin + MULTIPLE, "{image} for {picture}");
                }
            }
        }
        let exact = Canvas::new(Size::new(37, 29), Objective::Published);
        assert_eq!((exact.image, exact.origin()), (exact.picture, (0, 0)));
        Canvas::new(Size::new(u32::MAX, 1), Objective::Relative).origin();
    }
}
