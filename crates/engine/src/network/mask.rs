//! Masks, as the layers of a network see them.

/// How much each pixel of an image counts, from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelMask {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Row after row.
    pub values: Vec<f32>,
}

impl PixelMask {
    /// What the layers of a block see of it, blocks being counted from 1: pooled as often as their features are, each time to the
    /// means of whole 2x2 windows.
    pub(super) fn at_block(&self, block: usize) -> Self {
        (1..block).fold(self.clone(), |mask, _| mask.pooled())
    }

    fn pooled(&self) -> Self {
        let (height, width) = (self.height / 2, self.width / 2);
        let at = |row: usize, column: usize| self.values[row * self.width + column];
        let mean = |row: usize, column: usize| {
            let upper = at(2 * row, 2 * column) + at(2 * row, 2 * column + 1);
            let lower = at(2 * row + 1, 2 * column) + at(2 * row + 1, 2 * column + 1);
            (upper + lower) / 4.0
        };
        let places = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        let values = places.map(|(row, column)| mean(row, column)).collect();
        Self { height, width, values }
    }

    /// How many pixels count, in parts of a pixel.
    pub(super) fn sum(&self) -> f64 {
        self.values.iter().map(|&value| f64::from(value)).sum()
    }

    /// How much of the image counts, from 0 to 1.
    pub fn mean(&self) -> f64 {
        self.sum() / self.values.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_drops_what_no_window_holds() {
        let mask = PixelMask { height: 3, width: 5, values: (0..15).map(|value| value as f32).collect() };
        assert_eq!(mask.at_block(1), mask);
        assert_eq!(mask.at_block(2), PixelMask { height: 1, width: 2, values: vec![3.0, 5.0] });
        assert_eq!(mask.sum(), 105.0);
    }
}
