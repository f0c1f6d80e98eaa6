//! What can be typed: clap's structs and nothing else. What a flag means is decided where it is
//! used; which value wins over partykit.json is decided in `plan`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Everything after `partykit`.
#[derive(Debug, Parser)]
#[command(name = "partykit", version, about, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bundle a project and serve its rooms on this machine
    Dev(DevArgs),
}

/// `partykit dev`.
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:
  partykit dev                        serve what partykit.json names as \"main\"
  partykit dev src/server.ts -p 3000  serve a file without any configuration
  partykit dev --persist false        keep storage in memory only")]
pub(crate) struct DevArgs {
    /// The file with the room's code [default: "main" of partykit.json]
    pub(crate) script: Option<PathBuf>,

    /// Port to listen on; 0 takes any free one [default: 1999, or the next free one]
    #[arg(short, long, value_name = "N")]
    pub(crate) port: Option<u16>,

    /// Where rooms keep their storage, or `false` for memory only [default: .partykit/state]
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) persist: Option<String>,

    /// Configuration file [default: partykit.json, partykit.json5, partykit.jsonc or the key
    /// "partykit" of package.json, here or in a folder above]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// A variable for `room.env` and `process.env`
    #[arg(short, long = "var", value_name = "NAME=VALUE", num_args = 1..)]
    #[arg(value_parser = assignment)]
    pub(crate) vars: Vec<Assignment>,

    /// A constant of the code, replaced by a JavaScript expression when it is bundled
    #[arg(short, long, value_name = "NAME=EXPRESSION", num_args = 1..)]
    #[arg(value_parser = assignment)]
    pub(crate) define: Vec<Assignment>,

    // Scripts pass it; no key is read yet.
    /// Do not read keys from the terminal
    #[arg(long)]
    pub(crate) no_hotkeys: bool,

    /// Print only the address, warnings and errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Print more about what is done and how long it takes
    #[arg(long)]
    pub(crate) verbose: bool,
}

/// `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: String,
}

fn assignment(text: &str) -> Result<Assignment, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Assignment {
            name: name.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn dev(arguments: &[&str]) -> DevArgs {
        let Command::Dev(args) =
            Cli::parse_from(["partykit", "dev"].iter().chain(arguments)).command;
        args
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn persist_without_a_directory_means_true() {
        assert_eq!(dev(&["--persist"]).persist.as_deref(), Some("true"));
        assert_eq!(
            dev(&["--persist", "state"]).persist.as_deref(),
            Some("state")
        );
        assert_eq!(dev(&[]).persist, None);
    }

    #[test]
    fn variables_can_be_repeated_and_listed() {
        let args = dev(&["src/a.ts", "-v", "A=1", "B=x=y", "--var", "C="]);
        let pairs: Vec<_> = args.vars.iter().map(|v| (&*v.name, &*v.value)).collect();
        assert_eq!(pairs, [("A", "1"), ("B", "x=y"), ("C", "")]);
        assert_eq!(args.script.as_deref(), Some("src/a.ts".as_ref()));
    }

    #[test]
    fn a_variable_without_a_name_is_refused() {
        assert!(assignment("=1").is_err());
        assert!(assignment("A").is_err());
    }
}
