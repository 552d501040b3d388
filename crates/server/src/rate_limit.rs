//! What a client may have and what it has left of it, as answers tell (draft-ietf-httpapi-ratelimit-headers).

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    LimitSettings,
    rates::{Rate, WINDOW},
};

/// Says what a client has left.
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Says what it may have.
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// One of the limits of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Requests in a minute.
    Requests(u32),
    /// Jobs that wait in the queue.
    Queued(u64),
    /// Bytes that are uploaded in a day.
    Bytes(u64),
}

impl Limit {
    /// The limits of those who submit, as far as the operator has set them.
    pub fn of_submissions(settings: &LimitSettings) -> impl Iterator<Item = Self> {
        let queued = (settings.most_queued > 0).then_some(Self::Queued(settings.most_queued));
        queued.into_iter().chain((settings.bytes_a_day > 0).then_some(Self::Bytes(settings.bytes_a_day)))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Requests(_) => "requests",
            Self::Queued(_) => "queued",
            Self::Bytes(_) => "bytes",
        }
    }

    fn policy(self) -> String {
        let name = self.name();
        match self {
            Self::Requests(most) => format!("\"{name}\";q={most};w={}", WINDOW.as_secs()),
            Self::Queued(most) => format!("\"{name}\";q={most};qu=\"concurrent-requests\""),
            Self::Bytes(most) => format!("\"{name}\";q={most};qu=\"content-bytes\";w=86400"),
        }
    }
}

/// How much is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub limit: Limit,
    pub left: u64,
    /// Seconds until all of it is there again, where that is known.
    pub full_in: Option<u64>,
}

impl Left {
    /// Nothing, for so many seconds if that is known.
    pub fn nothing(limit: Limit, full_in: Option<u64>) -> Self {
        Self { limit, left: 0, full_in }
    }

    fn text(self) -> String {
        let (name, left) = (self.limit.name(), self.left);
        self.full_in
            .map_or_else(|| format!("\"{name}\";r={left}"), |seconds| format!("\"{name}\";r={left};t={seconds}"))
    }
}

impl From<&Rate> for Left {
    fn from(rate: &Rate) -> Self {
        let full_in = rate.full_in.as_secs_f64().ceil() as u64;
        Self { limit: Limit::Requests(rate.limit), left: rate.left.into(), full_in: Some(full_in) }
    }
}

/// Tells of `limits`, and of what is `left` of those of which it is known.
pub(crate) fn tell(headers: &mut HeaderMap, limits: &[Limit], left: &[Left]) {
    let policies: Vec<_> = limits.iter().map(|limit| limit.policy()).collect();
    let left: Vec<_> = left.iter().map(|left| left.text()).collect();
    for (name, items) in [(RATE_LIMIT_POLICY, policies), (RATE_LIMIT, left)] {
        // Digits and plain letters are a header value.
        if let Ok(value) = HeaderValue::try_from(items.join(", "))
            && !items.is_empty()
        {
            headers.insert(name, value);
        }
    }
}
