//! Total variation: what keeps the composite image smooth.

use candle_core::{D, Result, Tensor};

/// tv = 0.5 (mean |dy| + mean |dx|) of the image (1, 3, height, width), as a scalar.
pub(crate) fn total_variation(image: &Tensor) -> Result<Tensor> {
    let mean = |dim| differences(image, dim)?.abs()?.mean_all();
    (mean(D::Minus2)? + mean(D::Minus1)?)? * 0.5
}

/// Its gradient; the slope of |x| at 0 is 0.
pub(crate) fn gradient(image: &Tensor) -> Result<Tensor> {
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
