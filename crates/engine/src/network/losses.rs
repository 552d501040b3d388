//! The content and style terms at one layer, with their gradients. Features are (channels, height * width).

use candle_core::{DType, Result, Tensor};

/// Below this a target has no energy worth dividing by: a black picture's.
pub(crate) const LEAST_ENERGY: f64 = 1e-12;

/// The Gram matrix F F^T / (c h w) of features F (c, h*w): (c, c).
pub(crate) fn gram(features: &Tensor) -> Result<Tensor> {
    features.matmul(&features.t()?)? / features.elem_count() as f64
}

/// What features or Gram matrices are held against.
pub(crate) struct Target {
    want: Tensor,
    /// What the squared differences are divided by: their number, or the target's energy.
    divisor: f64,
}

impl Target {
    /// Mean squared differences from `want`, or, `relative`, squared differences over its energy.
    pub fn new(want: Tensor, relative: bool) -> Result<Self> {
        let divisor = if relative {
            let energy = want.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar::<f64>()?;
            energy.max(LEAST_ENERGY)
        } else {
            want.elem_count() as f64
        };
        Ok(Self { want, divisor })
    }

    /// The distance as a scalar, and its gradient with respect to `have`.
    pub fn distance(&self, have: &Tensor) -> Result<(Tensor, Tensor)> {
        let difference = (have - &self.want)?;
        let distance = (difference.sqr()?.sum_all()? / self.divisor)?;
        Ok((distance, (difference * (2.0 / self.divisor))?))
    }
}

/// The distance of the features' Gram matrix from a target, and its gradient with respect to the features.
pub(crate) fn style_distance(features: &Tensor, target: &Target) -> Result<(Tensor, Tensor)> {
    let (distance, by_gram) = target.distance(&gram(features)?)?;
    // G = F F^T / n is symmetric and so is dL/dG, hence dL/dF = 2 dL/dG F / n.
    let by_features = (by_gram.matmul(features)? * (2.0 / features.elem_count() as f64))?;
    Ok((distance, by_features))
}
