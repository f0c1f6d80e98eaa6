//! The orderly end of a room, one test for each of its promises.

use partykit_core::Limits;

use crate::Input;
use crate::testing::{FakeFactory, TestRoom};

const DRAIN_MS: u64 = 1_000;

fn room(on_start: &str, on_close: &str) -> TestRoom {
    TestRoom::new(Limits::default(), FakeFactory::new(on_start, on_close))
}

fn stop(room: &mut TestRoom) {
    room.step(Input::Stop {
        code: 1012,
        reason: "bye",
        drain_ms: DRAIN_MS,
    });
}

#[test]
fn stopping_closes_everybody_runs_on_close_finishes_requests_and_evicts() {
    let mut room = room("", "put left yes");
    let a = room.connect("a", "");
    let request = room.request("timer 500 release;hold");
    room.take();
    stop(&mut room);
    assert_eq!(
        room.take(),
        [
            format!("close {a} 1012 bye"),
            "log closed a 1012".to_owned()
        ]
    );
    let late = room.request("");
    assert_eq!(room.take(), [format!("respond {} 503 bye", late.0)]);
    room.commit();
    assert!(room.take().is_empty(), "a request is not finished");
    room.advance_ms(500);
    let n = request.0;
    assert_eq!(
        room.take(),
        [format!("respond {n} 200 released"), "evict".to_owned()]
    );
    assert_eq!(room.store.dump(room.key())["left"], "yes");
}

#[test]
fn what_is_owed_when_the_drain_is_over_is_answered_with_503_and_streams_break_off() {
    let mut room = room("", "");
    let (held, streamed) = (room.request("hold"), room.request("stream;piece one"));
    let upload = room.upload("pull;hold");
    room.take();
    stop(&mut room);
    room.advance_ms(DRAIN_MS - 1);
    assert!(room.take().is_empty());
    room.advance_ms(1);
    let mut told = room.take();
    assert_eq!(told.pop().as_deref(), Some("evict"));
    told.sort();
    let (held, streamed, upload) = (held.0, streamed.0, upload.0);
    assert_eq!(
        told,
        [
            format!("abort {streamed}"),
            format!("cancel {upload}"),
            format!("respond {held} 503 bye"),
            format!("respond {upload} 503 bye"),
        ]
    );
}

#[test]
fn what_the_drain_cuts_off_still_waits_for_the_writes_before_it() {
    let mut room = room("", "");
    let streamed = room.request("stream;piece one").0;
    let a = room.connect("a", "");
    room.message(a, "put k v;piece two");
    room.take();
    stop(&mut room);
    room.advance_ms(DRAIN_MS);
    let told = room.take();
    assert!(!told.iter().any(|line| line == "evict"), "{told:?}");
    room.commit();
    let told = room.take();
    assert_eq!(told.first(), Some(&format!("write {streamed} two")));
    assert!(told.contains(&format!("abort {streamed}")), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("evict"));
}

#[test]
fn a_timer_nobody_waits_for_does_not_keep_a_room_that_stops_and_a_handler_that_waits_does() {
    let mut idle = room("timer 60000 all tick", "");
    let a = idle.connect("a", "");
    idle.take();
    stop(&mut idle);
    let told = idle.take();
    assert_eq!(
        told,
        [&format!("close {a} 1012 bye"), "log closed a 1012", "evict"]
    );

    let mut busy = room("", "");
    let a = busy.connect("a", "");
    busy.message(a, "timer 100 put late yes&release;hold");
    busy.take();
    stop(&mut busy);
    assert!(!busy.take().contains(&"evict".to_owned()));
    busy.advance_ms(100);
    busy.commit();
    assert_eq!(busy.take(), ["evict"]);
}

#[test]
fn messages_that_wait_when_a_room_is_stopped_are_seen_before_on_close() {
    let mut room = room("", "");
    let a = room.connect("a", "");
    room.message(a, "enter;timer 10 leave");
    room.message(a, "put seen yes");
    room.take();
    stop(&mut room);
    assert_eq!(room.take(), [format!("close {a} 1012 bye")]);
    room.closed(a, 1012);
    room.advance_ms(10);
    room.commit();
    assert_eq!(room.take(), ["log closed a 1012", "evict"]);
    assert_eq!(room.store.dump(room.key())["seen"], "yes");
}

#[test]
fn a_section_that_never_ends_costs_the_guest_and_on_close_runs_in_the_next_one() {
    let mut room = room("", "");
    let a = room.connect("a", "enter;timer 99999 leave");
    room.take();
    stop(&mut room);
    room.advance_ms(DRAIN_MS);
    assert_eq!(
        room.take(),
        [&format!("close {a} 1012 bye"), "log closed a 1012", "evict"]
    );
}

#[test]
fn a_start_that_never_ends_is_given_up_with_what_waits_for_it() {
    let mut room = room("hold;timer 99999 release", "");
    let a = room.connect("a", "");
    let request = room.request("");
    stop(&mut room);
    assert_eq!(room.take(), [format!("reject {a} 1012 bye")]);
    room.advance_ms(DRAIN_MS);
    assert_eq!(
        room.take(),
        [format!("respond {} 503 bye", request.0), "evict".to_owned()]
    );
}

#[test]
fn on_close_events_are_given_up_when_the_next_guest_does_not_start_in_time_either() {
    let mut room = room("", "");
    let a = room.connect("a", "");
    room.message(a, "enter;timer 99999 leave");
    "hold;timer 99999 release".clone_into(&mut room.factory.on_start.lock().unwrap());
    room.take();
    stop(&mut room);
    room.advance_ms(DRAIN_MS);
    assert!(!room.take().contains(&"evict".to_owned()));
    room.advance_ms(DRAIN_MS);
    let told = room.take();
    assert!(told[0].contains("1 onClose events given up"), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("evict"));
}
