//! The modes echo, counter and cpu: connections with some messages in flight, each of which has
//! one answer.

mod client;
mod counters;
mod modes;
mod run;

pub(crate) use modes::{CounterOptions, CpuOptions, EchoOptions, counter, cpu, echo};
