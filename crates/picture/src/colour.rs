//! From what a file says of its colours to sRGB.

mod claimed;
mod table;
mod tags;

use std::sync::Arc;

use moxcms::{
    ColorProfile, DataColorSpace, Layout, ParsingOptions, ProfileClass, RenderingIntent, TransformExecutor,
    TransformOptions,
};

pub(crate) use self::claimed::conversion;
use self::table::Table;
use crate::{outline::LONGEST_PROFILE, stored::Channels};

/// Makes sRGB of a file's colours.
pub(crate) struct Conversion {
    colours: Channels,
    by: By,
}

enum By {
    /// By curves and a matrix.
    Matrix(Arc<dyn TransformExecutor<f32> + Send + Sync>),
    Table(Box<Table>),
}

/// Why a profile cannot be used, as the end of a sentence.
type Unusable = &'static str;

/// How far sRGB may lie from what a profile makes of its numbers before it counts as another: less than a step of 255.
const SAME: f32 = 0.8 / 255.0;

impl Conversion {
    /// By a profile's bytes, and the name that it gives itself; none where its colours are sRGB's already.
    fn by_profile(bytes: &[u8], colours: Channels) -> Result<Option<(Self, String)>, Unusable> {
        if bytes.len() as u64 > LONGEST_PROFILE {
            return Err("it is larger than 4 MiB");
        }
        let options = ParsingOptions {
            max_profile_size: bytes.len() + 1,
            max_allowed_clut_size: bytes.len(),
            max_allowed_trc_size: 1 << 16,
        };
        let mut profile = ColorProfile::new_from_slice_with_options(&tags::with_wanted_alone(bytes), options)
            .map_err(|_| "it is broken")?;
        let wanted = match colours {
            Channels::Grey => DataColorSpace::Gray,
            Channels::Rgb => DataColorSpace::Rgb,
            Channels::Cmyk => DataColorSpace::Cmyk,
        };
        if profile.color_space != wanted {
            return Err("it is of another kind of colours than the picture");
        }
        use ProfileClass::{ColorSpace, DisplayDevice, InputDevice, OutputDevice};
        if !matches!(profile.profile_class, ColorSpace | DisplayDevice | InputDevice | OutputDevice) {
            return Err("it is not a profile for pictures");
        }
        if let (DataColorSpace::Lab, Some(lightness)) = (profile.pcs, &profile.gray_trc) {
            profile.gray_trc = Some(table::light_of(lightness)?);
            profile.pcs = DataColorSpace::Xyz;
        }
        // A profile of one table means it for every intent.
        let lut = profile.lut_a_to_b_colorimetric.as_ref().or(profile.lut_a_to_b_perceptual.as_ref());
        let conversion = match lut {
            Some(lut) if colours != Channels::Grey => {
                let table = Table::new(&profile, lut, colours.channels())?;
                Self { colours, by: By::Table(Box::new(table)) }.if_needed()?
            }
            _ => Self::by(&profile, colours)?,
        };
        Ok(conversion.map(|conversion| (conversion, name(bytes))))
    }

    fn by(profile: &ColorProfile, colours: Channels) -> Result<Option<Self>, Unusable> {
        let options = TransformOptions {
            // As Pillow and others convert: what both sides have is kept as it is, and white is white.
            rendering_intent: RenderingIntent::RelativeColorimetric,
            prefer_fixed_point: false,
            ..TransformOptions::default()
        };
        let from = match colours {
            Channels::Grey => Layout::Gray,
            Channels::Rgb => Layout::Rgb,
            Channels::Cmyk => return Err("it lacks what a conversion takes"),
        };
        let transform = profile.create_transform_f32(from, &ColorProfile::new_srgb(), Layout::Rgb, options);
        let transform = transform.map_err(|_| "it lacks what a conversion takes")?;
        Self { colours, by: By::Matrix(transform) }.if_needed()
    }

    /// Itself, if it changes any colour; it is no use if it makes no colours.
    fn if_needed(self) -> Result<Option<Self>, Unusable> {
        let colours = self.colours;
        let samples = samples(colours);
        let mut rgb = vec![f32::NAN; samples.len() / colours.channels() * 3];
        self.apply(&samples, &mut rgb);
        if rgb.iter().any(|value| !value.is_finite()) {
            return Err("it makes no colours of some numbers");
        }
        let is_needed = match colours {
            Channels::Cmyk => true,
            Channels::Rgb => !near_all(&samples, &rgb, |pixel| [pixel[0], pixel[1], pixel[2]], 3),
            Channels::Grey => !near_all(&samples, &rgb, |pixel| [pixel[0]; 3], 1),
        };
        Ok(is_needed.then_some(self))
    }

    /// Converts a row.
    pub fn apply(&self, row: &[f32], rgb: &mut [f32]) {
        match &self.by {
            By::Table(table) => table.apply(row, self.colours.channels(), rgb),
            // Rows are of whole pixels, which is all that it could complain of.
            By::Matrix(transform) => {
                if transform.transform(row, rgb).is_err() {
                    rgb.fill(f32::NAN);
                }
            }
        }
    }
}

/// Whether what became of all samples is near to what they would be in sRGB.
fn near_all(samples: &[f32], rgb: &[f32], want: impl Fn(&[f32]) -> [f32; 3], channels: usize) -> bool {
    let near = |have: &[f32], want: [f32; 3]| have.iter().zip(want).all(|(have, want)| (have - want).abs() <= SAME);
    samples.chunks_exact(channels).zip(rgb.chunks_exact(3)).all(|(pixel, have)| near(have, want(pixel)))
}

/// Colours from all over the space.
fn samples(colours: Channels) -> Vec<f32> {
    const STEPS: u32 = 6;
    const GREYS: u32 = 64;
    let channels = colours.channels() as u32;
    let level = |number: u32, channel: u32| (number / STEPS.pow(channel) % STEPS) as f32 / (STEPS - 1) as f32;
    let mixed = (0..STEPS.pow(channels)).flat_map(|number| (0..channels).map(move |channel| level(number, channel)));
    let greys = (0..=GREYS).flat_map(|grey| (0..channels).map(move |_| grey as f32 / GREYS as f32));
    mixed.chain(greys).collect()
}

/// What a profile calls itself, in so few plain letters that they can stand in a sentence.
fn name(profile: &[u8]) -> String {
    const LONGEST: usize = 60;
    let text = tags::description(profile).unwrap_or_default();
    let printable: String = text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
    let words = printable.trim();
    if words.is_empty() { "those of its colour profile".to_owned() } else { words.to_owned() }
}
