//! `partykit completions`: a script that makes a shell complete what is typed.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};

/// Writes the script to stdout.
pub(crate) fn run(args: &CompletionsArgs) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "partykit", &mut script);
    crate::output::raw(&script);
}
