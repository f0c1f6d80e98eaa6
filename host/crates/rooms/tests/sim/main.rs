//! The simulation: one room, driven from a seed through connects, messages, requests, bodies both
//! ways, closes, commits that come late or fail, time, and crashes of the host, in any order. After
//! every step the promises of docs/guarantees.md are checked, and at the end that nothing is left.
//! A failure prints its seed:
//! `PARTYKIT_SIM_SEED=N cargo test -p partykit-rooms --features testing --test sim` repeats it,
//! `PARTYKIT_SIM_SEEDS=N` sets how many are tried.

mod alarms;
mod bodies;
mod ending;
mod observe;
mod simulation;
mod transactions;

use partykit_rooms::testing::Bug;
use simulation::Simulation;

const SEEDS: u64 = 2_000;
const STEPS: u64 = 120;

/// Of these seeds every action is the last one of its host once.
const CRASHED_SEEDS: u64 = 12;

fn run(seed: u64, bug: Option<Bug>) {
    let mut simulation = Simulation::new(seed);
    for _ in 0..STEPS {
        if let Some(bug) = bug {
            simulation.room.room.plant(bug);
        }
        simulation.step();
    }
    simulation.settle_down();
    simulation.end();
}

/// Crashes after so many actions, if there are so many.
fn run_and_crash(seed: u64, after: u64) -> bool {
    let mut simulation = Simulation::new(seed);
    simulation.crash_in = Some(after);
    for _ in 0..STEPS {
        simulation.step();
    }
    let has_crashed = simulation.crash_in.is_none();
    simulation.settle_down();
    simulation.end();
    has_crashed
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
}

#[test]
fn every_promise_holds_for_every_seed() {
    if let Some(seed) = number("PARTYKIT_SIM_SEED") {
        return run(seed, None);
    }
    for seed in 0..number("PARTYKIT_SIM_SEEDS").unwrap_or(SEEDS) {
        run(seed, None);
    }
}

#[test]
fn every_promise_holds_whatever_action_of_a_host_was_its_last() {
    let actions = |seed| {
        (0..)
            .take_while(|after| run_and_crash(seed, *after))
            .count()
    };
    let crashes: usize = (0..CRASHED_SEEDS).map(actions).sum();
    assert!(crashes > 500, "only {crashes} crashes");
}

#[test]
fn each_bug_that_is_planted_is_found_within_a_thousand_seeds() {
    let bugs = [
        Bug::OutputOvertakes,
        Bug::TransactionLeaks,
        Bug::AlarmFiresEarly,
        Bug::AlarmIsNotRetried,
    ];
    for bug in bugs {
        let fails = |seed: &u64| std::panic::catch_unwind(|| run(*seed, Some(bug))).is_err();
        let found = (0..1000).find(fails);
        assert!(found.is_some(), "the simulation does not see {bug:?}");
    }
}
