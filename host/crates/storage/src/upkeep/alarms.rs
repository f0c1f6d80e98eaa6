//! Whether the alarms of a store and their index agree: every alarm is found by its time, and
//! everything that is found there is an alarm. Costs two searches for each.

use bytes::Bytes;
use partykit_core::CheckReport;

use crate::alarm::{due_key, parse, parse_due, record_key};
use crate::key::{room_of, shown, split};

/// Looks at alarms and entries of their index while they go by. `get` reads another key.
pub(crate) struct AlarmCheck<'a, G> {
    report: &'a mut CheckReport,
    get: G,
}

impl<'a, G, E> AlarmCheck<'a, G>
where
    G: FnMut(&[u8]) -> Result<Option<Bytes>, E>,
{
    pub(crate) fn new(report: &'a mut CheckReport, get: G) -> Self {
        Self { report, get }
    }

    /// An alarm, by its key and its record.
    pub(crate) fn record(&mut self, key: &[u8], record: &[u8]) -> Result<(), E> {
        self.report.alarms += 1;
        let names = key.get(1..).unwrap_or_default();
        if room_of(names).is_none() {
            let text = format!("the alarm {} is of no room", shown(key));
            self.report.problem(text);
        }
        match parse(record) {
            None => {
                let text = format!("the alarm {} is unreadable", shown(key));
                self.report.problem(text);
            }
            Some(alarm) => {
                if (self.get)(&due_key(alarm.at_ms, names))?.is_none() {
                    let text = format!("the alarm {} is not found by its time", shown(key));
                    self.report.problem(text);
                }
            }
        }
        Ok(())
    }

    /// An entry of the index.
    pub(crate) fn due(&mut self, key: &[u8]) -> Result<(), E> {
        let Some((at_ms, names)) = parse_due(key).filter(|(_, names)| split(names).is_some())
        else {
            let text = format!("the time {} is of no room", shown(key));
            self.report.problem(text);
            return Ok(());
        };
        let record = (self.get)(&record_key(names))?;
        if record
            .and_then(|record| parse(&record))
            .map(|alarm| alarm.at_ms)
            != Some(at_ms)
        {
            let text = format!("the time {} is of no alarm", shown(key));
            self.report.problem(text);
        }
        Ok(())
    }
}
