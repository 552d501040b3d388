//! Where each pixel of a picture goes as it is turned upright.

use image::metadata::Orientation;
use impasto_recipe::Size;

/// A turn of a picture of a size.
pub(crate) struct Turn {
    from: Size,
    /// Whether columns become rows.
    transposes: bool,
    /// Whether right and left change places after that.
    flips_across: bool,
    flips_down: bool,
}

impl Turn {
    pub fn new(orientation: Orientation, from: Size) -> Self {
        let (transposes, flips_across, flips_down) = match orientation {
            Orientation::NoTransforms => (false, false, false),
            Orientation::FlipHorizontal => (false, true, false),
            Orientation::Rotate180 => (false, true, true),
            Orientation::FlipVertical => (false, false, true),
            Orientation::Rotate90FlipH => (true, false, false),
            Orientation::Rotate90 => (true, true, false),
            Orientation::Rotate270FlipH => (true, true, true),
            Orientation::Rotate270 => (true, false, true),
        };
        Self { from, transposes, flips_across, flips_down }
    }

    /// The size after it.
    pub fn size(&self) -> Size {
        let Size { width, height } = self.from;
        if self.transposes { Size::new(height, width) } else { self.from }
    }

    /// Where the pixels of row `y` go, from the left.
    pub fn places_of_row(&self, y: u32) -> impl Iterator<Item = usize> + Clone {
        let Size { width, height } = self.size();
        let (transposes, flips_across, flips_down) = (self.transposes, self.flips_across, self.flips_down);
        (0..self.from.width).map(move |x| {
            let (x, y) = if transposes { (y, x) } else { (x, y) };
            let x = if flips_across { width - 1 - x } else { x };
            let y = if flips_down { height - 1 - y } else { y };
            y as usize * width as usize + x as usize
        })
    }
}
