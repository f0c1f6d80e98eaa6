use hdrhistogram::Histogram;
use serde_json::{Value, json};

pub fn hist() -> Histogram<u64> {
    Histogram::new_with_bounds(100, 300_000_000_000, 3).expect("fixed bounds")
}

pub fn record(h: &mut Histogram<u64>, ns: u64) {
    h.saturating_record(ns.max(1));
}

/// Microseconds, one decimal.
pub fn lat(h: &Histogram<u64>) -> Value {
    let us = |ns: u64| (ns as f64 / 100.0).round() / 10.0;
    if h.is_empty() {
        return json!({ "n": 0 });
    }
    json!({
        "n": h.len(),
        "mean": us(h.mean() as u64),
        "p50": us(h.value_at_quantile(0.50)),
        "p90": us(h.value_at_quantile(0.90)),
        "p99": us(h.value_at_quantile(0.99)),
        "p99_9": us(h.value_at_quantile(0.999)),
        "max": us(h.max()),
    })
}

/// A list of distinct complaints with counts; empty means the run was right.
#[derive(Default, Debug)]
pub struct Complaints {
    pub list: Vec<(String, u64)>,
}
impl Complaints {
    pub fn add(&mut self, what: impl Into<String>) {
        self.add_n(what, 1)
    }
    pub fn add_n(&mut self, what: impl Into<String>, n: u64) {
        let what = what.into();
        if n == 0 {
            return;
        }
        if let Some(e) = self.list.iter_mut().find(|e| e.0 == what) {
            e.1 += n;
        } else if self.list.len() < 50 {
            self.list.push((what, n));
        } else {
            self.list[49].1 += n;
        }
    }
    pub fn merge(&mut self, o: Complaints) {
        for (w, n) in o.list {
            self.add_n(w, n);
        }
    }
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
    pub fn json(&self) -> Value {
        json!(
            self.list
                .iter()
                .map(|(w, n)| json!({"what": w, "count": n}))
                .collect::<Vec<_>>()
        )
    }
}
