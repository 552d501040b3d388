//! Total variation: what keeps the composite image smooth.

use candle_core::{D, DType, Result, Tensor};
use impasto_recipe::Objective;
use rayon::prelude::*;

use crate::algebra::with_slices;

/// How the differences of neighbouring pixels are added up, in an image (1, 3, height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TotalVariation {
    /// 0.5 (mean |dy| + mean |dx|)
    Absolute,
    /// mean dy² + mean dx²: it counts what is rough for more, and what is smooth for less.
    Quadratic,
}

impl TotalVariation {
    /// That of an objective.
    pub fn of(objective: Objective) -> Self {
        match objective {
            Objective::Published => Self::Absolute,
            Objective::Relative => Self::Quadratic,
        }
    }

    /// The total variation of an image.
    pub fn of_image(self, image: &Tensor) -> Result<f64> {
        let on_cpu = on_planes(image, |planes| match self {
            Self::Absolute => planes.total_variation(|difference| 0.5 * difference.abs()),
            Self::Quadratic => planes.total_variation(|difference| difference * difference),
        });
        if let Some(total) = on_cpu? {
            return Ok(total);
        }
        let mean = |dim| {
            let differences = differences(image, dim)?;
            match self {
                Self::Absolute => differences.abs()?.mean_all()? * 0.5,
                Self::Quadratic => differences.sqr()?.mean_all(),
            }
        };
        (mean(D::Minus2)? + mean(D::Minus1)?)?.to_dtype(DType::F64)?.to_scalar()
    }

    /// Its gradient; the slope of |x| at 0 is 0.
    pub fn gradient(self, image: &Tensor) -> Result<Tensor> {
        let on_cpu = on_planes(image, |planes| match self {
            Self::Absolute => planes.gradient(|difference| 0.5 * sign(difference)),
            Self::Quadratic => planes.gradient(|difference| 2.0 * difference),
        });
        match on_cpu? {
            Some(gradient) => Tensor::from_vec(gradient, image.shape(), image.device()),
            None => self.gradient_by_tensors(image),
        }
    }

    fn gradient_by_tensors(self, image: &Tensor) -> Result<Tensor> {
        let along = |dim: D| {
            let differences = differences(image, dim)?;
            let count = differences.elem_count() as f64;
            let slopes = match self {
                Self::Absolute => (differences.sign()? * 0.5)?,
                Self::Quadratic => (differences * 2.0)?,
            };
            // Each difference b - a moves b by its slope and a by the opposite.
            let at_b = slopes.pad_with_zeros(dim, 1, 0)?;
            let at_a = slopes.pad_with_zeros(dim, 0, 1)?;
            (at_b - at_a)? * (1.0 / count)
        };
        along(D::Minus2)? + along(D::Minus1)?
    }
}

fn differences(image: &Tensor, dim: D) -> Result<Tensor> {
    let length = image.dim(dim)?;
    image.narrow(dim, 1, length - 1)? - image.narrow(dim, 0, length - 1)?
}

/// The image on a CPU, where neighbours are differed in one pass over memory: by tensors it takes ten, most of them strided.
struct Planes<'a> {
    values: &'a [f32],
    height: usize,
    width: usize,
}

/// What `work` makes of an image on a CPU; `None` on another device.
fn on_planes<T>(image: &Tensor, work: impl FnOnce(Planes<'_>) -> T) -> Result<Option<T>> {
    let (_, _, height, width) = image.dims4()?;
    with_slices([image], |[values]| work(Planes { values, height, width }))
}

impl Planes<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.width
    }

    fn row(&self, number: usize) -> &[f32] {
        &self.values[number * self.width..][..self.width]
    }

    /// The row above, unless it is another plane's.
    fn above(&self, number: usize) -> Option<&[f32]> {
        (!number.is_multiple_of(self.height)).then(|| self.row(number - 1))
    }

    /// The row below, unless it is another plane's.
    fn below(&self, number: usize) -> Option<&[f32]> {
        (!(number + 1).is_multiple_of(self.height)).then(|| self.row(number + 1))
    }

    /// How many differences there are, down and across.
    fn counts(&self) -> (f64, f64) {
        let planes = self.rows() / self.height;
        ((planes * (self.height - 1) * self.width) as f64, (planes * self.height * (self.width - 1)) as f64)
    }

    /// The mean over all differences of what each of them counts, down and across.
    fn total_variation(&self, counts: impl Fn(f32) -> f32 + Sync) -> f64 {
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(counts(b - a))).sum::<f64>();
        // Row by row and then in order: the sum is the same on any number of threads.
        let sums: Vec<(f64, f64)> = (0..self.rows())
            .into_par_iter()
            .map(|number| {
                let row = self.row(number);
                (self.below(number).map_or(0.0, |below| apart(row, below)), apart(&row[..row.len() - 1], &row[1..]))
            })
            .collect();
        let (down, across) = sums.iter().fold((0.0, 0.0), |(down, across), sum| (down + sum.0, across + sum.1));
        let (count_down, count_across) = self.counts();
        down / count_down + across / count_across
    }

    /// The gradient of that, of which `slope` is the derivative of what a difference counts, an odd function.
    fn gradient(&self, slope: impl Fn(f32) -> f32 + Sync) -> Vec<f32> {
        let (count_down, count_across) = self.counts();
        let (by_down, by_across) = ((1.0 / count_down) as f32, (1.0 / count_across) as f32);
        let mut gradient = vec![0f32; self.values.len()];
        gradient.par_chunks_mut(self.width).enumerate().for_each(|(number, gradient)| {
            let row = self.row(number);
            // A row is no different from itself.
            let (above, below) = (self.above(number).unwrap_or(row), self.below(number).unwrap_or(row));
            for (((gradient, here), above), below) in gradient.iter_mut().zip(row).zip(above).zip(below) {
                *gradient = (slope(here - above) - slope(below - here)) * by_down;
            }
            let Some(last) = row.len().checked_sub(1).filter(|last| *last > 0) else { return };
            gradient[0] -= slope(row[1] - row[0]) * by_across;
            gradient[last] += slope(row[last] - row[last - 1]) * by_across;
            let neighbours = row.iter().zip(&row[1..]).zip(&row[2..]);
            for (gradient, ((left, here), right)) in gradient[1..last].iter_mut().zip(neighbours) {
                *gradient += (slope(here - left) - slope(right - here)) * by_across;
            }
        });
        gradient
    }
}

/// 1, 0 or -1.
fn sign(number: f32) -> f32 {
    // In this form compilers make vectors of it.
    if number > 0.0 {
        1.0
    } else if number < 0.0 {
        -1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn image() -> Tensor {
        // Whole numbers, so that many neighbours are equal.
        let numbers: Vec<f32> = (0..3 * 13 * 17).map(|n| (n * 7919 % 5) as f32 - 2.0).collect();
        Tensor::from_vec(numbers, (1, 3, 13, 17), &Device::Cpu).unwrap()
    }

    const BOTH: [TotalVariation; 2] = [TotalVariation::Absolute, TotalVariation::Quadratic];

    #[test]
    fn one_pass_gives_what_tensors_give() {
        let numbers =
            |tensor: Tensor| tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        // f64 tensors take the way of a GPU's.
        let (image, wide) = (image(), image().to_dtype(DType::F64).unwrap());
        for kind in BOTH {
            let (have, want) = (kind.of_image(&image).unwrap(), kind.of_image(&wide).unwrap());
            assert!((have - want).abs() < 1e-6 * want, "{kind:?}: {have} and {want}");
            let (have, want) = (numbers(kind.gradient(&image).unwrap()), numbers(kind.gradient(&wide).unwrap()));
            assert!(have.iter().zip(want).all(|(have, want)| (have - want).abs() < 1e-7), "{kind:?}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_total_variation() {
        let image = image();
        // So small a step that no difference changes its sign, and along it no two neighbours stay equal unseen.
        let wave: Vec<f32> = (0..image.elem_count()).map(|n| (n as f32).sin()).collect();
        let wave = Tensor::from_vec(wave, image.shape(), &Device::Cpu).unwrap();
        let smooth = (&image * 10.0).unwrap().broadcast_add(&(&wave * 2.0).unwrap()).unwrap();
        for kind in BOTH {
            let at = |step: f64| kind.of_image(&(&smooth + (&wave * step).unwrap()).unwrap()).unwrap();
            let measured = (at(1e-2) - at(-1e-2)) / 2e-2;
            let gradient = kind.gradient(&smooth).unwrap();
            let claimed = f64::from((gradient * &wave).unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap());
            assert!((measured - claimed).abs() < 1e-3 * measured.abs(), "{kind:?}: {measured} and {claimed}");
        }
    }
}
