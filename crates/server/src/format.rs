//! Which picture format a client wants.

use axum::http::{HeaderMap, header};
use impasto_picture::Format;

/// The format that `Accept` likes best; PNG, the stored one, where it has no preference or likes none of ours.
pub(crate) fn preferred(headers: &HeaderMap) -> Format {
    let accept: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|list| list.to_str().ok())
        .flat_map(|l| l.split(','))
        .collect();
    let mut best = (Format::Png, quality(&accept, Format::Png));
    for format in [Format::Jpeg, Format::WebP] {
        let quality = quality(&accept, format);
        if quality > best.1 {
            best = (format, quality);
        }
    }
    best.0
}

/// How much the client likes a format, from 0 to 1: the most specific range that it falls into says.
fn quality(accept: &[&str], format: Format) -> f32 {
    let mut most_specific = (0, 0.0);
    for range in accept {
        let mut parts = range.split(';').map(str::trim);
        let specificity = match parts.next().unwrap_or_default() {
            exact if exact.eq_ignore_ascii_case(format.mime()) => 3,
            "image/*" => 2,
            "*/*" => 1,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let quality = weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0));
        if specificity > most_specific.0 {
            most_specific = (specificity, quality);
        }
    }
    most_specific.1
}
