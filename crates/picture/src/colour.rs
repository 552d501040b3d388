//! From what a file says of its colours to sRGB.

mod claimed;

use std::sync::Arc;

use moxcms::{
    ColorProfile, DataColorSpace, Layout, ParsingOptions, ProfileClass, RenderingIntent, TransformExecutor,
    TransformOptions,
};

pub(crate) use self::claimed::conversion;
use crate::{outline::LONGEST_PROFILE, stored::Colours};

/// Makes sRGB of a file's colours.
pub(crate) struct Conversion(Arc<dyn TransformExecutor<f32> + Send + Sync>);

/// Why a profile cannot be used, as the end of a sentence.
type Unusable = &'static str;

/// How far sRGB may lie from what a profile makes of its numbers before it counts as another: less than a step of 255.
const SAME: f32 = 0.8 / 255.0;

impl Conversion {
    /// By a profile's bytes, and the name that it gives itself; none where its colours are sRGB's already.
    fn by_profile(bytes: &[u8], colours: Colours) -> Result<Option<(Self, String)>, Unusable> {
        if bytes.len() as u64 > LONGEST_PROFILE {
            return Err("it is larger than 4 MiB");
        }
        let options = ParsingOptions {
            max_profile_size: bytes.len(),
            max_allowed_clut_size: bytes.len(),
            max_allowed_trc_size: 1 << 16,
        };
        let profile = ColorProfile::new_from_slice_with_options(bytes, options).map_err(|_| "it is broken")?;
        let wanted = match colours {
            Colours::Grey => DataColorSpace::Gray,
            Colours::Rgb => DataColorSpace::Rgb,
            Colours::Cmyk => DataColorSpace::Cmyk,
        };
        if profile.color_space != wanted {
            return Err("it is of another kind of colours than the picture");
        }
        use ProfileClass::{ColorSpace, DisplayDevice, InputDevice, OutputDevice};
        if !matches!(profile.profile_class, ColorSpace | DisplayDevice | InputDevice | OutputDevice) {
            return Err("it is not a profile for pictures");
        }
        let conversion = Self::by(&profile, colours)?;
        Ok(conversion.map(|conversion| (conversion, name(&profile))))
    }

    fn by(profile: &ColorProfile, colours: Colours) -> Result<Option<Self>, Unusable> {
        let options = TransformOptions {
            // As Pillow and others convert: what both sides have is kept as it is, and white is white.
            rendering_intent: RenderingIntent::RelativeColorimetric,
            prefer_fixed_point: false,
            ..TransformOptions::default()
        };
        let from = match colours {
            Colours::Grey => Layout::Gray,
            Colours::Rgb => Layout::Rgb,
            Colours::Cmyk => Layout::Rgba,
        };
        let transform = profile.create_transform_f32(from, &ColorProfile::new_srgb(), Layout::Rgb, options);
        let conversion = Self(transform.map_err(|_| "it lacks what a conversion takes")?);
        conversion.check(colours).map(|is_needed| is_needed.then_some(conversion))
    }

    /// Whether it changes any colour, if it makes colours at all.
    fn check(&self, colours: Colours) -> Result<bool, Unusable> {
        let samples = samples(colours);
        let mut rgb = vec![f32::NAN; samples.len() / colours.channels() * 3];
        self.0.transform(&samples, &mut rgb).map_err(|_| "it lacks what a conversion takes")?;
        if rgb.iter().any(|value| !value.is_finite()) {
            return Err("it makes no colours of some numbers");
        }
        let near = |have: &[f32], want: [f32; 3]| have.iter().zip(want).all(|(have, want)| (have - want).abs() <= SAME);
        Ok(match colours {
            Colours::Cmyk => true,
            Colours::Rgb => !near_all(&samples, &rgb, |pixel| [pixel[0], pixel[1], pixel[2]], 3, near),
            Colours::Grey => !near_all(&samples, &rgb, |pixel| [pixel[0]; 3], 1, near),
        })
    }

    /// Converts a row.
    pub fn apply(&self, row: &[f32], rgb: &mut [f32]) {
        // Rows are of whole pixels, which is all that it could complain of.
        if self.0.transform(row, rgb).is_err() {
            rgb.fill(0.0);
        }
    }
}

fn near_all(
    samples: &[f32],
    rgb: &[f32],
    want: impl Fn(&[f32]) -> [f32; 3],
    channels: usize,
    near: impl Fn(&[f32], [f32; 3]) -> bool,
) -> bool {
    samples.chunks_exact(channels).zip(rgb.chunks_exact(3)).all(|(pixel, have)| near(have, want(pixel)))
}

/// Colours from all over the space.
fn samples(colours: Colours) -> Vec<f32> {
    const STEPS: u32 = 6;
    const GREYS: u32 = 64;
    let channels = colours.channels() as u32;
    let level = |number: u32, channel: u32| (number / STEPS.pow(channel) % STEPS) as f32 / (STEPS - 1) as f32;
    let mixed = (0..STEPS.pow(channels)).flat_map(|number| (0..channels).map(move |channel| level(number, channel)));
    let greys = (0..=GREYS).flat_map(|grey| (0..channels).map(move |_| grey as f32 / GREYS as f32));
    mixed.chain(greys).collect()
}

/// What a profile calls itself, in so few plain words that they can stand in a sentence.
fn name(profile: &ColorProfile) -> String {
    use moxcms::ProfileText::{Description, Localizable, PlainString};
    const LONGEST: usize = 60;
    let text = match &profile.description {
        Some(PlainString(text)) => text.as_str(),
        Some(Localizable(texts)) => {
            let english = texts.iter().find(|text| text.language == "en").or(texts.first());
            english.map_or("", |text| text.value.as_str())
        }
        Some(Description(text)) => text.ascii_string.as_str(),
        None => "",
    };
    let printable: String = text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
    let words = printable.trim();
    if words.is_empty() { "those of its colour profile".to_owned() } else { words.to_owned() }
}
