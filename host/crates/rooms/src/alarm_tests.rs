//! The rules of a room's alarm, one test each.

use std::sync::atomic::Ordering;

use partykit_core::{Alarm, CommitError, Limits, WriteOp};

use crate::Input;
use crate::testing::{FakeFactory, TestRoom};

fn room(on_alarm: &str) -> TestRoom {
    let factory = FakeFactory::default();
    factory.set_on_alarm(on_alarm);
    TestRoom::new(Limits::default(), factory)
}

/// A room without a guest, whose alarm is durable and due.
fn due(on_alarm: &str) -> TestRoom {
    let mut room = room(on_alarm);
    room.request("alarm 100");
    room.commit_all();
    room.crash();
    room.clock.advance_ms(100);
    room
}

/// In how many milliseconds the durable alarm is due, and how often it has failed.
fn stored(room: &TestRoom) -> Option<(u64, u32)> {
    let alarm = room.stored_alarm()?;
    Some((alarm.at_ms.saturating_sub(room.now_ms()), alarm.failures))
}

fn starts(room: &TestRoom) -> u64 {
    room.factory.started.load(Ordering::Relaxed)
}

fn set_script(of: &std::sync::Mutex<String>, script: &str) {
    script.clone_into(&mut of.lock().unwrap());
}

/// What was said besides that the alarm is another one now.
fn took(room: &mut TestRoom) -> Vec<String> {
    let mut told = room.take();
    told.retain(|line| !line.starts_with("alarm set"));
    told
}

#[test]
fn an_alarm_is_seen_at_once_and_told_to_the_driver_when_it_is_durable() {
    let mut room = room("");
    let at_ms = room.now_ms() + 500;
    let request = room.request("alarm 500;alarm?");
    assert!(room.take().is_empty());
    let failures = 0;
    let write = WriteOp::Alarm(Some(Alarm { at_ms, failures }));
    assert_eq!(room.commits[0].1.writes, [write]);
    room.commit();
    let told = format!("alarm set Some({at_ms})");
    let answer = format!("respond {} 200 in 500", request.0);
    assert_eq!(room.take(), [answer, told]);
    let later = room.request("put a b;unalarm;alarm?");
    room.commit();
    let answer = format!("respond {} 200 no alarm", later.0);
    assert_eq!(room.take(), [answer, "alarm set None".to_owned()]);
    assert_eq!(room.stored_alarm(), None);
}

#[test]
fn a_moment_that_has_passed_means_now() {
    let mut room = room("");
    room.request("put a b");
    room.commit_all();
    room.clock.advance_ms(5);
    let message = "timer 50 alarm 0";
    room.request(message);
    room.clock.advance_ms(70);
    room.step(Input::Tick);
    room.commit_all();
    assert_eq!(stored(&room), Some((0, 0)));
    assert_eq!(room.stored_alarm().unwrap().at_ms, room.now_ms());
}

#[test]
fn an_alarm_does_not_fire_before_it_is_durable() {
    let mut room = room("put fired yes");
    room.request("alarm 0");
    room.alarm();
    assert_eq!(room.take(), Vec::<String>::new(), "the answer waits, too");
    room.commit();
    assert_eq!(took(&mut room)[1..], ["alarm over"]);
    room.alarm();
    assert_eq!(room.take(), ["log alarm", "log alarm done"]);
}

#[test]
fn an_alarm_that_was_replaced_while_it_waited_does_not_fire() {
    let mut room = due("put fired yes");
    // The section keeps the alarm waiting; what it is replaced with is not durable when it is over.
    let request = room.request("enter;timer 10 alarm 0&leave");
    room.alarm();
    room.take();
    room.advance_ms(10);
    room.commit_all();
    assert_eq!(took(&mut room), ["alarm over"], "request {}", request.0);
    room.alarm();
    assert_eq!(room.take(), ["log alarm", "log alarm done"]);
}

#[test]
fn an_alarm_wakes_a_room_without_connections_and_is_forgotten_when_its_handler_is_done() {
    let mut room = due("put fired yes");
    set_script(&room.factory.on_start, "put started yes");
    room.alarm();
    assert_eq!(room.take(), ["log alarm", "log alarm done"]);
    room.commit();
    assert_eq!(room.stored_alarm().map(|alarm| alarm.failures), Some(0));
    room.commit();
    assert_eq!(room.take(), ["alarm over", "alarm set None"]);
    assert_eq!(room.stored_alarm(), None, "with what its handler wrote");
    assert_eq!(room.store.dump(room.key())["fired"], "yes");
    room.advance_ms(Limits::default().room_idle_ms);
    assert_eq!(room.take(), ["evict"]);
}

#[test]
fn only_an_alarm_that_is_due_starts_a_guest() {
    let mut room = room("");
    room.request("alarm 100");
    room.commit_all();
    room.crash();
    let before = starts(&room);
    room.alarm();
    room.clock.advance_ms(99);
    room.alarm();
    assert_eq!(room.take(), ["alarm over", "alarm over"]);
    assert_eq!(starts(&room), before);
    room.clock.advance_ms(1);
    room.alarm();
    assert_eq!(room.take(), ["log alarm", "log alarm done"]);
    assert_eq!(starts(&room), before + 1);
}

#[test]
fn while_its_handler_runs_there_is_no_alarm_unless_it_sets_one_and_that_stays() {
    let mut room = due("hold");
    room.alarm();
    let during = room.request("alarm?;alarm 40;alarm?");
    room.request("release");
    room.commit_all();
    let told = took(&mut room);
    let answer = format!("respond {} 200 no alarmin 40", during.0);
    assert!(told.contains(&answer), "{told:?}");
    assert_eq!(stored(&room), Some((40, 0)));
}

#[test]
fn a_handler_that_fails_is_tried_again_six_times_after_pauses_that_double() {
    let mut room = due("throw boom");
    let mut lines = Vec::new();
    for failures in 1..=6 {
        room.alarm();
        room.commit_all();
        lines.extend(took(&mut room));
        let (pause, counted) = stored(&room).unwrap();
        let least = 1000 << failures;
        assert_eq!(counted, failures);
        assert!((least..least + least / 4).contains(&pause), "{pause}");
        room.clock.advance_ms(pause);
    }
    assert_eq!(lines.iter().filter(|line| *line == "alarm over").count(), 6);
    assert!(!lines.iter().any(|line| line.contains("given up")));
    room.alarm();
    room.commit_all();
    assert_eq!(stored(&room), None);
    let given_up = "log the alarm is given up: its handler has failed 7 times";
    let told = took(&mut room);
    assert_eq!(
        told,
        ["log alarm", "log onAlarm: boom", given_up, "alarm over"]
    );
}

#[test]
fn whatever_ends_a_handler_has_it_tried_again() {
    let ways = [
        "put lost yes;trap",
        "put lost yes;enter;break",
        "never",
        "hold;timer 1 put lost yes&release&trap",
        "hold;enter;timer 50 trap",
        "put early yes;hold;timer 10 put lost yes&trap",
    ];
    for way in ways {
        let mut room = due(way);
        room.alarm();
        room.advance_ms(50);
        room.commit_all();
        room.advance_ms(Limits::default().section_ms);
        room.commit_all();
        let alarm = room.stored_alarm().expect(way);
        assert_eq!(alarm.failures, 1, "{way}");
        let values = room.store.dump(room.key());
        let kept = way.contains("enter;break") || way.contains("early");
        assert_eq!(values.is_empty(), !kept, "{way}");
        assert!(!way.contains("early") || !values.contains_key("lost"));
        let over = took(&mut room);
        let over = over.iter().filter(|line| *line == "alarm over").count();
        assert_eq!(over, 1, "{way}");
    }
}

#[test]
fn an_alarm_set_by_a_handler_that_then_fails_replaces_the_retries() {
    for way in ["alarm 70;throw boom", "alarm 70;hold;timer 5 trap"] {
        let mut room = due(way);
        room.alarm();
        room.commit_all();
        let left = stored(&room).map(|(left, _)| left);
        room.advance_ms(5);
        room.commit_all();
        assert_eq!(left, Some(70), "{way}");
        assert_eq!(stored(&room), Some((65, 0)), "{way}");
    }
    for (way, failures) in [("unalarm", Some(1)), ("alarm 70;unalarm", None)] {
        let mut room = due(&format!("{way};throw boom"));
        room.alarm();
        room.commit_all();
        let stored = stored(&room).map(|(_, failures)| failures);
        assert_eq!(stored, failures, "only one that it has set can be deleted");
    }
}

#[test]
fn an_alarm_set_in_the_turn_that_fails_was_never_set() {
    let mut room = due("alarm 70;trap");
    room.alarm();
    room.commit_all();
    assert_eq!(stored(&room).unwrap().1, 1);
}

#[test]
fn a_room_that_does_not_start_fails_its_alarm_and_a_host_without_space_does_not() {
    let mut room = due("");
    set_script(&room.factory.on_start, "throw no luck");
    room.alarm();
    room.commit_all();
    assert_eq!(stored(&room).unwrap().1, 1);
    assert_eq!(took(&mut room), ["log onStart: no luck", "alarm over"]);

    let mut room = due("");
    room.factory.host_is_full.store(true, Ordering::Relaxed);
    room.alarm();
    room.commit_all();
    assert_eq!(stored(&room), Some((0, 0)));
    assert!(!room.take().contains(&"alarm over".to_owned()));
    room.factory.host_is_full.store(false, Ordering::Relaxed);
    room.advance_ms(1_000);
    room.commit_all();
    assert_eq!(stored(&room), None, "it has waited for the host");
}

#[test]
fn a_store_that_fails_under_a_handler_is_no_failure_of_the_alarm_unless_it_wrote_too_much() {
    for (error, failures) in [
        (CommitError::NoSpace, 0),
        (CommitError::Io("planted".to_owned()), 0),
        (CommitError::TooLarge { bytes: 1 }, 1),
    ] {
        let mut room = due("put a b;hold");
        room.alarm();
        room.fail_commit(error.clone());
        room.commit_all();
        let lines = took(&mut room);
        assert!(
            lines.contains(&"alarm over".to_owned()),
            "{error}: {lines:?}"
        );
        assert_eq!(stored(&room).unwrap().1, failures, "{error}");
    }
}

#[test]
fn a_store_that_fails_to_forget_an_alarm_lets_it_fire_again() {
    for ambiguous in [false, true] {
        let mut room = due("put a b");
        room.alarm();
        let (_, batch) = room.commits[0].clone();
        if ambiguous {
            partykit_core::Store::commit(&room.store, vec![batch]);
        }
        room.fail_commit(CommitError::Ambiguous("planted".to_owned()));
        room.commit_all();
        let lines = room.take();
        let at_ms = room.stored_alarm().map(|alarm| alarm.at_ms);
        let told = [format!("alarm set {at_ms:?}"), "alarm over".to_owned()];
        assert!(told.iter().all(|line| lines.contains(line)), "{lines:?}");
        assert_eq!(at_ms.is_none(), ambiguous);
        room.advance_ms(10_000);
        room.alarm();
        assert_eq!(room.take().contains(&"log alarm".to_owned()), !ambiguous);
    }
}

#[test]
fn a_handler_that_takes_too_long_is_tried_again_by_the_name_of_its_limit() {
    let mut room = due("hold;timer 86400000 release");
    room.alarm();
    room.take();
    room.advance_ms(Limits::default().alarm_ms);
    room.commit_all();
    let lines = took(&mut room);
    assert!(lines[0].contains("alarm_ms is 900000"), "{lines:?}");
    assert_eq!(stored(&room).unwrap().1, 1);
}

#[test]
fn a_host_that_stops_leaves_the_alarm_as_it_was() {
    let mut room = due("put a b;hold;timer 86400000 release");
    room.alarm();
    let stop = || Input::Stop {
        code: 1012,
        reason: "bye",
        drain_ms: 10,
    };
    room.step(stop());
    room.commit_all();
    room.advance_ms(10);
    room.commit_all();
    assert_eq!(stored(&room), Some((0, 0)));
    assert_eq!(took(&mut room), ["log alarm", "alarm over", "evict"]);

    // One that waits behind a section is not run by a room that stops.
    let mut room = due("");
    room.request("enter;timer 5 leave");
    room.alarm();
    room.step(stop());
    room.alarm();
    room.advance_ms(10);
    assert!(!room.take().contains(&"log alarm".to_owned()));
    assert_eq!(stored(&room), Some((0, 0)));
}

#[test]
fn an_alarm_enters_in_the_order_it_came() {
    let mut room = due("");
    let client = room.connect("c", "");
    room.request("enter;timer 10 leave");
    room.message(client, "echo before");
    room.alarm();
    room.alarm();
    room.message(client, "echo after");
    room.take();
    room.advance_ms(10);
    let before = format!("send {client} before");
    assert_eq!(room.take()[..2], [before, "log alarm".to_owned()]);
    room.commit();
    let after = format!("send {client} after");
    let told = ["alarm over".to_owned(), "alarm set None".to_owned(), after];
    assert_eq!(room.take(), told, "it waits for what the handler wrote");
}

#[test]
fn an_alarm_set_in_a_transaction_is_set_with_it_or_not_at_all() {
    let mut room = room("");
    room.request("begin;alarm 50;put a b;alarm?;undo;alarm?");
    assert_eq!(took(&mut room)[0], "respond 1 200 in 50no alarm");
    assert!(room.commits.is_empty());
    room.request("begin;alarm 50;put a b;leave");
    assert_eq!(room.commits[0].1.writes.len(), 2);
    room.commit_all();
    assert_eq!(stored(&room), Some((50, 0)));
    room.request("alarm 90;begin;unalarm;alarm?;undo");
    room.commit_all();
    assert_eq!(stored(&room), Some((90, 0)));
}

#[test]
fn a_handler_that_leaves_a_transaction_open_is_done_all_the_same() {
    let mut room = due("begin;put a b;timer 10 leave");
    room.alarm();
    room.commit_all();
    assert_eq!(stored(&room), None);
    assert!(room.store.dump(room.key()).is_empty());
    room.advance_ms(10);
    room.commit_all();
    assert_eq!(room.store.dump(room.key())["a"], "b");
}
