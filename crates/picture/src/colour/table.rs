//! Colour profiles that are tables, evaluated as they are written: the library resamples them, which costs up to 16 steps
//! of 255 in dark colours.

use moxcms::{ColorProfile, DataColorSpace, LutStore, LutType, LutWarehouse, Matrix3d, ToneReprCurve};

use super::Unusable;

/// From device colours by curves, a grid and curves to a space that all profiles share, and from there to sRGB.
pub(super) struct Table {
    input: Vec<Curve>,
    grid: Option<Grid>,
    middle: Option<Middle>,
    output: Vec<Curve>,
    shared: Shared,
    to_srgb: Matrix,
}

/// Curves, a matrix, and what is added.
struct Middle(Vec<Curve>, Matrix, [f32; 3]);

/// Rows of it.
type Matrix = [[f32; 3]; 3];

/// How the shared space's numbers are written.
#[derive(Clone, Copy)]
enum Shared {
    Xyz,
    Lab,
    /// As version 2 of the format has them in tables of 16 bits.
    OldLab,
}

const MALFORMED: Unusable = "its table is malformed";

impl Table {
    pub fn new(profile: &ColorProfile, lut: &LutWarehouse, channels: usize) -> Result<Self, Unusable> {
        let shared = match (profile.pcs, lut) {
            (DataColorSpace::Xyz, _) => Shared::Xyz,
            (DataColorSpace::Lab, LutWarehouse::Lut(lut)) if lut.lut_type == LutType::Lut16 => Shared::OldLab,
            (DataColorSpace::Lab, _) => Shared::Lab,
            _ => return Err(MALFORMED),
        };
        let to_srgb = rows(&ColorProfile::new_srgb().colorant_matrix().inverse());
        let table = match lut {
            LutWarehouse::Lut(lut) => {
                let counts = (lut.num_input_channels.into(), lut.num_output_channels.into());
                let sides = vec![usize::from(lut.num_clut_grid_points); counts.0];
                Self {
                    input: curves_in(&lut.input_table, counts.0)?,
                    grid: Some(Grid::new(sides, numbers(&lut.clut_table), counts.1)?),
                    middle: None,
                    output: curves_in(&lut.output_table, counts.1)?,
                    shared,
                    to_srgb,
                }
            }
            LutWarehouse::Multidimensional(lut) => {
                let inputs = usize::from(lut.num_input_channels);
                let sides = lut.grid_points.iter().take(inputs).map(|&side| side.into()).collect();
                let grid =
                    lut.clut.as_ref().map(|clut| Grid::new(sides, numbers(clut), lut.num_output_channels.into()));
                let bias = [lut.bias.v[0], lut.bias.v[1], lut.bias.v[2]].map(|value| value as f32);
                Self {
                    input: curves(&lut.a_curves)?,
                    grid: grid.transpose()?,
                    middle: Some(Middle(curves(&lut.m_curves)?, rows(&lut.matrix), bias)),
                    output: curves(&lut.b_curves)?,
                    shared,
                    to_srgb,
                }
            }
        };
        let takes = table.grid.as_ref().map_or(3, |grid| grid.sides.len());
        let fits = |curves: &[Curve], count: usize| curves.is_empty() || curves.len() == count;
        let middle_fits = table.middle.as_ref().is_none_or(|Middle(curves, ..)| fits(curves, 3));
        if takes != channels || !fits(&table.input, channels) || !fits(&table.output, 3) || !middle_fits {
            return Err(MALFORMED);
        }
        Ok(table)
    }

    /// Converts pixels of so many channels.
    pub fn apply(&self, row: &[f32], channels: usize, rgb: &mut [f32]) {
        for (pixel, rgb) in row.chunks_exact(channels).zip(rgb.as_chunks_mut::<3>().0) {
            *rgb = self.convert(pixel);
        }
    }

    fn convert(&self, pixel: &[f32]) -> [f32; 3] {
        let mut device = [0.0; 4];
        for (place, (to, &from)) in device.iter_mut().zip(pixel).enumerate() {
            *to = self.input.get(place).map_or(from, |curve| curve.at(from));
        }
        let mut shared = match &self.grid {
            Some(grid) => grid.at(&device[..grid.sides.len()]),
            None => [device[0], device[1], device[2]],
        };
        if let Some(Middle(curves, matrix, bias)) = &self.middle {
            shared = through(curves, shared);
            let mixed = times(matrix, shared);
            shared = [0, 1, 2].map(|place| mixed[place] + bias[place]);
        }
        let xyz = self.shared.to_xyz(through(&self.output, shared));
        times(&self.to_srgb, xyz).map(encoded)
    }
}

impl Shared {
    fn to_xyz(self, numbers: [f32; 3]) -> [f32; 3] {
        const OLD: f32 = 65_535.0 / 65_280.0;
        const WHITE: [f32; 3] = [0.9642, 1.0, 0.8249];
        let [first, second, third] = match self {
            Self::Xyz => return numbers.map(|value| value * (1.0 + 32_767.0 / 32_768.0)),
            Self::Lab => numbers.map(|value| value * 255.0),
            Self::OldLab => numbers.map(|value| value * 255.0 * OLD),
        };
        let (lightness, a, b) = (first / 2.55, second - 128.0, third - 128.0);
        let y = (lightness + 16.0) / 116.0;
        let root = [y + a / 500.0, y, y - b / 200.0];
        let light =
            |root: f32| if root > 24.0 / 116.0 { root.powi(3) } else { (root - 16.0 / 116.0) * (108.0 / 841.0) };
        [0, 1, 2].map(|place| WHITE[place] * light(root[place]))
    }
}

/// A curve to lightness as one to light, which is all that the library knows of greys.
pub(super) fn light_of(lightness: &ToneReprCurve) -> Result<ToneReprCurve, Unusable> {
    const COUNT: u16 = 4096;
    let curve = Curve::new(lightness)?;
    let light = |place| {
        let [_, light, _] =
            Shared::Lab.to_xyz([curve.at(f32::from(place) / f32::from(COUNT - 1)), 128.0 / 255.0, 128.0 / 255.0]);
        (light.clamp(0.0, 1.0) * f32::from(u16::MAX)).round() as u16
    };
    Ok(ToneReprCurve::Lut((0..COUNT).map(light).collect()))
}

/// Values at even distances; none where what goes in comes out.
struct Curve(Vec<f32>);

impl Curve {
    fn new(curve: &ToneReprCurve) -> Result<Self, Unusable> {
        const COUNT: usize = 1024;
        let sampled = |value: &dyn Fn(f32) -> f32| {
            Self((0..COUNT).map(|place| value(place as f32 / (COUNT - 1) as f32).clamp(0.0, 1.0)).collect())
        };
        Ok(match curve {
            ToneReprCurve::Lut(values) if values.is_empty() => Self(Vec::new()),
            ToneReprCurve::Lut(values) if values.len() == 1 => sampled(&|x| x.powf(f32::from(values[0]) / 256.0)),
            ToneReprCurve::Lut(values) => Self(values.iter().map(|&value| f32::from(value) / 65_535.0).collect()),
            ToneReprCurve::Parametric(numbers) => match numbers[..] {
                [g] => sampled(&|x| x.powf(g)),
                [g, a, b] => sampled(&|x| if a * x + b >= 0.0 { (a * x + b).powf(g) } else { 0.0 }),
                [g, a, b, c] => sampled(&|x| if a * x + b >= 0.0 { (a * x + b).powf(g) + c } else { c }),
                [g, a, b, c, d] => sampled(&|x| if x >= d { (a * x + b).powf(g) } else { c * x }),
                [g, a, b, c, d, e, f] => sampled(&|x| if x >= d { (a * x + b).powf(g) + e } else { c * x + f }),
                _ => return Err(MALFORMED),
            },
        })
    }

    fn at(&self, x: f32) -> f32 {
        let Some(last) = self.0.len().checked_sub(1) else { return x };
        let at = x.clamp(0.0, 1.0) * last as f32;
        // What is not a number counts as zero.
        let below = (at as usize).min(last);
        let (low, high) = (self.0[below], self.0[(below + 1).min(last)]);
        low + (high - low) * (at - below as f32)
    }
}

fn curves(curves: &[ToneReprCurve]) -> Result<Vec<Curve>, Unusable> {
    curves.iter().map(Curve::new).collect()
}

/// So many curves of the same length, one after the other.
fn curves_in(store: &LutStore, count: usize) -> Result<Vec<Curve>, Unusable> {
    let values = numbers(store);
    if count == 0 || values.is_empty() || !values.len().is_multiple_of(count) {
        return Err(MALFORMED);
    }
    Ok(values.chunks_exact(values.len() / count).map(|curve| Curve(curve.to_vec())).collect())
}

fn numbers(store: &LutStore) -> Vec<f32> {
    match store {
        LutStore::Store8(values) => values.iter().map(|&value| f32::from(value) / 255.0).collect(),
        LutStore::Store16(values) => values.iter().map(|&value| f32::from(value) / 65_535.0).collect(),
    }
}

/// Colours at the nodes of a grid of three or four dimensions, of which the last changes fastest.
struct Grid {
    sides: Vec<usize>,
    /// How far apart neighbours along each dimension are.
    steps: Vec<usize>,
    /// Three numbers each.
    nodes: Vec<f32>,
}

impl Grid {
    fn new(sides: Vec<usize>, values: Vec<f32>, outputs: usize) -> Result<Self, Unusable> {
        let count = sides.iter().try_fold(1_usize, |count, &side| count.checked_mul(side));
        if outputs != 3
            || !matches!(sides.len(), 3 | 4)
            || count.and_then(|count| count.checked_mul(3)) != Some(values.len())
            || values.is_empty()
        {
            return Err(MALFORMED);
        }
        let steps = (0..sides.len()).map(|place| sides[place + 1..].iter().product()).collect();
        Ok(Self { sides, steps, nodes: values })
    }

    fn node(&self, place: usize) -> [f32; 3] {
        [0, 1, 2].map(|channel| self.nodes[3 * place + channel])
    }

    /// Between the nodes along the edges of a tetrahedron, and straight along the first of four dimensions, as others do.
    fn at(&self, device: &[f32]) -> [f32; 3] {
        let mut base = 0;
        let mut ways = [(0.0, 0); 4];
        for (place, &value) in device.iter().enumerate() {
            let last = self.sides[place] - 1;
            let at = value.clamp(0.0, 1.0) * last as f32;
            let below = (at as usize).min(last.saturating_sub(1));
            base += below * self.steps[place];
            // On a side of one node there is no way to go.
            ways[place] = (at - below as f32, if last > 0 { self.steps[place] } else { 0 });
        }
        if let [first, second, third, fourth] = ways
            && device.len() == 4
        {
            let rest = [second, third, fourth];
            let (low, high) = (self.in_tetrahedron(base, rest), self.in_tetrahedron(base + first.1, rest));
            return [0, 1, 2].map(|place| low[place] + (high[place] - low[place]) * first.0);
        }
        self.in_tetrahedron(base, [ways[0], ways[1], ways[2]])
    }

    fn in_tetrahedron(&self, mut node: usize, mut ways: [(f32, usize); 3]) -> [f32; 3] {
        ways.sort_by(|one, other| other.0.total_cmp(&one.0));
        let mut sum = self.node(node).map(|value| value * (1.0 - ways[0].0));
        for (place, &(share, step)) in ways.iter().enumerate() {
            node += step;
            let weight = share - ways.get(place + 1).map_or(0.0, |next| next.0);
            for (sum, value) in sum.iter_mut().zip(self.node(node)) {
                *sum += weight * value;
            }
        }
        sum
    }
}

fn through(curves: &[Curve], values: [f32; 3]) -> [f32; 3] {
    [0, 1, 2].map(|place| curves.get(place).map_or(values[place], |curve| curve.at(values[place])))
}

fn rows(matrix: &Matrix3d) -> Matrix {
    matrix.v.map(|row| row.map(|value| value as f32))
}

fn times(matrix: &Matrix, vector: [f32; 3]) -> [f32; 3] {
    matrix.map(|row| row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2])
}

/// sRGB's curve.
fn encoded(light: f32) -> f32 {
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}
