//! Which picture format a client wants.

use axum::http::{HeaderMap, header};
use impasto_picture::Format;

/// The formats that a media type names; PNG, the stored one, goes before the others.
const NAMED: [Format; 4] = [Format::Png, Format::Jpeg, Format::WebP, Format::Tiff];

/// What `Accept` says of some media types, and how much it likes them, from 0 to 1.
struct MediaRange<'a> {
    types: &'a str,
    weight: f32,
}

impl MediaRange<'_> {
    fn format(&self) -> Option<Format> {
        NAMED.into_iter().find(|format| format.mime().eq_ignore_ascii_case(self.types))
    }

    fn is_open(&self) -> bool {
        self.types == "*/*" || self.types.eq_ignore_ascii_case("image/*")
    }
}

/// The format that `Accept` names plainly, and PNG where it names none so. Browsers like WebP as much as pages and formats that
/// are not to be had here, and take anything: that is no wish for WebP.
pub(crate) fn preferred(headers: &HeaderMap) -> Format {
    let lists = headers.get_all(header::ACCEPT).iter().filter_map(|list| list.to_str().ok());
    let ranges: Vec<_> =
        lists.flat_map(|list| list.split(',')).map(media_range).filter(|range| range.weight > 0.0).collect();
    let most = ranges.iter().fold(0.0, |most: f32, range| most.max(range.weight));
    let likes_others_as_much = ranges.iter().any(|range| range.weight == most && range.format().is_none());
    if likes_others_as_much && ranges.iter().any(MediaRange::is_open) {
        return Format::Png;
    }
    let weight = |format: Format| {
        let of_it = ranges.iter().filter(|range| range.format() == Some(format));
        of_it.fold(0.0, |most: f32, range| most.max(range.weight))
    };
    // The first of those that are liked best.
    NAMED.into_iter().rev().max_by(|a, b| weight(*a).total_cmp(&weight(*b))).unwrap_or(Format::Png)
}

fn media_range(text: &str) -> MediaRange<'_> {
    let mut parts = text.split(';').map(str::trim);
    let types = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    MediaRange { types, weight: weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0)) }
}
