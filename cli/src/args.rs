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
    Dev(Box<DevArgs>),
    /// Look after what rooms have stored: check, count, compact, back up, restore
    #[command(subcommand, arg_required_else_help = true)]
    Storage(StorageCommand),
    /// Print a script that completes commands in a shell
    Completions(CompletionsArgs),
}

/// `partykit storage`.
#[derive(Debug, Subcommand)]
pub(crate) enum StorageCommand {
    /// Read everything that is stored and look for damage
    #[command(
        after_help = "Works while a host serves the store (sqlite), or needs it stopped (sled).

Examples:
  partykit storage check
  partykit storage check --dir /var/lib/partykit"
    )]
    Check(StoreArgs),
    /// Count rooms, keys and bytes
    #[command(
        after_help = "Works while a host serves the store (sqlite), or needs it stopped (sled).

Examples:
  partykit storage stats
  partykit storage stats --dir /var/lib/partykit"
    )]
    Stats(StoreArgs),
    /// Give space that is not used any more back to the file system
    #[command(
        after_help = "Needs the host stopped, and as much free space as is stored. sled cannot:
back the store up and restore it into a new directory.

Examples:
  partykit storage compact --dir /var/lib/partykit"
    )]
    Compact(StoreArgs),
    /// Write everything that is stored into a new file
    #[command(
        after_help = "Works while a host serves the store (sqlite), or needs it stopped (sled).
The file is as of one moment, has checksums, and can be restored with any backend.

Examples:
  partykit storage backup rooms.backup
  partykit storage backup /backups/$(date +%F).backup --dir /var/lib/partykit"
    )]
    Backup(BackupArgs),
    /// Make a store of a backup, in a directory that is empty or does not exist
    #[command(after_help = "The file is checked as a whole before anything is made.

Examples:
  partykit storage restore rooms.backup --dir restored
  partykit storage restore rooms.backup --dir moved --backend sled")]
    Restore(RestoreArgs),
    /// Write what rooms have stored as text, in which values keep their types
    #[command(
        after_help = "Works while a host serves the store (sqlite), as of one moment, or needs it
stopped (sled). The text is newline-delimited JSON: docs/storage-export.md.

Examples:
  partykit storage export rooms.ndjson
  partykit storage export lobby.ndjson --room lobby --dir /var/lib/partykit
  partykit storage export - --party main | jq 'select(.key)'"
    )]
    Export(ExportArgs),
    /// Read an export, or what PartyKit's own `dev` has stored, into a store
    #[command(
        after_help = "Needs the host stopped. Everything is checked before anything is written. A
room is there whole or not at all, up to 8 MiB of it; a larger one that was interrupted is completed
by the same import again.

PartyKit keeps no names of rooms, so say them; ids that no name has are listed. It keeps no
alarms either.

Examples:
  partykit storage import rooms.ndjson --dir /var/lib/partykit
  partykit storage import lobby.ndjson --replace
  partykit storage import old/.partykit/state --room lobby --room game-1
  partykit storage import old/.partykit/state --names names.txt --project chat"
    )]
    Import(ImportArgs),
}

impl StorageCommand {
    /// Whether a program reads what is printed.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Export(args) => args.json,
            Self::Import(args) => args.json,
            _ => false,
        }
    }
}

/// `partykit storage export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The file to make, or - for stdout
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// Only rooms of this project
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,

    /// Only rooms of this party
    #[arg(long, value_name = "NAME")]
    pub(crate) party: Option<String>,

    /// Only rooms of this name, as it stands in addresses
    #[arg(long = "room", value_name = "NAME")]
    pub(crate) rooms: Vec<String>,

    /// Print one JSON object for each event on stdout, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
}

/// `partykit storage import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// An export, - for stdin, or a folder `.partykit/state` of PartyKit
    pub(crate) source: PathBuf,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// sqlite or sled [default: that of the store, sqlite for a new one]
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,

    /// Whose the rooms will be [default: as the export says; for PartyKit's, "name" of
    /// partykit.json]
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,

    /// Only rooms of this party
    #[arg(long, value_name = "NAME")]
    pub(crate) party: Option<String>,

    /// Only rooms of this name, as it stands in addresses
    #[arg(long = "room", value_name = "NAME")]
    pub(crate) rooms: Vec<String>,

    /// A file with such names, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) names: Option<PathBuf>,

    /// Rooms forget what they have stored before
    #[arg(long)]
    pub(crate) replace: bool,

    /// Print one JSON object for each event on stdout, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The directory of the store [default: where `partykit dev` keeps it]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// `partykit storage backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to make
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `partykit storage restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// sqlite or sled [default: sqlite]
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
}

/// `partykit completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partykit completions bash > ~/.local/share/bash-completion/completions/partykit
  partykit completions zsh > ~/.zfunc/_partykit
  partykit completions fish > ~/.config/fish/completions/partykit.fish")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    pub(crate) shell: clap_complete::Shell,
}

/// `partykit dev`.
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:
  partykit dev                        serve what partykit.json names as \"main\"
  partykit dev src/server.ts -p 3000  serve a file without any configuration
  partykit dev --persist false        keep storage in memory only
  partykit dev --serve public --live  serve files, load pages again when they change
  partykit dev --var KEY=value        give rooms a variable, for this run
  partykit dev --https                serve with a certificate of its own
  partykit dev --json --ready-file f  for scripts: events as JSON, the address in a file

While it runs in a terminal: b opens a browser, c clears the screen, r bundles again, x or q ends.

Exit codes: 0 ended as asked, 1 something failed, 2 the command line or the configuration has to
change.")]
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

    /// A folder of static files [default: "serve" of partykit.json]
    #[arg(long, value_name = "DIR")]
    pub(crate) serve: Option<PathBuf>,

    /// Make every variable of .env and .env.local a constant of the code, too
    #[arg(long)]
    pub(crate) with_env: bool,

    /// Make the code small, as "minify" of partykit.json does
    #[arg(long)]
    pub(crate) minify: bool,

    /// Load pages again when static files or the client change [default: unless
    /// "serve.build.live" is false]
    #[arg(long)]
    pub(crate) live: bool,

    /// Serve HTTPS, with a certificate that is made for the occasion unless one is given
    #[arg(long)]
    pub(crate) https: bool,

    /// The key of the certificate, PEM
    #[arg(
        long,
        value_name = "FILE",
        alias = "https-key",
        requires = "https_cert_path"
    )]
    pub(crate) https_key_path: Option<PathBuf>,

    /// A certificate to serve HTTPS with, PEM, with those that vouch for it behind it
    #[arg(
        long,
        value_name = "FILE",
        alias = "https-cert",
        requires = "https_key_path"
    )]
    pub(crate) https_cert_path: Option<PathBuf>,

    /// Write the address into this file as JSON when it is served
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,

    /// Print one JSON object for each event on stdout, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,

    // What the original takes and nothing here depends on.
    #[arg(long, hide = true, value_name = "DATE")]
    pub(crate) compatibility_date: Option<String>,
    #[arg(long, hide = true, value_name = "FLAG", num_args = 1..)]
    pub(crate) compatibility_flags: Vec<String>,
    #[arg(long, hide = true)]
    pub(crate) disable_request_cf_fetch: bool,

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
        match Cli::parse_from(["partykit", "dev"].iter().chain(arguments)).command {
            Command::Dev(args) => *args,
            other => panic!("{other:?}"),
        }
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
