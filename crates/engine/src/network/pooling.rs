//! 2x2 pooling with stride 2 over whole windows: an odd last row or column is dropped and gets no gradient. Tensors are
//! (1, channels, height, width).

use candle_core::{D, Result, Tensor};

/// What average pooling is multiplied by, so that features keep the strength that maximum pooling would leave them.
pub const AVERAGE_GAIN: f64 = 1.3;

/// What L2 pooling is multiplied by, so that features keep the strength that maximum pooling would leave them.
pub const L2_GAIN: f64 = 0.78;

/// The greatest of each window.
///
/// # Errors
/// When the tensor is no (1, c, h, w) of at least 2x2.
pub fn maximum(x: &Tensor) -> Result<Tensor> {
    x.max_pool2d(2)
}

/// The gradient of [`maximum`] at `x` for the gradient `upstream` of its output. Ties go to the first in reading order,
/// as PyTorch has it; candle's own backward pass shares them out and is wrong at odd sizes.
///
/// # Errors
/// When the shapes do not belong together.
pub fn maximum_gradient(x: &Tensor, upstream: &Tensor) -> Result<Tensor> {
    let highest = maximum(x)?;
    let mut left = upstream.clone();
    let mut parts = Vec::with_capacity(4);
    for window in windows(x)? {
        let wins = window.eq(&highest)?;
        let zeros = left.zeros_like()?;
        parts.push(wins.where_cond(&left, &zeros)?);
        left = wins.where_cond(&zeros, &left)?;
    }
    interleaved(&parts, x)
}

/// The mean of each window times [`AVERAGE_GAIN`].
///
/// # Errors
/// When the tensor is no (1, c, h, w) of at least 2x2.
pub fn average(x: &Tensor) -> Result<Tensor> {
    x.avg_pool2d(2)? * AVERAGE_GAIN
}

/// The gradient of [`average`] at `x` for the gradient `upstream` of its output.
///
/// # Errors
/// When the shapes do not belong together.
pub fn average_gradient(x: &Tensor, upstream: &Tensor) -> Result<Tensor> {
    let quarter = (upstream * (AVERAGE_GAIN / 4.0))?;
    interleaved(&vec![quarter; 4], x)
}

/// The Euclidean length of each window times [`L2_GAIN`].
///
/// # Errors
/// When the tensor is no (1, c, h, w) of at least 2x2.
pub fn l2(x: &Tensor) -> Result<Tensor> {
    lengths(x)? * L2_GAIN
}

/// The gradient of [`l2`] at `x` for the gradient `upstream` of its output.
///
/// # Errors
/// When the shapes do not belong together.
pub fn l2_gradient(x: &Tensor, upstream: &Tensor) -> Result<Tensor> {
    let by_length = ((upstream * L2_GAIN)? / lengths(x)?)?;
    let parts = windows(x)?.iter().map(|corner| corner * &by_length).collect::<Result<Vec<_>>>()?;
    interleaved(&parts, x)
}

/// The Euclidean length of each window.
fn lengths(x: &Tensor) -> Result<Tensor> {
    let squares = (x.sqr()?.avg_pool2d(2)? * 4.0)?;
    (squares + f64::from(impasto_conv::L2_FLOOR))?.sqrt()
}

/// The four corners of every whole window, in reading order: four tensors of the pooled size.
fn windows(x: &Tensor) -> Result<Vec<Tensor>> {
    let (batch, channels, height, width) = x.dims4()?;
    let (rows, columns) = (height / 2, width / 2);
    let whole = x.narrow(D::Minus2, 0, rows * 2)?.narrow(D::Minus1, 0, columns * 2)?.contiguous()?;
    let split = whole.reshape((batch * channels, rows, 2, columns, 2))?;
    let corner = |down: usize, right: usize| {
        split.narrow(4, right, 1)?.narrow(2, down, 1)?.contiguous()?.reshape((batch, channels, rows, columns))
    };
    Ok(vec![corner(0, 0)?, corner(0, 1)?, corner(1, 0)?, corner(1, 1)?])
}

/// Undoes [`windows`]: a tensor of the shape of `like`, zero where a row or column was dropped.
fn interleaved(corners: &[Tensor], like: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = like.dims4()?;
    let (rows, columns) = (height / 2, width / 2);
    let upper = Tensor::stack(&corners[..2], 4)?;
    let lower = Tensor::stack(&corners[2..], 4)?;
    Tensor::stack(&[upper, lower], 3)?
        .reshape((batch, channels, rows * 2, columns * 2))?
        .pad_with_zeros(D::Minus2, 0, height - rows * 2)?
        .pad_with_zeros(D::Minus1, 0, width - columns * 2)
}
