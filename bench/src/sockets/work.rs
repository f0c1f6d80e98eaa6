//! The works: what is done to a server through sockets, and the table of what each cost it.
//!
//! CPU time of the server for one unit of work is what counts: on a small shared machine it is far
//! steadier than a rate. A run during which the machine did other things is made once again.

use std::process::Command;

use super::load::Finding;
use super::pin::{Cpu, Pins};
use super::server::Server;
use crate::args::Args;
use crate::failure::Failure;
use crate::place::{Place, expect_built};
use crate::report::{Report, number_or_nothing};

const WARM_UP_SECS: &str = "0.5";

/// A name, the arguments of roomload, and the unit of the work.
const WORKS: &[(&str, &str, &str)] = &[
    ("echo-1", "echo --conns 1 --rooms 1", "message"),
    ("echo-100", "echo --conns 100 --rooms 10", "message"),
    (
        "echo-100-p16",
        "echo --conns 100 --rooms 10 --pipeline 16",
        "message",
    ),
    ("fan-10x20", "fanout --rooms 10 --conns 20", "delivery"),
    ("fan-1x200", "fanout --rooms 1 --conns 200", "delivery"),
    ("ctr-10", "counter --conns 10 --rooms 10", "message"),
    ("cpu-10", "cpu --conns 10 --rooms 10", "message"),
    ("http-get", "http --conns 32", "request"),
    (
        "conn-same",
        "connect --same-room --count 1500",
        "connection",
    ),
    ("cold", "connect --count 300", "room"),
];

const RATES: &[&str] = &[
    "msgs_per_s",
    "deliveries_per_s",
    "reqs_per_s",
    "conns_per_s",
];
const CPU: &[&str] = &[
    "server_cpu_us_per_msg",
    "server_cpu_us_per_delivery",
    "server_cpu_us_per_req",
    "server_cpu_us_per_conn",
];

/// Runs all works, or those that were asked for, on one server.
///
/// # Errors
/// The server or roomload could not be started.
pub(crate) fn works(args: &Args, place: &Place, report: &Report) -> Result<(), Failure> {
    expect_built(&place.roomload)?;
    if let Some(unknown) = args.works.iter().find(|work| !is_known(work)) {
        let known: Vec<_> = WORKS.iter().map(|(name, _, _)| *name).collect();
        return Err(format!("no work is called {unknown}: {}", known.join(", ")).into());
    }
    let pins = Pins::find();
    let server = Server::start(place, pins, &place.cache())?;
    let mut rows = Vec::new();
    let mut disturbed = false;
    for (name, arguments, unit) in WORKS {
        if !args.works.is_empty() && !args.works.iter().any(|work| work == name) {
            continue;
        }
        let load = || {
            let mut command = pins.command(Cpu::Load, &place.roomload);
            add_arguments(&mut command, arguments, args.secs, &server);
            Finding::of(command)
        };
        let mut finding = load()?;
        if finding.disturbed() && finding.errors().is_none() {
            finding = load()?;
        }
        if let Some(errors) = finding.errors() {
            report.wrong(&format!("{name}: {errors}"));
        }
        disturbed |= finding.disturbed();
        rows.push(row(name, unit, &finding));
    }
    report.table(
        &format!("Works through sockets ({})", pins.describe()),
        &[
            "",
            "unit",
            "server CPU µs",
            "units/s",
            "p50 µs",
            "p99 µs",
            "server MiB",
        ],
        &rows,
    );
    if disturbed {
        report.note("* the machine was busy with other things, also when it was tried again");
    }
    Ok(())
}

fn is_known(work: &str) -> bool {
    WORKS.iter().any(|(name, _, _)| *name == work)
}

fn add_arguments(command: &mut Command, arguments: &str, secs: f64, server: &Server) {
    command
        .args(arguments.split(' '))
        .args(["--json", "--warmup", WARM_UP_SECS, "--secs"])
        .arg(secs.to_string())
        .args(["--url", server.url(), "--server-pid"])
        .arg(server.pid().to_string());
}

fn row(name: &str, unit: &str, finding: &Finding) -> Vec<String> {
    let latency = |percentile| {
        let answer = finding.number(&["latency_us", percentile]);
        number_or_nothing(answer.or_else(|| finding.number(&["first_answer_us", percentile])))
    };
    let mark = if finding.disturbed() { " *" } else { "" };
    vec![
        format!("{name}{mark}"),
        unit.to_owned(),
        number_or_nothing(finding.first_number(CPU)),
        number_or_nothing(finding.first_number(RATES)),
        latency("p50"),
        latency("p99"),
        number_or_nothing(finding.server_mib()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn works_are_known_by_their_names() {
        assert!(is_known("echo-100-p16"));
        assert!(!is_known("echo-2"));
    }
}
