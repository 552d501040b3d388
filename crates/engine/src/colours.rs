//! Whose colours a result has: the painting's brought to the photograph's before (Gatys et al. 2016, "Preserving color in
//! neural artistic style transfer", linear matching), or the photograph's put back afterwards (luminance alone is painted).

use impasto_picture::{Mask, Picture};

type Colour = [f64; 3];
type Matrix = [[f64; 3]; 3];

/// The weights of Rec. 601, as television took luminance from colours.
const LUMINANCE: [f32; 3] = [0.299, 0.587, 0.114];

/// A painting's luminance with the photograph's chroma, which is what a colour differs from its own luminance by. Where the two
/// make no colour that can be shown, the luminance gives way.
pub(crate) fn with_colours_of(painted: &Picture, photograph: &Picture) -> Picture {
    let pixels = painted.rgb().as_chunks::<3>().0.iter().zip(photograph.rgb().as_chunks::<3>().0);
    let rgb = pixels.flat_map(|(painted, photograph)| {
        let luminance = luminance(photograph);
        let chroma = photograph.map(|value| value - luminance);
        let (lowest, highest) =
            (chroma.iter().fold(0f32, |a, &b| a.min(b)), chroma.iter().fold(0f32, |a, &b| a.max(b)));
        // Not by `clamp`, which panics where rounding puts the two ends in the wrong order.
        let painted = self::luminance(painted).min(1.0 - highest).max(-lowest);
        chroma.map(|value| value + painted)
    });
    // Two pictures of one size, and no value further from [0, 1] than rounding brings it.
    Picture::clamped(painted.size(), rgb.collect()).expect("three numbers a pixel")
}

fn luminance(colour: &[f32; 3]) -> f32 {
    colour.iter().zip(LUMINANCE).map(|(value, weight)| value * weight).sum()
}

/// A painting whose colours have the mean and the covariance of the photograph's, but for what cannot be shown. Masks say which
/// pixels of either count.
pub(crate) fn matched(
    painting: &Picture,
    painting_mask: Option<&Mask>,
    photograph: &Picture,
    photograph_mask: Option<&Mask>,
) -> Picture {
    let (Some(own), Some(wanted)) =
        (Statistics::of(painting, painting_mask), Statistics::of(photograph, photograph_mask))
    else {
        return painting.clone();
    };
    let change = own.change_to(&wanted);
    let pixels = painting.rgb().as_chunks::<3>().0.iter();
    let rgb = pixels.flat_map(|colour| -> [f32; 3] {
        let from_mean: Colour = std::array::from_fn(|channel| f64::from(colour[channel]) - own.mean[channel]);
        let changed = product(&change, &from_mean);
        std::array::from_fn(|channel| (changed[channel] + wanted.mean[channel]) as f32)
    });
    // Sums and products of finite numbers.
    Picture::clamped(painting.size(), rgb.collect()).expect("three numbers a pixel")
}

/// What a picture's colours are on the whole.
struct Statistics {
    mean: Colour,
    covariance: Matrix,
}

/// What is added to every variance, so that a picture of one colour has some: an eighth of a step of 255.
const LEAST_VARIANCE: f64 = (0.125 / 255.0) * (0.125 / 255.0);

impl Statistics {
    /// `None` where no pixel counts.
    fn of(picture: &Picture, mask: Option<&Mask>) -> Option<Self> {
        let value = |mask: Option<&Mask>, number: usize| mask.map_or(1.0, |mask| f64::from(mask.values()[number]));
        // What is transparent has no colour to speak of.
        let weight = |number: usize| value(mask, number) * value(picture.alpha(), number);
        let colours = || {
            let colours = picture.rgb().as_chunks::<3>().0.iter().enumerate();
            colours.map(|(number, colour)| (weight(number), colour.map(f64::from)))
        };
        let all: f64 = colours().map(|(weight, _)| weight).sum();
        if all <= 0.0 {
            return None;
        }
        let mut mean = [0.0; 3];
        for (weight, colour) in colours() {
            for channel in 0..3 {
                mean[channel] += weight * colour[channel] / all;
            }
        }
        let mut covariance = [[0.0; 3]; 3];
        for (weight, colour) in colours() {
            let from_mean: Colour = std::array::from_fn(|channel| colour[channel] - mean[channel]);
            for row in 0..3 {
                for column in 0..3 {
                    covariance[row][column] += weight * from_mean[row] * from_mean[column] / all;
                }
            }
        }
        for (channel, row) in covariance.iter_mut().enumerate() {
            row[channel] += LEAST_VARIANCE;
        }
        Some(Self { mean, covariance })
    }

    /// The matrix that brings colours of this covariance to the wanted one: W C^-1, W and C being the Cholesky factors of the two.
    fn change_to(&self, wanted: &Self) -> Matrix {
        let (own, wanted) = (cholesky(&self.covariance), cholesky(&wanted.covariance));
        // X C = W, solved row by row from the last column on: C is lower triangular.
        let mut change = [[0.0; 3]; 3];
        for row in 0..3 {
            for column in (0..3).rev() {
                let known: f64 = (column + 1..3).map(|later| change[row][later] * own[later][column]).sum();
                change[row][column] = (wanted[row][column] - known) / own[column][column];
            }
        }
        change
    }
}

/// The lower triangular L of which L L^T is this positive definite matrix.
fn cholesky(matrix: &Matrix) -> Matrix {
    let mut factor = [[0.0; 3]; 3];
    for row in 0..3 {
        for column in 0..=row {
            let known: f64 = (0..column).map(|earlier| factor[row][earlier] * factor[column][earlier]).sum();
            factor[row][column] = if row == column {
                // Rounding may leave a little less than what is on the diagonal at the least.
                (matrix[row][row] - known).max(LEAST_VARIANCE / 4.0).sqrt()
            } else {
                (matrix[row][column] - known) / factor[column][column]
            };
        }
    }
    factor
}

fn product(matrix: &Matrix, colour: &Colour) -> Colour {
    matrix.map(|row| row.iter().zip(colour).map(|(a, b)| a * b).sum())
}

#[cfg(test)]
mod tests {
    use impasto_recipe::Size;

    use super::*;

    fn picture(colour: impl Fn(f64) -> Colour) -> Picture {
        let size = Size::new(40, 25);
        let rgb = (0..size.pixels()).flat_map(|number| colour(number as f64).map(|value| value as f32));
        Picture::clamped(size, rgb.collect()).unwrap()
    }

    /// Of middling contrast, so that nothing is cut off.
    fn reddish() -> Picture {
        picture(|n| [0.6 + 0.1 * (n * 0.7).sin(), 0.4 + 0.08 * (n * 0.7 + 0.5).sin(), 0.35 + 0.05 * (n * 1.3).cos()])
    }

    fn bluish() -> Picture {
        picture(|n| [0.3 + 0.05 * (n * 0.3).sin(), 0.45 + 0.06 * (n * 0.9).cos(), 0.6 + 0.1 * (n * 0.3 + 0.2).sin()])
    }

    #[test]
    fn matched_colours_have_the_photographs_mean_and_covariance() {
        let matched = matched(&reddish(), None, &bluish(), None);
        let (have, want) = (Statistics::of(&matched, None).unwrap(), Statistics::of(&bluish(), None).unwrap());
        for row in 0..3 {
            assert!((have.mean[row] - want.mean[row]).abs() < 1e-5);
            for column in 0..3 {
                let apart = (have.covariance[row][column] - want.covariance[row][column]).abs();
                assert!(apart < 1e-6, "{row} {column}: {apart}");
            }
        }
    }

    #[test]
    fn a_picture_is_its_own_match_and_one_colour_becomes_another() {
        let own = matched(&reddish(), None, &reddish(), None);
        assert!(own.rgb().iter().zip(reddish().rgb()).all(|(a, b)| (a - b).abs() < 1e-5));
        let [grey, green] = [[0.5; 3], [0.2, 0.7, 0.3]].map(|colour| picture(|_| colour));
        let matched = matched(&grey, None, &green, None);
        assert!(matched.rgb().iter().zip(green.rgb()).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn masks_say_which_pixels_are_matched() {
        let size = reddish().size();
        let upper: Vec<f32> = (0..size.pixels()).map(|n| if n < size.pixels() / 2 { 1.0 } else { 0.0 }).collect();
        let upper = Mask::new(size, upper).unwrap();
        let two = picture(|n| if n < 500.0 { [0.2, 0.3, 0.4] } else { [0.9, 0.8, 0.1] });
        let changed = matched(&reddish(), None, &two, Some(&upper));
        let mean = Statistics::of(&changed, None).unwrap().mean;
        assert!((mean[0] - 0.2).abs() < 1e-3 && (mean[2] - 0.4).abs() < 1e-3, "{mean:?}");
        let nothing = Mask::new(size, vec![0.0; size.pixels() as usize]).unwrap();
        assert_eq!(matched(&reddish(), Some(&nothing), &two, None), reddish());
    }

    #[test]
    fn what_is_transparent_is_not_matched() {
        let size = bluish().size();
        let left: Vec<f32> = (0..size.pixels()).map(|n| if n % 40 < 10 { 1.0 } else { 0.0 }).collect();
        let left = Mask::new(size, left).unwrap();
        let (of_logo, of_part) = (bluish().with_alpha(left.clone()), bluish());
        let logo = matched(&reddish(), None, &of_logo, None);
        let part = matched(&reddish(), None, &of_part, Some(&left));
        assert!(logo.rgb().iter().zip(part.rgb()).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn chroma_is_the_photographs_whatever_is_painted() {
        // With a channel at either end, there is one luminance alone that makes a colour that can be shown.
        let saturated = picture(|n| [1.0, (n % 256.0) / 255.0, 0.0]);
        for painted in [reddish(), picture(|_| [0.0; 3]), picture(|_| [1.0; 3])] {
            for photograph in [bluish(), saturated.clone()] {
                let coloured = with_colours_of(&painted, &photograph);
                let pixels = coloured.rgb().as_chunks::<3>().0.iter().zip(photograph.rgb().as_chunks::<3>().0);
                for (colour, photograph) in pixels {
                    for channel in 0..3 {
                        let have = colour[channel] - luminance(colour);
                        let want = photograph[channel] - luminance(photograph);
                        assert!((have - want).abs() < 1e-5, "{have} for {want}");
                    }
                }
            }
        }
    }
}
