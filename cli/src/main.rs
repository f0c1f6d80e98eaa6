//! The command `partykit`: parses, runs one command, and turns its outcome into an exit code.
//!
//! 0: done. 1: it failed. 2: the command line or the configuration has to change.

mod args;
mod browser;
mod builds;
mod bundle;
mod cache_dir;
mod certificate;
mod client_bundle;
mod code_frame;
mod commands;
mod env_file;
mod error;
mod esbuild;
mod host;
mod hotkeys;
mod mistyped;
mod output;
mod paths;
mod plan;
mod project;
mod ready_file;
mod service;
mod stack_map;
mod stop;
mod transfer;
mod trouble;
mod watch;
mod wording;
mod workshop;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime;

use crate::args::{Cli, Command, DevArgs};
use crate::error::CliError;
use crate::output::{Loudness, Output, Reader};

fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return mistyped::told(&error),
    };
    match command {
        Command::Dev(args) => dev(*args),
        Command::Storage(command) => {
            let reader = if command.json() {
                Reader::Program
            } else {
                Reader::Person
            };
            let output = Output::new(Loudness::Normal, reader);
            ended(commands::storage::run(command, output), output)
        }
        Command::Completions(args) => {
            commands::completions::run(&args);
            ExitCode::SUCCESS
        }
    }
}

fn dev(args: DevArgs) -> ExitCode {
    let reader = if args.json {
        Reader::Program
    } else {
        Reader::Person
    };
    let output = Output::new(loudness(&args), reader);
    ended(run(args, output), output)
}

/// What the process ends with.
fn ended(done: Result<(), CliError>, output: Output) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error, error.hint().as_deref());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(args: DevArgs, output: Output) -> Result<(), CliError> {
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        // Rooms run on these threads.
        .thread_stack_size(partykit_host::THREAD_STACK_BYTES)
        .build()
        .map_err(|source| CliError::Process {
            what: "no threads could be started",
            source,
        })?;
    let done = runtime.block_on(commands::dev::run(args, output));
    // What still runs now (an engine being compiled) is not worth waiting for.
    runtime.shutdown_background();
    done
}

fn loudness(args: &DevArgs) -> Loudness {
    match (args.quiet, args.verbose) {
        (true, _) => Loudness::Quiet,
        (_, true) => Loudness::Verbose,
        _ => Loudness::Normal,
    }
}
