//! Judges the numbers that counter rooms handed out: all different, without gaps, and above what
//! was acknowledged before a restart.

use serde_json::{Map, Value, json};

use crate::stats::Complaints;
use crate::target::room_name;

/// What a run was allowed to do to the numbers.
pub(super) struct Rules<'a> {
    pub(super) tag: &'a str,
    /// The highest acknowledged number by room, from an earlier run.
    pub(super) before: &'a Value,
    /// The server may have died: numbers that were not answered leave gaps.
    pub(super) allow_death: bool,
}

/// Complains, and returns the highest number of each room for a later run.
pub(super) fn judge(rooms: Vec<Vec<u64>>, rules: &Rules<'_>, complaints: &mut Complaints) -> Value {
    let mut highest = Map::new();
    for (index, mut numbers) in rooms.into_iter().enumerate() {
        let name = room_name("ctr", rules.tag, index);
        numbers.sort_unstable();
        let count = numbers.len();
        numbers.dedup();
        complaints.add_n(
            "counter value handed out twice",
            (count - numbers.len()) as u64,
        );
        let before = rules.before.get(&name).and_then(Value::as_u64);
        let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
            continue;
        };
        if let Some(before) = before.filter(|before| first <= *before) {
            complaints.add(format!(
                "acknowledged write lost: room stood at {before}, went on from {first}"
            ));
        }
        if !rules.allow_death {
            if before.is_none() && first != 1 {
                complaints.add(format!("fresh room began at {first}"));
            }
            let gaps = last - first + 1 - numbers.len() as u64;
            complaints.add_n("gap in counter values", gaps);
        }
        highest.insert(name, json!(last));
    }
    Value::Object(highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(numbers: &[u64], before: &Value, allow_death: bool) -> Vec<(String, u64)> {
        let mut complaints = Complaints::default();
        let rules = Rules {
            tag: "t",
            before,
            allow_death,
        };
        judge(vec![numbers.to_vec()], &rules, &mut complaints);
        complaints.list().to_vec()
    }

    #[test]
    fn a_run_without_gaps_is_right_in_any_order() {
        assert!(complaints(&[2, 1, 3], &Value::Null, false).is_empty());
        assert!(complaints(&[5, 4], &json!({"ctr-t-0": 3}), false).is_empty());
        assert!(complaints(&[], &Value::Null, false).is_empty());
    }

    #[test]
    fn doubles_gaps_and_lost_writes_are_seen() {
        assert_eq!(complaints(&[1, 1], &Value::Null, false).len(), 1);
        assert_eq!(complaints(&[1, 3, 5], &Value::Null, false)[0].1, 2);
        assert!(complaints(&[1, 3, 5], &Value::Null, true).is_empty());
        assert_eq!(complaints(&[2], &Value::Null, false).len(), 1);
        let lost = complaints(&[3, 4], &json!({"ctr-t-0": 3}), true);
        assert!(lost[0].0.starts_with("acknowledged write lost"), "{lost:?}");
    }

    #[test]
    fn the_highest_number_of_each_room_is_kept() {
        let rules = Rules {
            tag: "t",
            before: &Value::Null,
            allow_death: false,
        };
        let highest = judge(vec![vec![1, 2], vec![]], &rules, &mut Complaints::default());
        assert_eq!(highest, json!({"ctr-t-0": 2}));
    }
}
