//! Latencies, and what was wrong.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// From 100 ns to five minutes, three digits.
const LEAST_NS: u64 = 100;
const MOST_NS: u64 = 300_000_000_000;
const DIGITS: u8 = 3;

/// A distribution of times.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Self {
        match Histogram::new_with_bounds(LEAST_NS, MOST_NS, DIGITS) {
            Ok(histogram) => Self(histogram),
            Err(_) => unreachable!("the bounds are constants that fit"),
        }
    }

    pub(crate) fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns.max(1));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        // All have the same bounds, which is what could be wrong.
        let _ = self.0.add(&other.0);
    }

    /// Microseconds, one decimal.
    pub(crate) fn json(&self) -> Value {
        let us = |ns: u64| (ns as f64 / 100.0).round() / 10.0;
        if self.0.is_empty() {
            return json!({ "n": 0 });
        }
        json!({
            "n": self.0.len(),
            "mean": us(self.0.mean() as u64),
            "p50": us(self.0.value_at_quantile(0.50)),
            "p90": us(self.0.value_at_quantile(0.90)),
            "p99": us(self.0.value_at_quantile(0.99)),
            "p99_9": us(self.0.value_at_quantile(0.999)),
            "max": us(self.0.max()),
        })
    }
}

/// More kinds than this are counted as the last one.
const KINDS_MAX: usize = 50;

/// A list of distinct complaints with counts; empty means the run was right.
#[derive(Default, Debug)]
pub(crate) struct Complaints(Vec<(String, u64)>);

impl Complaints {
    pub(crate) fn add(&mut self, what: impl Into<String>) {
        self.add_n(what, 1);
    }

    /// Nothing is added for a count of 0.
    pub(crate) fn add_n(&mut self, what: impl Into<String>, count: u64) {
        if count == 0 {
            return;
        }
        let what = what.into();
        if let Some((_, known)) = self.0.iter_mut().find(|(known, _)| *known == what) {
            *known += count;
        } else if self.0.len() < KINDS_MAX {
            self.0.push((what, count));
        } else if let Some((_, last)) = self.0.last_mut() {
            *last += count;
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (what, count) in other.0 {
            self.add_n(what, count);
        }
    }

    pub(crate) fn list(&self) -> &[(String, u64)] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn json(&self) -> Value {
        let entry = |(what, count): &(String, u64)| json!({ "what": what, "count": count });
        self.0.iter().map(entry).collect()
    }
}

/// Thousandths.
pub(crate) fn round3(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// Tenths.
pub(crate) fn round1(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_complaint_is_counted_and_the_list_is_bounded() {
        let mut complaints = Complaints::default();
        complaints.add_n("nothing", 0);
        assert!(complaints.is_empty());
        for kind in 0..2 * KINDS_MAX {
            complaints.add(format!("kind {kind}"));
            complaints.add(format!("kind {kind}"));
        }
        assert_eq!(complaints.list().len(), KINDS_MAX);
        let all: u64 = complaints.list().iter().map(|(_, count)| count).sum();
        assert_eq!(all, 4 * KINDS_MAX as u64);
    }

    #[test]
    fn latencies_are_told_in_microseconds() {
        let (mut one, mut other) = (Latencies::new(), Latencies::new());
        one.record(10_000);
        other.record(20_000);
        one.add(&other);
        assert_eq!(one.json()["n"], 2);
        assert_eq!(one.json()["p50"], 10.0);
    }
}
