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
    let urls = match &arguments.url {
        Some(url) => vec![format!("{}/readyz", url.trim_end_matches('/'))],
        None => usual_places(&configuration::load_from(arguments.config.as_deref(), &[])?, arguments.role)?,
    };
    let agent: Agent = Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None).build().into();
    let mut outcome = Ok(());
    for url in &urls {
        match agent.get(url).call().with_context(|| format!("{url} is not ready")) {
            Ok(_) => {
                println!("ready");
                return Ok(());
            }
            // What is said first is of the place that should have been right.
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    outcome
}

/// Where a process of `role` says how it is: workers have no API that could be ready.
fn usual_places(configuration: &Configuration, role: Role) -> anyhow::Result<Vec<String>> {
    let urls = |address: &str, path: &str| {
        within_reach(address).into_iter().map(|address| format!("http://{address}{path}")).collect()
    };
    if role != Role::Worker {
        return Ok(urls(&configuration.server.addr, "/readyz"));
    }
    let address = &configuration.metrics.addr;
    anyhow::ensure!(
        !address.is_empty(),
        "workers alone have no API that could be asked: set metrics.addr, such as IMPASTO__METRICS__ADDR=127.0.0.1:9100"
    );
    Ok(urls(address, "/healthz"))
}

/// Where a service that listens on `address` is reached from its own machine, most likely first. One that listens on all addresses
/// does so on loopback; containers often have no address of version 6 there, and one that listens to both is reached by the other.
fn within_reach(address: &str) -> Vec<String> {
    let Ok(address) = address.parse::<SocketAddr>() else { return vec![address.to_owned()] };
    let near: Vec<IpAddr> = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![Ipv4Addr::LOCALHOST.into()],
        IpAddr::V6(ip) if ip.is_unspecified() => vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()],
        ip => vec![ip],
    };
    near.into_iter().map(|ip| SocketAddr::new(ip, address.port()).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_at_the_nearest() {
        assert_eq!(within_reach("0.0.0.0:8080"), ["127.0.0.1:8080"]);
        assert_eq!(within_reach("[::]:80"), ["[::1]:80", "127.0.0.1:80"]);
        assert_eq!(within_reach("10.0.0.1:80"), ["10.0.0.1:80"]);
        assert_eq!(within_reach("localhost:80"), ["localhost:80"]);
    }

    #[test]
    fn workers_are_asked_where_their_numbers_are() {
        let mut configuration = Configuration::default();
        configuration.server.addr = "0.0.0.0:9000".to_owned();
        assert_eq!(usual_places(&configuration, Role::All).unwrap(), ["http://127.0.0.1:9000/readyz"]);
        let said = usual_places(&configuration, Role::Worker).unwrap_err().to_string();
        assert!(said.contains("metrics.addr"), "{said}");
        configuration.metrics.addr = "10.0.0.1:9100".to_owned();
        assert_eq!(usual_places(&configuration, Role::Api).unwrap(), ["http://127.0.0.1:9000/readyz"]);
        assert_eq!(usual_places(&configuration, Role::Worker).unwrap(), ["http://10.0.0.1:9100/healthz"]);
    }
}
