//! Total variation: what keeps the composite image smooth.

use candle_core::{D, DType, Result, Tensor};
use rayon::prelude::*;

use crate::algebra::with_slices;

/// tv = 0.5 (mean |dy| + mean |dx|) of the image (1, 3, height, width).
pub(crate) fn total_variation(image: &Tensor) -> Result<f64> {
    if let Some(total) = on_planes(image, |planes| planes.total_variation())? {
        return Ok(total);
    }
    let mean = |dim| differences(image, dim)?.abs()?.mean_all();
    ((mean(D::Minus2)? + mean(D::Minus1)?)? * 0.5)?.to_dtype(DType::F64)?.to_scalar()
}

/// Its gradient; the slope of |x| at 0 is 0.
pub(crate) fn gradient(image: &Tensor) -> Result<Tensor> {
    if let Some(gradient) = on_planes(image, |planes| planes.gradient())? {
        return Tensor::from_vec(gradient, image.shape(), image.device());
    }
    gradient_by_tensors(image)
}

fn gradient_by_tensors(image: &Tensor) -> Result<Tensor> {
    let along = |dim: D| {
        let signs = differences(image, dim)?.sign()?;
        let count = signs.elem_count() as f64;
        // Each difference b - a moves b by its sign and a by the opposite.
        let at_b = signs.pad_with_zeros(dim, 1, 0)?;
        let at_a = signs.pad_with_zeros(dim, 0, 1)?;
        (at_b - at_a)? * (0.5 / count)
    };
    along(D::Minus2)? + along(D::Minus1)?
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

    fn total_variation(&self) -> f64 {
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from((b - a).abs())).sum::<f64>();
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
        0.5 * (down / count_down + across / count_across)
    }

    fn gradient(&self) -> Vec<f32> {
        let (count_down, count_across) = self.counts();
        let (by_down, by_across) = ((0.5 / count_down) as f32, (0.5 / count_across) as f32);
        let mut gradient = vec![0f32; self.values.len()];
        gradient.par_chunks_mut(self.width).enumerate().for_each(|(number, gradient)| {
            let row = self.row(number);
            // A row is no different from itself.
            let (above, below) = (self.above(number).unwrap_or(row), self.below(number).unwrap_or(row));
            for (((gradient, here), above), below) in gradient.iter_mut().zip(row).zip(above).zip(below) {
                *gradient = (sign(here - above) - sign(below - here)) * by_down;
            }
            let Some(last) = row.len().checked_sub(1).filter(|last| *last > 0) else { return };
            gradient[0] -= sign(row[1] - row[0]) * by_across;
            gradient[last] += sign(row[last] - row[last - 1]) * by_across;
            let neighbours = row.iter().zip(&row[1..]).zip(&row[2..]);
            for (gradient, ((left, here), right)) in gradient[1..last].iter_mut().zip(neighbours) {
                *gradient += (sign(here - left) - sign(right - here)) * by_across;
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

    #[test]
    fn one_pass_gives_what_tensors_give() {
        let numbers = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(numbers(gradient(&image()).unwrap()), numbers(gradient_by_tensors(&image()).unwrap()));
    }

    #[test]
    fn the_gradient_is_that_of_the_total_variation() {
        let image = image();
        // So small a step that no difference changes its sign, and along it no two neighbours stay equal unseen.
        let wave: Vec<f32> = (0..image.elem_count()).map(|n| (n as f32).sin()).collect();
        let wave = Tensor::from_vec(wave, image.shape(), &Device::Cpu).unwrap();
        let smooth = (&image * 10.0).unwrap().broadcast_add(&(&wave * 2.0).unwrap()).unwrap();
        let at = |step: f64| total_variation(&(&smooth + (&wave * step).unwrap()).unwrap()).unwrap();
        let measured = (at(1e-2) - at(-1e-2)) / 2e-2;
        let claimed = (gradient(&smooth).unwrap() * &wave).unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((measured - f64::from(claimed)).abs() < 1e-3 * measured.abs(), "{measured} and {claimed}");
    }
}
