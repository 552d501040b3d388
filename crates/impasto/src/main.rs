//! impasto: neural style transfer as a service. What each subcommand does stands in the file of its name.
#![forbid(unsafe_code)]

mod backup;
mod bench;
mod cli;
mod configuration;
mod exit;
mod exposure;
mod health;
mod keys;
mod lifeline;
mod logging;
mod measuring;
mod open_files;
mod orphans;
mod serve;
mod signals;
mod stylize;
mod supervisor;
mod weights;
mod worker;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use tikv_jemallocator::Jemalloc;

/// Gives memory back once it is free: after a thousand uploads the C library's allocator keeps a gigabyte.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("impasto: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(arguments) => serve::run(&arguments)?,
        Command::Worker(arguments) => return worker::run(&arguments),
        Command::Stylize(arguments) => return stylize::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments)?,
        Command::Backup(arguments) => backup::run(&arguments)?,
        Command::Weights(arguments) => weights::run(&arguments)?,
        Command::Keys(arguments) => keys::run(&arguments)?,
        Command::Health(arguments) => health::run(&arguments)?,
        Command::Openapi => print!("{}", impasto_server::openapi_yaml()),
    }
    Ok(ExitCode::SUCCESS)
}
