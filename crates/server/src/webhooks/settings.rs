//! What the operator decides of webhooks.

use std::fmt;

use serde::Deserialize;

/// The section `[webhooks]`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// Whether webhooks may be http, which anybody on the way can read. Default: no.
    pub allow_http: bool,
    /// Whether webhooks may be in private networks or on this machine, which whoever submits jobs can make the service knock at
    /// then. Default: no.
    pub allow_private: bool,
    /// What messages are signed with where there are no keys, as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in Base64.
    /// With keys each has a secret of its own. Default: none, and then webhooks take a key.
    pub secret: String,
}

impl fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Settings are logged.
        let secret = if self.secret.is_empty() { "none" } else { "…" };
        let Self { allow_http, allow_private, secret: _ } = self;
        f.debug_struct("WebhookSettings")
            .field("allow_http", allow_http)
            .field("allow_private", allow_private)
            .field("secret", &format_args!("{secret}"))
            .finish()
    }
}
