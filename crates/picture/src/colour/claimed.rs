//! Which of the things that a file says of its colours counts.

use std::borrow::Cow;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, MatrixCoefficients, ToneReprCurve,
    TransferCharacteristics,
};

use super::{Conversion, Unusable};
use crate::{
    Notice,
    inflate::inflate,
    outline::LONGEST_PROFILE,
    stored::Channels,
    structure::{Claim, PngColours, compressed_profile},
};

/// What makes sRGB of colours by what is claimed of them; none where nothing is to be done.
pub(crate) fn conversion(claim: &Claim, colours: Channels, notices: &mut Vec<Notice>) -> Option<Conversion> {
    let converted = match claim {
        Claim::Nothing => Ok(None),
        Claim::Incomplete => Err("parts of it are missing"),
        Claim::Profile(parts) => {
            let bytes = match parts.as_slice() {
                [part] => Cow::Borrowed(*part),
                parts => Cow::Owned(parts.concat()),
            };
            Conversion::by_profile(&bytes, colours)
        }
        Claim::Png(claims) => by_chunks(claims, colours, notices),
    };
    let (conversion, from) = match converted {
        Ok(Some((conversion, from))) => (Some(conversion), Some(from)),
        Ok(None) => (None, None),
        Err(why) => {
            notices.push(Notice::ProfilePassedOver(why.to_owned()));
            (None, None)
        }
    };
    // Inks are no light: they are converted, if only by rule of thumb.
    let from = from.or_else(|| (colours == Channels::Cmyk).then(|| "CMYK".to_owned()));
    notices.extend(from.map(Notice::ColoursConverted));
    conversion
}

/// By the first chunk that counts, in the order of PNG's specification.
fn by_chunks(
    claims: &PngColours,
    colours: Channels,
    notices: &mut Vec<Notice>,
) -> Result<Option<(Conversion, String)>, Unusable> {
    if let Some(numbers) = claims.cicp {
        match by_code_points(numbers, colours) {
            Ok(converted) => return Ok(converted),
            Err(why) => notices.push(Notice::ProfilePassedOver(why.to_owned())),
        }
    }
    if let Some(chunk) = claims.iccp {
        return Conversion::by_profile(&inflated(chunk)?, colours);
    }
    if claims.is_srgb || (claims.gamma.is_none() && claims.chromaticities.is_none()) {
        return Ok(None);
    }
    by_numbers(claims.gamma, claims.chromaticities, colours)
}

fn inflated(chunk: &[u8]) -> Result<Vec<u8>, Unusable> {
    let compressed = compressed_profile(chunk).ok_or("it is broken")?;
    inflate(compressed, LONGEST_PROFILE as usize).ok_or("it is broken, or larger than 4 MiB")
}

/// By H.273's numbers for primaries, transfer function, matrix and range.
fn by_code_points(
    [primaries, transfer, matrix, range]: [u8; 4],
    colours: Channels,
) -> Result<Option<(Conversion, String)>, Unusable> {
    const PQ: u8 = 16;
    const HLG: u8 = 18;
    if matches!(transfer, PQ | HLG) {
        return Err("its brightness goes beyond what is painted here (HDR), so that it looks paler than it should");
    }
    if matrix != 0 || range != 1 {
        return Err("its numbers do not use the full range of RGB");
    }
    let unknown = "it is of a kind that is not known here";
    let numbers = CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).map_err(|_| unknown)?,
        transfer_characteristics: TransferCharacteristics::try_from(transfer).map_err(|_| unknown)?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    };
    let mut profile = ColorProfile::new_from_cicp(numbers);
    let Some(curve) = profile.red_trc.clone() else { return Err(unknown) };
    if colours == Channels::Grey {
        profile = grey(curve);
    }
    let name = match primaries {
        1 => "the gamma that it states",
        9 => "Rec. 2020",
        12 => "Display P3",
        _ => "the primaries that it states",
    };
    Ok(Conversion::by(&profile, colours)?.map(|conversion| (conversion, name.to_owned())))
}

/// By an exponent and the coordinates of white and the primaries, each times 100000.
fn by_numbers(
    gamma: Option<u32>,
    chromaticities: Option<[u32; 8]>,
    colours: Channels,
) -> Result<Option<(Conversion, String)>, Unusable> {
    const SRGB_GAMMA: f64 = 45_455.0;
    const SRGB: [u32; 8] = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];
    /// Of the numbers that sRGB's chromaticities are rounded to elsewhere.
    const NEAR: u32 = 200;
    let is_srgbs_gamma = gamma.is_none_or(|gamma| (f64::from(gamma) / SRGB_GAMMA - 1.0).abs() <= 0.01);
    let others = chromaticities.filter(|given| given.iter().zip(SRGB).any(|(given, want)| given.abs_diff(want) > NEAR));
    let others = others.filter(|_| colours == Channels::Rgb);
    if is_srgbs_gamma && others.is_none() {
        return Ok(None);
    }
    let nonsense = "the numbers that it is given in make no sense";
    let mut profile = ColorProfile::new_srgb();
    if let Some(gamma) = gamma {
        const LEAST: u32 = 10_000;
        const MOST: u32 = 1_000_000;
        if !(LEAST..=MOST).contains(&gamma) {
            return Err(nonsense);
        }
        let curve = ToneReprCurve::Parametric(vec![100_000.0 / gamma as f32]);
        if colours == Channels::Grey {
            profile = grey(curve);
        } else {
            profile.cicp = None;
            (profile.red_trc, profile.green_trc, profile.blue_trc) =
                (Some(curve.clone()), Some(curve.clone()), Some(curve));
        }
    }
    if let Some(numbers) = others {
        let [white, red, green, blue] = pairs(numbers).ok_or(nonsense)?;
        profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    }
    Ok(Conversion::by(&profile, colours)?
        .map(|conversion| (conversion, "the gamma and primaries that it states".to_owned())))
}

/// Coordinates within the diagram of colours.
fn pairs(numbers: [u32; 8]) -> Option<[Chromaticity; 4]> {
    let (pairs, _) = numbers.as_chunks::<2>();
    let within = |&[x, y]: &[u32; 2]| y > 0 && x.saturating_add(y) <= 100_000;
    if !pairs.iter().all(within) {
        return None;
    }
    let places: Vec<Chromaticity> =
        pairs.iter().map(|&[x, y]| Chromaticity::new(x as f32 / 100_000.0, y as f32 / 100_000.0)).collect();
    places.try_into().ok()
}

fn grey(curve: ToneReprCurve) -> ColorProfile {
    let mut profile = ColorProfile::new_gray_with_gamma(1.0);
    profile.gray_trc = Some(curve);
    profile
}
