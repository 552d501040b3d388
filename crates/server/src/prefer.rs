//! `Prefer: wait=SECONDS` (RFC 7240): how long a client would have its answer held back.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long the client would wait, if it says so. What makes no sense is passed over, as the RFC has it for all preferences.
pub(crate) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let lists = headers.get_all(PREFER).iter().filter_map(|list| list.to_str().ok());
    let mut preferences = lists.flat_map(|list| list.split(',')).filter_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').to_owned())
    });
    let seconds = preferences.next().filter(|seconds| seconds.bytes().all(|byte| byte.is_ascii_digit()))?;
    // More than a number can hold is more than is granted.
    Some(Duration::from_secs(u64::from(seconds.parse::<u32>().unwrap_or(u32::MAX)))).filter(|_| !seconds.is_empty())
}

/// Says in an answer that it was held back for up to `wait`.
pub(crate) fn applied(headers: &mut HeaderMap, wait: Duration) {
    // A number between letters is a header value.
    if let Ok(value) = HeaderValue::try_from(format!("wait={}", wait.as_secs())) {
        headers.insert(PREFERENCE_APPLIED, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_found_among_other_preferences() {
        let said = |text: &'static str| {
            let headers = HeaderMap::from_iter([(PREFER, HeaderValue::from_static(text))]);
            wait(&headers).map(|wait| wait.as_secs())
        };
        for (text, seconds) in [
            ("wait=10", Some(10)),
            ("respond-async, Wait = \"7\"; x=y", Some(7)),
            ("wait=0", Some(0)),
            ("wait=99999999999", Some(u64::from(u32::MAX))),
            ("wait", None),
            ("wait=", None),
            ("wait=-1", None),
            ("wait=soon", None),
            ("return=minimal", None),
        ] {
            assert_eq!(said(text), seconds, "{text}");
        }
        assert_eq!(wait(&HeaderMap::new()), None);
    }
}
