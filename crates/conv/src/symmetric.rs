//! Gram matrices.

use rayon::prelude::*;

use crate::{LANES, Lanes};

/// A symmetric matrix of channels x channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetric {
    channels: usize,
    /// (block of columns, row, 16 columns), zeros in channels to spare.
    lanes: Vec<Lanes>,
}

impl Symmetric {
    /// Zeros.
    pub fn zeros(channels: usize) -> Self {
        let blocks = channels.div_ceil(LANES);
        Self { channels, lanes: vec![Lanes::ZERO; blocks * blocks * LANES] }
    }

    /// The sum of several matrices laid out as this one is, though with `rows` of them, of whose columns only those on and
    /// right of the diagonal, by blocks, need be there.
    pub(crate) fn sum(channels: usize, rows: usize, parts: &[Lanes]) -> Self {
        let mut matrix = Self::zeros(channels);
        let own_rows = matrix.rows();
        assert!(rows >= own_rows, "as many rows as channels");
        let size = rows * rows / LANES;
        matrix.lanes.par_chunks_mut(own_rows.max(1)).enumerate().for_each(|(column, sums)| {
            for (row, sums) in sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let (above, right) = (row.min(column), row.max(column));
                for part in parts.chunks_exact(size) {
                    for (sum, more) in sums.iter_mut().zip(&part[right * rows + above * LANES..]) {
                        for lane in 0..LANES {
                            sum.0[lane] += more.0[lane];
                        }
                    }
                }
                if row > column {
                    transpose(sums);
                }
            }
        });
        matrix
    }

    /// Rows, channels to spare included.
    pub(crate) fn rows(&self) -> usize {
        self.channels.div_ceil(LANES) * LANES
    }

    /// All values, channels to spare included: for what is done to each of them alike.
    pub fn lanes(&self) -> &[Lanes] {
        &self.lanes
    }

    /// All values, to be changed. Channels to spare must stay 0, and the matrix symmetric.
    pub fn lanes_mut(&mut self) -> &mut [Lanes] {
        &mut self.lanes
    }

    /// Its size.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The numbers on the diagonal.
    pub fn diagonal(&self) -> Vec<f32> {
        (0..self.channels).map(|channel| self.lanes[self.diagonal_lane(channel)].0[channel % LANES]).collect()
    }

    /// Adds a number to each of those on the diagonal.
    ///
    /// # Panics
    /// When there are not as many of them as channels.
    pub fn add_to_diagonal(&mut self, numbers: &[f32]) {
        assert_eq!(numbers.len(), self.channels, "numbers of the diagonal");
        for (channel, number) in numbers.iter().enumerate() {
            let lane = self.diagonal_lane(channel);
            self.lanes[lane].0[channel % LANES] += number;
        }
    }

    /// Where a channel's number of the diagonal lies.
    fn diagonal_lane(&self, channel: usize) -> usize {
        channel / LANES * self.rows() + channel
    }

    /// Row by row, channels x channels.
    pub fn to_rows(&self) -> Vec<f32> {
        let rows = self.rows();
        let at = |row: usize, column: usize| self.lanes[column / LANES * rows + row].0[column % LANES];
        (0..self.channels * self.channels).map(|index| at(index / self.channels, index % self.channels)).collect()
    }
}

fn transpose(block: &mut [Lanes; LANES]) {
    let from = *block;
    for (row, to) in block.iter_mut().enumerate() {
        to.0 = std::array::from_fn(|column| from[column].0[row]);
    }
}
