//! Times something short by doing it many times. Owns no measurement and knows nothing of rooms.
//!
//! Works in batches of about a millisecond, short enough that most of them are not interrupted on
//! a shared machine: the median is then what it costs here, the least what it costs undisturbed.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Short against the time slice of a scheduler, long against reading the clock.
const BATCH: Duration = Duration::from_millis(1);

/// Nanoseconds of one repetition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) median_ns: f64,
    pub(crate) least_ns: f64,
}

/// Repeats `work` for about `budget`, half as long again for finding out how much fits a batch.
///
/// # Errors
/// What `work` says, at once: a wrong result is not timed.
pub(crate) fn time(
    budget: Duration,
    mut work: impl FnMut() -> Result<(), Failure>,
) -> Result<Timing, Failure> {
    let repetitions = warm_up(budget / 2, &mut work)?;
    let mut batches = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < budget || batches.len() < 3 {
        let took = batch(repetitions, &mut work)?;
        batches.push(took.as_secs_f64() * 1e9 / f64::from(repetitions));
    }
    Ok(summary(batches))
}

/// Runs until caches, branch predictors and the guest's own heap are in their stride, and says how
/// many repetitions fill a batch.
fn warm_up(
    budget: Duration,
    work: &mut impl FnMut() -> Result<(), Failure>,
) -> Result<u32, Failure> {
    let begun = Instant::now();
    let mut repetitions = 1;
    loop {
        let took = batch(repetitions, work)?;
        if took < BATCH && repetitions < u32::MAX / 2 {
            repetitions *= 2;
        } else if begun.elapsed() >= budget {
            return Ok(repetitions);
        }
    }
}

fn batch(
    repetitions: u32,
    work: &mut impl FnMut() -> Result<(), Failure>,
) -> Result<Duration, Failure> {
    let begun = Instant::now();
    for _ in 0..repetitions {
        work()?;
    }
    Ok(begun.elapsed())
}

/// Of at least one batch.
pub(crate) fn summary(mut batches: Vec<f64>) -> Timing {
    batches.sort_by(f64::total_cmp);
    let at = |index: usize| batches.get(index).copied().unwrap_or(f64::NAN);
    Timing {
        median_ns: at(batches.len() / 2),
        least_ns: at(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_least_the_first() {
        let timing = summary(vec![3.0, 9.0, 1.0]);
        assert_eq!((timing.median_ns, timing.least_ns), (3.0, 1.0));
    }

    #[test]
    fn a_failure_ends_it_at_once() {
        let mut calls = 0;
        let failed = time(Duration::from_secs(60), || {
            calls += 1;
            if calls == 3 {
                Err("wrong".into())
            } else {
                Ok(())
            }
        });
        assert!(failed.is_err());
        assert_eq!(calls, 3);
    }
}
