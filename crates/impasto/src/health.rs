//! `impasto health`: what a container's health check calls.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context;
use ureq::Agent;

use crate::{cli::HealthArguments, configuration};

const PATIENCE: Duration = Duration::from_secs(5);

pub fn run(arguments: &HealthArguments) -> anyhow::Result<()> {
    let url = match &arguments.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let configuration = configuration::load_from(arguments.config.as_deref(), &[])?;
            format!("http://{}", within_reach(&configuration.server.addr))
        }
    };
    let url = format!("{url}/readyz");
    let agent: Agent = Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None).build().into();
    agent.get(&url).call().with_context(|| format!("{url} is not ready"))?;
    println!("ready");
    Ok(())
}

/// Where a service that listens on `address` is reached from its own machine. One that listens on all addresses does so on
/// loopback.
fn within_reach(address: &str) -> String {
    let Ok(mut address) = address.parse::<SocketAddr>() else { return address.to_owned() };
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_at_the_nearest() {
        assert_eq!(within_reach("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(within_reach("[::]:80"), "[::1]:80");
        assert_eq!(within_reach("10.0.0.1:80"), "10.0.0.1:80");
        assert_eq!(within_reach("localhost:80"), "localhost:80");
    }
}
