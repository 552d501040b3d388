//! The content and style terms at one layer, with their gradients. Features are (channels, height * width).

use candle_core::{DType, Result, Tensor};

use super::PixelMask;

/// Below this a target has no energy worth dividing by: a black picture's.
pub(crate) const LEAST_ENERGY: f64 = 1e-12;

/// How much each pixel of features counts: (1, h*w), and the sum of it; nothing where all count the same. (Gatys et al. 2017
/// call it a guidance channel.)
#[derive(Debug, Clone)]
pub(crate) struct Guidance {
    of_pixels: Option<Tensor>,
    sum: f64,
}

impl Guidance {
    /// All of the pixels of features (c, h*w) count the same.
    pub fn even(features: &Tensor) -> Result<Self> {
        Ok(Self { of_pixels: None, sum: features.dim(1)? as f64 })
    }

    /// As the mask says; `None` where it leaves no pixel.
    pub fn of_mask(mask: &PixelMask, like: &Tensor) -> Result<Option<Self>> {
        let of_pixels = Tensor::from_slice(&mask.values, (1, mask.values.len()), like.device())?;
        let sum = mask.sum();
        Ok((sum > 0.0).then_some(Self { of_pixels: Some(of_pixels.to_dtype(like.dtype())?), sum }))
    }

    /// Each pixel of features (c, h*w) times what it counts.
    fn apply(&self, features: &Tensor) -> Result<Tensor> {
        self.of_pixels.as_ref().map_or_else(|| Ok(features.clone()), |pixels| features.broadcast_mul(pixels))
    }

    /// The mean of each channel: (c, 1).
    fn mean(&self, features: &Tensor) -> Result<Tensor> {
        self.apply(features)?.sum_keepdim(1)? / self.sum
    }

    /// The Gram matrix F W F^T / (c w) of features F (c, h*w), W being the diagonal matrix of what pixels count, and w their sum:
    /// (c, c).
    fn gram(&self, features: &Tensor) -> Result<Tensor> {
        self.apply(features)?.matmul(&features.t()?)? / self.count(features)?
    }

    /// c w
    fn count(&self, features: &Tensor) -> Result<f64> {
        Ok(features.dim(0)? as f64 * self.sum)
    }
}

/// What features, Gram matrices or moments are held against.
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

/// What the style of features is held against.
pub(crate) struct StyleTarget {
    gram: Target,
    moments: Option<MomentTargets>,
}

/// What a style image's features say of it, or the weighed mean of several.
pub(crate) struct StyleStatistics {
    gram: Tensor,
    /// Of each channel: (c, 1).
    mean: Tensor,
    /// The mean's square: (c, 1). Over several styles it comes above the square of their mean by what the channel varies from
    /// style to style.
    square_of_mean: Tensor,
    /// Of each channel: (c, 1).
    variance: Tensor,
}

/// What the channels' means and standard deviations are held against.
struct MomentTargets {
    mean: Target,
    deviation: Target,
    /// What is added to every variance.
    floor: f64,
}

impl StyleStatistics {
    /// Of features (c, h*w).
    pub fn of(features: &Tensor, guidance: &Guidance) -> Result<Self> {
        let mean = guidance.mean(features)?;
        let variance = guidance.mean(&features.broadcast_sub(&mean)?.sqr()?)?;
        Ok(Self { gram: guidance.gram(features)?, square_of_mean: mean.sqr()?, mean, variance })
    }

    /// Their sum, each times its weight.
    pub fn weighed<'a>(parts: impl IntoIterator<Item = (&'a Self, f64)>) -> Result<Option<Self>> {
        let mut sum: Option<Self> = None;
        for (part, weight) in parts {
            let Self { gram, mean, square_of_mean, variance } = part;
            let [gram, mean, square_of_mean, variance] =
                [gram, mean, square_of_mean, variance].map(|statistic| statistic * weight);
            let part = Self { gram: gram?, mean: mean?, square_of_mean: square_of_mean?, variance: variance? };
            sum = Some(match sum {
                None => part,
                Some(sum) => Self {
                    gram: (sum.gram + part.gram)?,
                    mean: (sum.mean + part.mean)?,
                    square_of_mean: (sum.square_of_mean + part.square_of_mean)?,
                    variance: (sum.variance + part.variance)?,
                },
            });
        }
        Ok(sum)
    }
}

impl StyleTarget {
    /// The Gram matrix alone, or, `relative`, the channels' moments too.
    pub fn new(want: StyleStatistics, relative: bool) -> Result<Self> {
        let StyleStatistics { gram, mean, square_of_mean, variance } = want;
        let moments = if relative {
            let diagonal = (&gram * Tensor::eye(gram.dim(0)?, gram.dtype(), gram.device())?)?;
            let energy = diagonal.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            let floor = variance_floor(energy);
            // Rounding may leave a little less than nothing.
            let from_style_to_style = (square_of_mean - mean.sqr()?)?.relu()?;
            let deviation = ((variance + from_style_to_style)? + floor)?.sqrt()?;
            Some(MomentTargets { mean: Target::new(mean, true)?, deviation: Target::new(deviation, true)?, floor })
        } else {
            None
        };
        Ok(Self { gram: Target::new(gram, relative)?, moments })
    }

    /// The distance of features (c, h*w), and its gradient with respect to them.
    pub fn distance(&self, features: &Tensor, guidance: &Guidance) -> Result<(Tensor, Tensor)> {
        let (distance, by_gram) = self.gram.distance(&guidance.gram(features)?)?;
        // G = F W F^T / n is symmetric and so is dL/dG, hence dL/dF = 2 dL/dG F W / n.
        let by_features = guidance.apply(&(by_gram.matmul(features)? * (2.0 / guidance.count(features)?))?)?;
        let Some(moments) = &self.moments else { return Ok((distance, by_features)) };
        let (of_moments, by_moments) = moments.distance(features, guidance)?;
        Ok(((distance + of_moments)?, (by_features + by_moments)?))
    }
}

impl MomentTargets {
    fn distance(&self, features: &Tensor, guidance: &Guidance) -> Result<(Tensor, Tensor)> {
        let mean = guidance.mean(features)?;
        let centred = features.broadcast_sub(&mean)?;
        let deviation = (guidance.mean(&centred.sqr()?)? + self.floor)?.sqrt()?;
        let (of_mean, by_mean) = self.mean.distance(&mean)?;
        let (of_deviation, by_deviation) = self.deviation.distance(&deviation)?;
        // d(mean)/dF = W/w, and d(deviation)/dF = (F - mean) W / (w deviation).
        let by_features = centred.broadcast_mul(&(by_deviation / deviation)?)?.broadcast_add(&by_mean)?;
        Ok(((of_mean + of_deviation)?, (guidance.apply(&by_features)? / guidance.sum)?))
    }
}

/// What is added to the variances of features of this mean square: it keeps the slope of a deviation of almost nothing finite.
pub(crate) fn variance_floor(energy: f64) -> f64 {
    1e-4 * energy.max(LEAST_ENERGY)
}
