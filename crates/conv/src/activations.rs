//! What flows from layer to layer.

use rayon::prelude::*;

use crate::{LANES, Lanes, kernels::COLOURS, lines::Line};

/// How many channels there are, and the size of the image that each of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Blocks of 16 channels that these channels fill; the last one may have channels to spare, which are always 0.
    pub fn blocks(self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Pairs of such blocks; the last one may have a block to spare.
    pub(crate) fn pairs(self) -> usize {
        self.channels.div_ceil(2 * LANES)
    }

    /// Pixels of one channel.
    pub fn pixels(self) -> usize {
        self.height * self.width
    }

    /// After a 2x2 pooling of stride 2 over whole windows.
    pub fn pooled(self) -> Self {
        Self { height: self.height / 2, width: self.width / 2, ..self }
    }

    /// The same image with other channels.
    pub fn with_channels(self, channels: usize) -> Self {
        Self { channels, ..self }
    }

    /// Every block, row and column.
    fn places(self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.blocks() * self.pixels()).map(move |number| {
            let (row, column) = (number / self.width, number % self.width);
            (row / self.height, row % self.height, column)
        })
    }
}

/// Activations, or their gradient, in a number format and the layout that belongs to it.
#[derive(Debug, Clone)]
pub struct Activations<L = Lanes> {
    shape: Shape,
    /// As much as the largest shape so far needs; what the present one does not need lies at the end. Lines that belong to no
    /// pixel are 0, and so are channels to spare.
    storage: Vec<L>,
}

impl<L: Line> Activations<L> {
    /// Zeros.
    pub fn zeros(shape: Shape) -> Self {
        Self { shape, storage: vec![L::ZERO; L::lines(shape)] }
    }

    /// A buffer that is yet to [take a shape](Self::reshape).
    pub fn nothing() -> Self {
        Self::zeros(Shape { channels: 0, height: 0, width: 0 })
    }

    /// From (channel, row, column).
    ///
    /// # Panics
    /// When there are not as many numbers as `shape` says.
    pub fn from_planes(shape: Shape, planes: &[f32]) -> Self {
        let mut new = Self::zeros(shape);
        new.fill_from_planes(planes);
        new
    }

    /// Takes other values, from (channel, row, column).
    ///
    /// # Panics
    /// When there are not as many numbers as the shape says.
    pub fn fill_from_planes(&mut self, planes: &[f32]) {
        let shape = self.shape;
        assert_eq!(planes.len(), shape.channels * shape.pixels(), "numbers of {shape:?}");
        for (block, row, column) in shape.places() {
            let first = (block * LANES * shape.height + row) * shape.width + column;
            let mut values = [0.0; LANES];
            for (value, plane) in values.iter_mut().zip(planes[first..].iter().step_by(shape.pixels())) {
                *value = *plane;
            }
            let place = L::place(shape, block, row, column);
            self.storage[place.line].set_part(place.part, values);
        }
    }

    /// As (channel, row, column).
    pub fn to_planes(&self) -> Vec<f32> {
        let shape = self.shape;
        let mut planes = vec![0.0; shape.channels * shape.pixels()];
        for (block, row, column) in shape.places() {
            let first = (block * LANES * shape.height + row) * shape.width + column;
            let place = L::place(shape, block, row, column);
            let values = self.storage[place.line].part(place.part);
            for (plane, value) in planes[first..].iter_mut().step_by(shape.pixels()).zip(values) {
                *plane = value;
            }
        }
        planes
    }

    /// Sets every pixel's first block to what `block` makes of an image's colours there, from (colour, row, column).
    ///
    /// # Panics
    /// When there are not as many numbers as the image's size says.
    pub(crate) fn fill_from_image(
        &mut self,
        planes: &[f32],
        block: impl Fn([f32; COLOURS]) -> [f32; LANES] + Send + Sync,
    ) {
        let shape = self.shape;
        assert_eq!(planes.len(), COLOURS * shape.pixels(), "numbers of an image");
        let line = |row| L::place(shape, 0, row, 0).line;
        let (first, stride) = (line(0), line(1) - line(0));
        let rows = self.lines_mut()[first..].par_chunks_mut(stride.max(1)).take(shape.height);
        rows.enumerate().for_each(|(row, lines)| {
            let plane = |colour: usize| &planes[colour * shape.pixels() + row * shape.width..][..shape.width];
            for (line, ((red, green), blue)) in lines.iter_mut().zip(plane(0).iter().zip(plane(1)).zip(plane(2))) {
                line.set_part(0, block([*red, *green, *blue]));
            }
        });
    }

    /// The sum of every channel's values, and that of their squares.
    pub fn channel_sums(&self) -> Vec<(f64, f64)> {
        let groups = self.shape.blocks().div_ceil(L::PARTS);
        // Channels that share a line lie in one run of lines, and lines where no pixel is are 0.
        let run = L::lines(self.shape) / groups.max(1);
        let sums = (0..groups).into_par_iter().flat_map_iter(|group| {
            let lines = &self.lines()[group * run..][..run];
            (0..L::PARTS).flat_map(|part| sums_of_part(lines, part))
        });
        let mut sums: Vec<(f64, f64)> = sums.collect();
        sums.truncate(self.shape.channels);
        sums
    }

    /// Their shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Takes another shape and, with it, arbitrary values: for a buffer that serves several layers.
    ///
    /// Its memory is kept, and grows only beyond the largest shape so far.
    pub fn reshape(&mut self, shape: Shape) {
        self.shape = shape;
        let lines = L::lines(shape);
        if self.storage.len() < lines {
            self.storage.resize(lines, L::ZERO);
        }
        L::clear_border(shape, &mut self.storage[..lines]);
    }

    /// All values, in whatever order they lie, with zeros in channels to spare and where no pixel is: for sums and
    /// differences that need no order.
    pub fn lines(&self) -> &[L] {
        &self.storage[..L::lines(self.shape)]
    }

    /// All values, to be changed. What belongs to no pixel, and channels to spare, must stay 0.
    pub fn lines_mut(&mut self) -> &mut [L] {
        let lines = L::lines(self.shape);
        &mut self.storage[..lines]
    }
}

/// Lines that are summed up together: the sums are those of the chunks in order, whatever number of threads adds them up.
pub(crate) const CHUNK: usize = 4096;

/// So many lines are added in f32 that rounding stays small.
pub(crate) const SUMMED_AT_ONCE: usize = 64;

/// For each of 16 channels, a sum of values and a sum of squares.
pub(crate) type Sums = [(f64, f64); LANES];

/// The sums over lines of one of their parts' 16 numbers, and of their squares.
fn sums_of_part<L: Line>(lines: &[L], part: usize) -> Sums {
    let chunks: Vec<Sums> = lines
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut all = [(0.0, 0.0); LANES];
            for lines in chunk.chunks(SUMMED_AT_ONCE) {
                let (mut sums, mut squares) = ([0f32; LANES], [0f32; LANES]);
                for line in lines {
                    let values = line.part(part);
                    for lane in 0..LANES {
                        sums[lane] += values[lane];
                        squares[lane] += values[lane] * values[lane];
                    }
                }
                add_sums(&mut all, sums, squares);
            }
            all
        })
        .collect();
    in_all(&chunks)
}

pub(crate) fn add_sums(to: &mut Sums, sums: [f32; LANES], squares: [f32; LANES]) {
    for (lane, to) in to.iter_mut().enumerate() {
        *to = (to.0 + f64::from(sums[lane]), to.1 + f64::from(squares[lane]));
    }
}

/// Those of all chunks, in their order.
pub(crate) fn in_all<'a>(chunks: impl IntoIterator<Item = &'a Sums>) -> Sums {
    chunks.into_iter().fold([(0.0, 0.0); LANES], |all, more| {
        std::array::from_fn(|lane| (all[lane].0 + more[lane].0, all[lane].1 + more[lane].1))
    })
}
