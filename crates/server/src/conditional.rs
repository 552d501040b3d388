//! Entity tags and what a client says of them.

use axum::http::{HeaderMap, HeaderValue, header};

/// The tag of a job at a revision. It is weak: the place in the queue may change within a revision.
pub(crate) fn tag_of_revision(revision: u64) -> HeaderValue {
    weak(&revision.to_string())
}

/// A weak tag around `text`, which has to be letters, digits and hyphens.
pub(crate) fn weak(text: &str) -> HeaderValue {
    // Visible ASCII is a header value; anything else would make a tag that matches nothing, which is safe.
    HeaderValue::from_str(&format!("W/\"{text}\"")).unwrap_or(HeaderValue::from_static("W/\"\""))
}

/// A strong tag around `text`, which has to be letters, digits, dots and hyphens: whatever comes under it is the same byte for byte.
pub(crate) fn strong(text: &str) -> HeaderValue {
    // As above.
    HeaderValue::from_str(&format!("\"{text}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// `If-None-Match`: the representations that a client has already.
#[derive(Debug)]
pub(crate) struct Known<'a>(&'a HeaderMap);

impl<'a> Known<'a> {
    pub fn of(headers: &'a HeaderMap) -> Self {
        Self(headers)
    }

    /// Whether the client says that it has any.
    pub fn any(&self) -> bool {
        self.0.contains_key(header::IF_NONE_MATCH)
    }

    /// Whether the one tagged `tag` is among them, compared weakly, as RFC 9110 has it for this header.
    pub fn has(&self, tag: &HeaderValue) -> bool {
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let Ok(tag) = tag.to_str().map(opaque) else { return false };
        let lists = self.0.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
        lists.flat_map(|list| list.split(',')).any(|given| given.trim() == "*" || opaque(given) == tag)
    }
}
