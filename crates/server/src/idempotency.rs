//! `Idempotency-Key`: a client's name for a request, which makes one job however often it comes.

use axum::http::{HeaderMap, HeaderName};

use crate::problem::{Kind, Problem};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Characters of a key at the most.
const LONGEST: usize = 255;

/// Whether a request comes under a key, be it one that can be or not.
pub(crate) fn has_key(headers: &HeaderMap) -> bool {
    headers.contains_key(IDEMPOTENCY_KEY)
}

/// The key that a request comes under, if it has one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let is_one = given.next().is_none();
    let is_visible = key.as_bytes().iter().all(u8::is_ascii_graphic);
    let key = key.to_str().ok().filter(|key| is_one && is_visible && (1..=LONGEST).contains(&key.len()));
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        let why = format!("give one key of 1 to {LONGEST} visible ASCII characters, such as a UUID");
        Problem::new(Kind::InvalidHeader, why).in_field("Idempotency-Key")
    })
}
