//! The content and style terms on the kernels' layout, with their gradients. The formulas are those of
//! [`super::super::losses`].

use impasto_conv::{Activations, Kernels, LANES, Line, PixelWeights, Symmetric};
use rayon::prelude::*;

use super::super::{
    PixelMask,
    losses::{LEAST_ENERGY, variance_floor},
};

/// Lines that are summed up together: the sums are those of the chunks in order, whatever number of threads adds them up.
const CHUNK: usize = 4096;

/// How much each pixel of a layer counts. (Gatys et al. 2017 call it a guidance channel.)
pub(super) struct Guidance {
    pixels: PixelWeights,
    /// Their roots: of features so weighed, the Gram matrix is the weighed one.
    roots: PixelWeights,
    sum: f64,
}

/// Which pixels of a layer count.
pub(super) enum Extent {
    /// All of them alike.
    Everywhere,
    /// Each as its guidance says.
    Guided(Guidance),
    /// None.
    Nowhere,
}

impl Extent {
    /// For the layers of each block, as a mask of the image says.
    pub fn by_block<L: Line>(mask: Option<&PixelMask>) -> Vec<Self> {
        const BLOCKS: usize = 5;
        let at_block = |block: usize| match mask.map(|mask| mask.at_block(block)) {
            None => Self::Everywhere,
            Some(mask) if mask.sum() > 0.0 => Self::Guided(Guidance::of_mask::<L>(&mask)),
            Some(_) => Self::Nowhere,
        };
        (1..=BLOCKS).map(at_block).collect()
    }

    /// How much each pixel counts, if not all alike.
    pub fn guidance(&self) -> Option<&Guidance> {
        match self {
            Self::Guided(guidance) => Some(guidance),
            Self::Everywhere | Self::Nowhere => None,
        }
    }
}

impl Guidance {
    fn of_mask<L: Line>(mask: &PixelMask) -> Self {
        let PixelMask { height, width, values } = mask;
        let roots: Vec<f32> = values.iter().map(|value| value.sqrt()).collect();
        let of = |values: &[f32]| PixelWeights::new::<L>(*height, *width, values);
        Self { pixels: of(values), roots: of(&roots), sum: mask.sum() }
    }

    /// Of each pixel.
    pub fn pixels(&self) -> &PixelWeights {
        &self.pixels
    }
}

/// Features, and how much each pixel of them counts, if not all alike.
pub(super) struct Seen<'a, K: Kernels> {
    kernels: &'a K,
    features: &'a Activations<K::Line>,
    guidance: Option<&'a Guidance>,
    /// Room for as many again.
    spare: &'a mut Activations<K::Line>,
}

impl<'a, K: Kernels> Seen<'a, K> {
    /// `None` where no pixel counts.
    pub fn new(
        kernels: &'a K,
        features: &'a Activations<K::Line>,
        extent: &'a Extent,
        spare: &'a mut Activations<K::Line>,
    ) -> Option<Self> {
        (!matches!(extent, Extent::Nowhere)).then(|| Self { kernels, features, guidance: extent.guidance(), spare })
    }

    /// Pixels that count.
    fn pixels(&self) -> f64 {
        self.guidance.map_or(self.features.shape().pixels() as f64, |guidance| guidance.sum)
    }

    /// Numbers that count.
    fn count(&self) -> f64 {
        self.features.shape().channels as f64 * self.pixels()
    }

    /// F W F^T / (c w), W being the diagonal matrix of what pixels count, and w their sum; and the [moments](Self::moments), where
    /// they come along with it.
    fn gram(&mut self) -> (Symmetric, Option<Moments>) {
        let (mut matrix, sums) = match self.guidance {
            None => (self.kernels.gram(self.features), None),
            Some(guidance) => {
                let sums = self.spare.set_weighed(self.features, &guidance.roots);
                (self.kernels.gram(self.spare), Some(sums))
            }
        };
        scale(&mut matrix, (1.0 / self.count()) as f32);
        (matrix, sums.map(|sums| Moments::new(sums, self.pixels())))
    }

    /// Of pixels that count alike.
    fn moments(&self) -> Moments {
        Moments::new(self.features.channel_sums(), self.pixels())
    }
}

/// The means of every channel, and of its squares.
struct Moments {
    mean: Vec<f64>,
    mean_square: Vec<f64>,
}

impl Moments {
    fn new(sums: Vec<(f64, f64)>, pixels: f64) -> Self {
        let (mean, mean_square) = sums.into_iter().map(|(sum, squares)| (sum / pixels, squares / pixels)).unzip();
        Self { mean, mean_square }
    }
}

/// Features to be held against.
pub(super) struct ContentTarget<L> {
    want: Activations<L>,
    /// What the squared differences are divided by: their number, or the target's energy.
    divisor: f64,
}

impl<L: Line> ContentTarget<L> {
    pub fn new(want: Activations<L>, relative: bool) -> Self {
        let divisor = if relative { total_energy(want.lines()).max(LEAST_ENERGY) } else { count(&want) };
        Self { want, divisor }
    }

    pub fn distance(&self, have: &Activations<L>) -> f64 {
        let chunks = have.lines().par_chunks(CHUNK).zip(self.want.lines().par_chunks(CHUNK));
        let distances: Vec<f64> = chunks
            .map(|(have, want)| {
                let pairs = have.iter().zip(want);
                let energies = pairs.flat_map(|(have, want)| differences(have, want)).map(|part| energy(&part));
                energies.sum()
            })
            .collect();
        distances.iter().sum::<f64>() / self.divisor
    }

    /// Adds the distance's gradient, times `weight`, to `gradient`.
    pub fn add_gradient(&self, have: &Activations<L>, weight: f64, gradient: &mut Activations<L>) {
        let factor = (2.0 * weight / self.divisor) as f32;
        let chunks = gradient.lines_mut().par_chunks_mut(CHUNK);
        chunks.zip(have.lines().par_chunks(CHUNK)).zip(self.want.lines().par_chunks(CHUNK)).for_each(
            |((gradient, have), want)| {
                for ((gradient, have), want) in gradient.iter_mut().zip(have).zip(want) {
                    for (part, difference) in differences(have, want).enumerate() {
                        let own = gradient.part(part);
                        gradient.set_part(part, std::array::from_fn(|lane| own[lane] + factor * difference[lane]));
                    }
                }
            },
        );
    }
}

/// What the style of features is held against.
pub(super) struct StyleTarget {
    want: Symmetric,
    divisor: f64,
    moments: Option<MomentTargets>,
}

/// What a style image's features say of it, or the weighed mean of several.
pub(super) struct StyleStatistics {
    gram: Symmetric,
    /// Of each channel.
    mean: Vec<f64>,
    /// Of each channel's squares. Unlike variances these may be averaged over styles.
    mean_square: Vec<f64>,
}

/// What makes the gradient of features F: (S F + b) W, W being the diagonal matrix of what pixels count.
pub(super) struct StyleGradient {
    /// S
    pub matrix: Symmetric,
    /// b, a number for each channel.
    pub bias: Option<Vec<f32>>,
}

impl StyleStatistics {
    /// Of no image, for features of so many channels.
    pub fn zeros(channels: usize) -> Self {
        Self { gram: Symmetric::zeros(channels), mean: vec![0.0; channels], mean_square: vec![0.0; channels] }
    }

    /// Of these features.
    pub fn of<K: Kernels>(mut seen: Seen<'_, K>) -> Self {
        let (gram, moments) = seen.gram();
        let Moments { mean, mean_square } = moments.unwrap_or_else(|| seen.moments());
        Self { gram, mean, mean_square }
    }

    /// Those of parts that add up to `sum`, brought to a sum of one.
    pub fn divided_by(mut self, sum: f64) -> Self {
        if sum != 1.0 {
            scale(&mut self.gram, (1.0 / sum) as f32);
            self.mean.iter_mut().chain(&mut self.mean_square).for_each(|number| *number /= sum);
        }
        self
    }

    /// Adds a part of others.
    pub fn add_part(&mut self, part: f64, of: &Self) {
        for (sum, more) in self.gram.lanes_mut().iter_mut().zip(of.gram.lanes()) {
            for (sum, more) in sum.0.iter_mut().zip(more.0) {
                *sum += part as f32 * more;
            }
        }
        let sums = self.mean.iter_mut().chain(&mut self.mean_square);
        for (sum, more) in sums.zip(of.mean.iter().chain(&of.mean_square)) {
            *sum += part * more;
        }
    }
}

impl StyleTarget {
    /// The Gram matrix alone, or, `relative`, the channels' moments too.
    pub fn new(want: StyleStatistics, relative: bool) -> Self {
        let StyleStatistics { gram, mean, mean_square } = want;
        let divisor = if relative {
            total_energy(gram.lanes()).max(LEAST_ENERGY)
        } else {
            (gram.channels() * gram.channels()) as f64
        };
        let moments = relative.then(|| MomentTargets::new(&gram, mean, &mean_square));
        Self { want: gram, divisor, moments }
    }

    /// The distance of features, and `weight` times its gradient.
    pub fn distance<K: Kernels>(&self, mut seen: Seen<'_, K>, weight: f64) -> (f64, StyleGradient) {
        let (mut matrix, moments) = seen.gram();
        let of_moments = self.moments.as_ref().map(|target| {
            let Moments { mean, mean_square } = moments.unwrap_or_else(|| seen.moments());
            target.distance(&mean, &mean_square, seen.pixels(), weight)
        });
        let factor = (4.0 * weight / (self.divisor * seen.count())) as f32;
        let chunks = matrix.lanes_mut().par_chunks_mut(CHUNK).zip(self.want.lanes().par_chunks(CHUNK));
        let distances: Vec<f64> = chunks
            .map(|(chunk, want)| {
                let mut distance = 0.0;
                for (lanes, want) in chunk.iter_mut().zip(want) {
                    let difference = difference(&lanes.0, &want.0);
                    distance += energy(&difference);
                    lanes.0 = difference.map(|number| number * factor);
                }
                distance
            })
            .collect();
        let distance = distances.iter().sum::<f64>() / self.divisor;
        match of_moments {
            None => (distance, StyleGradient { matrix, bias: None }),
            Some(MomentGradient { distance: of_moments, factors, bias }) => {
                matrix.add_to_diagonal(&factors);
                (distance + of_moments, StyleGradient { matrix, bias: Some(bias) })
            }
        }
    }
}

/// What the channels' means and standard deviations are held against.
struct MomentTargets {
    mean: Vec<f64>,
    mean_divisor: f64,
    deviation: Vec<f64>,
    deviation_divisor: f64,
    /// What is added to every variance.
    floor: f64,
}

/// The distance of the moments, and its gradient at features F: each channel of F times its factor, plus its bias.
struct MomentGradient {
    distance: f64,
    factors: Vec<f32>,
    bias: Vec<f32>,
}

impl MomentTargets {
    fn new(gram: &Symmetric, mean: Vec<f64>, mean_square: &[f64]) -> Self {
        let floor = variance_floor(gram.diagonal().into_iter().map(f64::from).sum());
        let moments = mean.iter().zip(mean_square);
        let deviation: Vec<f64> = moments.map(|(mean, square)| deviation(*mean, *square, floor)).collect();
        let energy = |of: &[f64]| of.iter().map(|number| number * number).sum::<f64>().max(LEAST_ENERGY);
        let (mean_divisor, deviation_divisor) = (energy(&mean), energy(&deviation));
        Self { mean, mean_divisor, deviation, deviation_divisor, floor }
    }

    /// Of features of so many pixels; the gradient alone is multiplied by `weight`.
    fn distance(&self, mean: &[f64], mean_square: &[f64], pixels: f64, weight: f64) -> MomentGradient {
        let slope = 2.0 * weight / pixels;
        let mut distance = 0.0;
        let (mut factors, mut bias) = (Vec::with_capacity(mean.len()), Vec::with_capacity(mean.len()));
        let wanted = self.mean.iter().zip(&self.deviation);
        for ((mean, square), (want_mean, want_deviation)) in mean.iter().zip(mean_square).zip(wanted) {
            let deviation = deviation(*mean, *square, self.floor);
            let (by_mean, by_deviation) = (mean - want_mean, deviation - want_deviation);
            distance += by_mean * by_mean / self.mean_divisor + by_deviation * by_deviation / self.deviation_divisor;
            // d(mean)/dF = 1/n, and d(deviation)/dF = (F - mean) / (n deviation).
            let factor = slope * by_deviation / (self.deviation_divisor * deviation);
            factors.push(factor as f32);
            bias.push((slope * by_mean / self.mean_divisor - factor * mean) as f32);
        }
        MomentGradient { distance, factors, bias }
    }
}

/// The standard deviation, with something added to the variance.
fn deviation(mean: f64, mean_square: f64, floor: f64) -> f64 {
    // Rounding may leave a little less than nothing.
    ((mean_square - mean * mean).max(0.0) + floor).sqrt()
}

/// The matrix times a number.
fn scale(matrix: &mut Symmetric, factor: f32) {
    matrix.lanes_mut().iter_mut().for_each(|lanes| lanes.0.iter_mut().for_each(|number| *number *= factor));
}

fn count<L: Line>(of: &Activations<L>) -> f64 {
    (of.shape().channels * of.shape().pixels()) as f64
}

fn total_energy<L: Line>(lines: &[L]) -> f64 {
    let of_line = |line: &L| (0..L::PARTS).map(|part| energy(&line.part(part))).sum::<f64>();
    let sums: Vec<f64> = lines.par_chunks(CHUNK).map(|chunk| chunk.iter().map(of_line).sum()).collect();
    sums.iter().sum()
}

fn differences<L: Line>(have: &L, want: &L) -> impl Iterator<Item = [f32; LANES]> {
    (0..L::PARTS).map(|part| difference(&have.part(part), &want.part(part)))
}

fn difference(have: &[f32; LANES], want: &[f32; LANES]) -> [f32; LANES] {
    std::array::from_fn(|lane| have[lane] - want[lane])
}

fn energy(numbers: &[f32; LANES]) -> f64 {
    f64::from(numbers.iter().map(|number| number * number).sum::<f32>())
}
