//! Who gets to the service at all: without keys, nobody but those who sit at this machine, unless the operator says so.

use std::net::IpAddr;

use impasto_jobs::JobStore;
use impasto_server::Settings;

/// Refuses to listen on `address` where everybody could use the service and nobody has said that they may.
pub async fn check(settings: &Settings, address: IpAddr, jobs: &dyn JobStore) -> anyhow::Result<()> {
    if address.is_loopback() || settings.open || jobs.has_keys().await? {
        return Ok(());
    }
    anyhow::bail!(
        "whoever gets to {} could use the service, for it has no keys yet: make one by `impasto keys create NAME`, on the \
         same data folder; or, if everybody may use it, set server.open = true",
        settings.addr
    )
}
