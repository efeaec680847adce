//! The `mpws` command: arguments, progress, exit codes. What it does is in the crates below it.
//!
//! - [`args`]: the command line
//! - [`exit`]: the exit codes
//! - [`failure`]: what went wrong, why, and what to do next
//! - one module for each subcommand

#![forbid(unsafe_code)]

pub mod args;
pub mod exit;
pub mod failure;

mod bench;
mod check;
mod connect;
mod deflate;
mod doctor;
mod explain;
mod interrupt;
mod judge;
mod list;
mod live;
mod matrix;
mod output;
#[cfg(feature = "containers")]
mod peers;
#[cfg(not(feature = "containers"))]
#[path = "without_containers.rs"]
mod peers;
mod plan;
mod presets;
mod run;
mod runtime;
mod serve;
mod standard_input;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};
use exit::Exit;

/// Reads the command line, does what it says and tells what went wrong.
///
/// A command line that cannot be understood ends the process with [`Exit::Usage`], as does
/// `--help` with 0.
pub fn main() -> Exit {
    log();
    let outcome = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::List(args) => list::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Presets(args) => presets::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Peers(args) => peers::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Connect(args) => connect::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Judge(args) => judge::run(&args),
    };
    outcome.unwrap_or_else(|failure| {
        let exit = failure.exit();
        failure.tell();
        exit
    })
}

/// Logs go to standard error: errors, or what `MPWS_LOG` asks for, such as `debug` or
/// `mpws_lab=trace`.
fn log() {
    let filter = EnvFilter::try_from_env("MPWS_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
}
