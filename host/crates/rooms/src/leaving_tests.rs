//! How connections end: what a peer that says Close still gets, and who is told when the host sends
//! somebody away.

use partykit_core::Limits;

use crate::Input;
use crate::testing::{FakeFactory, TestRoom};

fn room(on_close: &str) -> TestRoom {
    TestRoom::new(Limits::default(), FakeFactory::new("", on_close))
}

#[test]
fn a_peer_that_says_close_gets_what_the_room_still_has_for_it_and_then_the_answer() {
    let mut room = room("echo last words");
    let a = room.connect("a", "");
    room.take();
    room.message(a, "put k v;echo stored");
    room.says_close(a, 4001);
    assert_eq!(
        room.take(),
        ["log closed a 4001"],
        "the batch is not durable"
    );
    room.commit();
    assert_eq!(
        room.take(),
        [
            format!("send {a} stored"),
            format!("send {a} last words"),
            format!("close {a} 4001 ")
        ]
    );
}

#[test]
fn a_close_that_the_room_has_begun_is_not_answered_again() {
    let mut room = room("close 4003 again");
    let a = room.connect("a", "");
    room.take();
    room.message(a, "close 4002 bye");
    room.says_close(a, 4002);
    assert_eq!(
        room.take(),
        [
            format!("close {a} 4002 bye"),
            "log closed a 4002".to_owned()
        ]
    );
}

#[test]
fn on_close_may_answer_with_a_code_of_its_own() {
    let mut room = room("close 4003 mine");
    let a = room.connect("a", "");
    room.take();
    room.says_close(a, 1000);
    assert_eq!(
        room.take(),
        [
            "log closed a 1000".to_owned(),
            format!("close {a} 4003 mine")
        ]
    );
}

#[test]
fn a_peer_that_says_close_is_answered_though_the_guest_fails_or_its_handler_never_ends() {
    for on_close in ["trap", "never"] {
        let mut room = room(on_close);
        let a = room.connect("a", "");
        room.take();
        room.says_close(a, 1000);
        room.advance_ms(1);
        room.advance_ms(Limits::default().room_idle_ms + 1);
        let close = format!("close {a} 1000 ");
        let closes = room.take().iter().filter(|did| **did == close).count();
        assert_eq!(closes, 1, "{on_close}");
    }
}

#[test]
fn whoever_is_sent_away_by_the_host_after_it_has_joined_gets_its_on_close() {
    // Its handler can never end, takes too long, or the room is told to stop.
    for (script, ms) in [("never", 0), ("hold;timer 90000 release", 30_001)] {
        let mut room = room("");
        let a = room.connect("a", script);
        room.advance_ms(ms);
        let did = room.take();
        let rejected = format!("reject {a} 1011 ");
        let rejects = did.iter().filter(|did| did.starts_with(&rejected)).count();
        assert_eq!(rejects, 1, "{did:?}");
        assert!(did.contains(&"log closed a 1011".to_owned()), "{did:?}");
        assert_eq!(room.room.connection_count(), 0);
    }
    let mut room = room("");
    room.connect("a", "hold;timer 90000 release");
    room.step(Input::Stop {
        code: 1012,
        reason: "bye",
        drain_ms: 1000,
    });
    let did = room.take();
    assert!(did.contains(&"log closed a 1012".to_owned()), "{did:?}");
}

#[test]
fn a_guest_that_fails_owes_the_on_close_of_one_that_was_joining() {
    let mut room = room("");
    let (_, b) = (
        room.connect("a", "hold;timer 90000 release"),
        room.connect("b", ""),
    );
    room.message(b, "trap");
    room.advance_ms(1);
    let did = room.take();
    for name in ["a", "b"] {
        let closed = format!("log closed {name} 1011");
        assert_eq!(
            did.iter().filter(|did| **did == closed).count(),
            1,
            "{did:?}"
        );
    }
}

#[test]
fn connections_that_wait_for_a_start_count_when_they_are_let_in() {
    let mut limits = Limits::default();
    limits.connections_max = 3;
    let mut room = TestRoom::new(limits, FakeFactory::new("hold;timer 10 release", ""));
    for index in 0..10 {
        room.connect(&format!("c{index}"), "");
    }
    room.advance_ms(10);
    let did = room.take();
    let count = |word: &str| did.iter().filter(|did| did.starts_with(word)).count();
    assert_eq!((count("accept"), count("reject")), (3, 7), "{did:?}");
}
