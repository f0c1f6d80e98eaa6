//! Runs roomload once and reads what it found.

use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;

/// Cores that something else used during a measurement, above which its figures are doubtful.
const OTHER_CORES_MAX: f64 = 0.2;
/// The same for what the hypervisor took away.
const STOLEN_CORES_MAX: f64 = 0.1;

/// What roomload says of one run.
#[derive(Debug)]
pub(crate) struct Finding(Value);

impl Finding {
    /// Runs a command of roomload that prints JSON.
    ///
    /// # Errors
    /// It could not be started, or printed something else.
    pub(crate) fn of(mut roomload: Command) -> Result<Self, Failure> {
        let output = roomload.output()?;
        let found = serde_json::from_slice(&output.stdout);
        found.map(Self).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            format!("roomload found nothing ({error}): {said}").into()
        })
    }

    /// A number of the result, by the names on the way to it.
    pub(crate) fn number(&self, path: &[&str]) -> Option<f64> {
        let mut value = self.0.get("result")?;
        for name in path {
            value = value.get(name)?;
        }
        value.as_f64()
    }

    /// The first number there is; modes name theirs after what they count.
    pub(crate) fn first_number(&self, names: &[&str]) -> Option<f64> {
        names.iter().find_map(|name| self.number(&[name]))
    }

    /// Memory of the server at the end.
    pub(crate) fn server_mib(&self) -> Option<f64> {
        self.environment("server_rss_mib")
    }

    /// Whether the machine did something else meanwhile.
    pub(crate) fn disturbed(&self) -> bool {
        let above = |name, max| self.environment(name).is_some_and(|cores| cores > max);
        above("other_cores", OTHER_CORES_MAX) || above("steal_cores", STOLEN_CORES_MAX)
    }

    /// What was lost, wrong, doubled or reordered.
    pub(crate) fn errors(&self) -> Option<String> {
        match self.0.get("ok") {
            Some(Value::Bool(true)) => None,
            _ => Some(
                self.0
                    .get("errors")
                    .map_or_else(String::new, Value::to_string),
            ),
        }
    }

    fn environment(&self, name: &str) -> Option<f64> {
        self.0.get("env")?.get(name)?.as_f64()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_errors_and_disturbances_are_read() {
        let right = Finding(json!({
            "ok": true,
            "result": {"msgs_per_s": 5.0, "latency_us": {"p50": 7.5}},
            "env": {"other_cores": 0.1, "steal_cores": 0.0, "server_rss_mib": 64.0},
        }));
        assert_eq!(right.number(&["latency_us", "p50"]), Some(7.5));
        assert_eq!(right.first_number(&["reqs_per_s", "msgs_per_s"]), Some(5.0));
        assert_eq!(right.number(&["latency_us", "p99"]), None);
        assert_eq!(right.server_mib(), Some(64.0));
        assert!(!right.disturbed());
        assert_eq!(right.errors(), None);

        let wrong = Finding(json!({
            "ok": false,
            "errors": [{"what": "lost message", "count": 3}],
            "env": {"other_cores": 0.9},
        }));
        assert!(wrong.disturbed());
        assert!(wrong.errors().unwrap().contains("lost message"));
    }
}
