//! Where a picture lies within the image that is optimised.
//!
//! A network's convolutions see zeros beyond an image's border, and an optimiser paints a frame there. So the objective
//! `relative` works on a larger image, whose margin continues the picture as mirrors would, and which is cut off at the end.
//! Its sides are multiples of what four poolings halve, so that no row or column is dropped from any of them.

use impasto_recipe::{Objective, Size};

/// Pixels on every side at the least.
const MARGIN: u32 = 16;
/// The same while the image is small: what is laid down then stays, and a frame would too.
const COARSE_MARGIN: u32 = 24;
/// The longest side of a small image.
const COARSE: u32 = 255;
/// What a side of the image is a multiple of.
const MULTIPLE: u32 = 16;

/// A picture, and the image around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Canvas {
    /// What is kept in the end.
    pub picture: Size,
    /// What is optimised.
    pub image: Size,
}

impl Canvas {
    /// The canvas on which an objective paints a picture of this size.
    pub fn new(picture: Size, objective: Objective) -> Self {
        let margin = if picture.longest_side() <= COARSE { COARSE_MARGIN } else { MARGIN };
        let around = |side: u32| (side + 2 * margin).next_multiple_of(MULTIPLE);
        let image = match objective {
            Objective::Published => picture,
            Objective::Relative => Size::new(around(picture.width), around(picture.height)),
        };
        Self { picture, image }
    }

    /// No margin at all.
    pub fn bare(size: Size) -> Self {
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
        for side in [16, 17, 33, 300, 512] {
            let canvas = Canvas::new(Size::new(side, 200), Objective::Relative);
            assert!(canvas.image.width.is_multiple_of(MULTIPLE) && canvas.image.width >= side + 2 * MARGIN);
            assert!(canvas.origin().0 >= MARGIN as usize);
        }
        let exact = Canvas::new(Size::new(37, 29), Objective::Published);
        assert_eq!((exact.image, exact.origin()), (exact.picture, (0, 0)));
    }
}
