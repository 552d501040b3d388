//! `impasto health`: what a container's health check calls.

use std::time::Duration;

use anyhow::Context;
use ureq::Agent;

use crate::cli::HealthArguments;

const PATIENCE: Duration = Duration::from_secs(5);

pub fn run(arguments: &HealthArguments) -> anyhow::Result<()> {
    let url = format!("{}/readyz", arguments.url.trim_end_matches('/'));
    let agent: Agent = Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
    agent.get(&url).call().with_context(|| format!("{url} is not ready"))?;
    println!("ready");
    Ok(())
}
