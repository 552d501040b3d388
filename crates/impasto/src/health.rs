//! `impasto health`: what a container's health check calls.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context;
use ureq::Agent;

use crate::{
    cli::{HealthArguments, Role},
    configuration::{self, Configuration},
};

const PATIENCE: Duration = Duration::from_secs(5);

pub fn run(arguments: &HealthArguments) -> anyhow::Result<()> {
    let url = match &arguments.url {
        Some(url) => format!("{}/readyz", url.trim_end_matches('/')),
        None => usual_place(&configuration::load_from(arguments.config.as_deref(), &[])?, arguments.role)?,
    };
    let agent: Agent = Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None).build().into();
    agent.get(&url).call().with_context(|| format!("{url} is not ready"))?;
    println!("ready");
    Ok(())
}

/// Where a process of `role` says how it is: workers have no API that could be ready.
fn usual_place(configuration: &Configuration, role: Role) -> anyhow::Result<String> {
    if role != Role::Worker {
        return Ok(format!("http://{}/readyz", within_reach(&configuration.server.addr)));
    }
    let address = &configuration.metrics.addr;
    anyhow::ensure!(
        !address.is_empty(),
        "workers alone have no API that could be asked: set metrics.addr, such as IMPASTO__METRICS__ADDR=127.0.0.1:9100"
    );
    Ok(format!("http://{}/healthz", within_reach(address)))
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

    #[test]
    fn workers_are_asked_where_their_numbers_are() {
        let mut configuration = Configuration::default();
        configuration.server.addr = "0.0.0.0:9000".to_owned();
        assert_eq!(usual_place(&configuration, Role::All).unwrap(), "http://127.0.0.1:9000/readyz");
        let said = usual_place(&configuration, Role::Worker).unwrap_err().to_string();
        assert!(said.contains("metrics.addr"), "{said}");
        configuration.metrics.addr = "[::]:9100".to_owned();
        assert_eq!(usual_place(&configuration, Role::Api).unwrap(), "http://127.0.0.1:9000/readyz");
        assert_eq!(usual_place(&configuration, Role::Worker).unwrap(), "http://[::1]:9100/healthz");
    }
}
