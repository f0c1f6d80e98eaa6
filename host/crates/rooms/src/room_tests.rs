//! The rules of a room, one test each, with a guest that does what it is told.

use partykit_core::{CommitError, Limits};

use crate::testing::{FakeFactory, TestRoom};

fn room() -> TestRoom {
    TestRoom::new(Limits::default(), FakeFactory::default())
}

fn room_with(limits: impl FnOnce(&mut Limits), on_start: &str, on_close: &str) -> TestRoom {
    let mut all = Limits::default();
    limits(&mut all);
    TestRoom::new(all, FakeFactory::new(on_start, on_close))
}

#[test]
fn a_message_is_answered_and_broadcast_in_the_order_of_the_calls() {
    let mut room = room();
    let (a, b) = (room.connect("a", ""), room.connect("b", ""));
    room.take();
    room.message(a, "echo one;all two;echo three");
    assert_eq!(
        room.take(),
        [
            format!("send {a} one"),
            format!("broadcast {a},{b} two"),
            format!("send {a} three")
        ]
    );
}

#[test]
fn the_handshake_is_held_until_on_connect_has_settled_and_what_is_sent_meanwhile_waits_behind_it() {
    let mut room = room();
    let a = room.connect("a", "echo early;hold");
    assert_eq!(
        room.take(),
        [format!("send {a} early")],
        "queued by the driver, not sent"
    );
    let b = room.connect("b", "");
    room.take();
    room.message(b, "all hello;release");
    assert_eq!(
        room.take(),
        [format!("broadcast {a},{b} hello"), format!("accept {a}")]
    );
}

#[test]
fn a_throwing_on_connect_closes_with_1011_and_leaves_no_dead_connection() {
    let mut room = room();
    let a = room.connect("a", "throw boom");
    assert_eq!(
        room.take(),
        [
            "log onConnect: boom".to_owned(),
            format!("reject {a} 1011 boom")
        ]
    );
    assert_eq!(room.room.connection_count(), 0);
    room.closed(a, 1011);
    assert!(room.take().is_empty(), "no onClose for what was never open");
}

#[test]
fn nothing_enters_before_on_start_has_settled() {
    let mut room = room_with(|_| {}, "hold;timer 50 release", "");
    let a = room.connect("a", "");
    let request = room.request("echo hi");
    assert!(room.take().is_empty());
    room.advance_ms(50);
    assert_eq!(
        room.take(),
        [
            format!("accept {a}"),
            format!("respond {} 200 hi", request.0)
        ]
    );
}

#[test]
fn a_failed_start_answers_those_who_waited_and_is_tried_again_for_the_next() {
    let mut room = room_with(|_| {}, "throw no luck", "");
    let a = room.connect("a", "");
    assert_eq!(
        room.take(),
        [
            "log onStart: no luck".to_owned(),
            format!("refuse {a} 500 no luck")
        ]
    );
    *room.factory.on_start.lock().unwrap() = String::new();
    let b = room.connect("b", "");
    assert_eq!(room.take(), [format!("accept {b}")]);
}

#[test]
fn a_room_that_keeps_failing_backs_off_instead_of_being_restarted_by_every_client() {
    let mut room = room_with(|_| {}, "trap", "");
    room.connect("a", "");
    room.connect("b", "");
    room.take();
    let started = room
        .factory
        .started
        .load(std::sync::atomic::Ordering::Relaxed);
    let c = room.connect("c", "");
    let d = room.request("");
    let told = room.take();
    assert!(
        told[0].starts_with(&format!("reject {c} 1013 ")),
        "{told:?}"
    );
    assert!(
        told[1].starts_with(&format!("respond {} 503 ", d.0)),
        "{told:?}"
    );
    let now = room
        .factory
        .started
        .load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(now, started, "not started again");
    *room.factory.on_start.lock().unwrap() = String::new();
    room.advance_ms(500);
    let e = room.connect("e", "");
    assert_eq!(room.take(), [format!("accept {e}")]);
}

#[test]
fn nothing_leaves_before_its_writes_are_durable_and_turns_go_on_meanwhile() {
    let mut room = room();
    let a = room.connect("a", "");
    room.take();
    room.message(a, "put k 1;echo written");
    room.message(a, "get k;echo second");
    let request = room.request("get k");
    assert!(
        room.take().is_empty(),
        "everything waits for the first batch"
    );
    room.commit();
    let expected = [
        format!("send {a} written"),
        format!("send {a} 1"),
        format!("send {a} second"),
        format!("respond {} 200 1", request.0),
    ];
    assert_eq!(room.take(), expected);
}

#[test]
fn a_failed_commit_lets_nothing_out_resets_the_room_and_the_next_visit_reads_what_is_durable() {
    let mut room = room();
    let a = room.connect("a", "put k durable");
    room.commit();
    room.message(a, "put k lost;echo never");
    let b = room.connect("b", "put b 1");
    let request = room.request("put c 1;echo never");
    room.take();
    room.fail_commit(CommitError::Io("disk".into()));
    let told = room.take();
    assert!(!told.iter().any(|line| line.contains("never")), "{told:?}");
    assert!(
        told.iter()
            .any(|line| line.starts_with(&format!("close {a} 1011"))),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|line| line.starts_with(&format!("reject {b} 1011"))),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|line| line.starts_with(&format!("respond {} 500", request.0)))
    );
    assert!(told.contains(&"log closed a 1011".to_owned()), "{told:?}");
    assert!(
        told.contains(&"log closed b 1011".to_owned()),
        "its onConnect had run: {told:?}"
    );
    let again = room.request("get k;get c");
    assert_eq!(
        room.take(),
        [format!("respond {} 200 durablenone", again.0)]
    );
}

#[test]
fn uncommitted_bytes_max_stops_the_room_until_the_disk_has_caught_up() {
    let mut room = room_with(|limits| limits.uncommitted_bytes_max = 4, "", "");
    let a = room.connect("a", "");
    room.take();
    room.message(a, "put key value");
    room.message(a, "put other x");
    assert_eq!(room.commits.len(), 1, "the second turn has not run");
    room.commit();
    assert_eq!(room.commits.len(), 1);
}

#[test]
fn a_trap_throws_away_the_turn_and_every_accepted_connection_gets_its_on_close_once() {
    let mut room = room();
    let (a, b) = (room.connect("a", ""), room.connect("b", ""));
    room.take();
    room.message(a, "put k v;echo never;trap");
    let told = room.take();
    assert_eq!(told[0], "failed guest.trap");
    assert!(told[1].starts_with(&format!("close {a} 1011")));
    assert!(told[2].starts_with(&format!("close {b} 1011")));
    assert_eq!(told[3..], ["log closed a 1011", "log closed b 1011"]);
    assert!(room.commits.is_empty(), "the batch of the turn is gone");
    room.closed(a, 1011);
    room.closed(b, 1006);
    assert!(room.take().is_empty(), "once");
}

#[test]
fn what_earlier_turns_sent_still_leaves_after_a_trap_and_before_the_close() {
    let mut room = room();
    let a = room.connect("a", "");
    room.take();
    room.message(a, "put k v;echo kept");
    room.message(a, "trap");
    let told = room.take();
    assert_eq!(
        told,
        ["failed guest.trap", "log closed a 1011"],
        "the close waits behind it"
    );
    room.commit();
    let told = room.take();
    assert_eq!(told[0], format!("send {a} kept"));
    assert!(told[1].starts_with(&format!("close {a} 1011")));
}

#[test]
fn on_close_is_delivered_once_and_after_the_messages_before_it() {
    let mut room = room();
    let (a, b) = (room.connect("a", ""), room.connect("b", ""));
    room.take();
    room.message(b, "enter;timer 10 leave");
    room.message(a, "all bye");
    room.closed(a, 4002);
    room.closed(a, 4002);
    assert!(room.take().is_empty(), "a section is open");
    room.advance_ms(10);
    assert_eq!(
        room.take(),
        [format!("broadcast {b} bye"), "log closed a 4002".to_owned()]
    );
}

#[test]
fn a_client_gone_while_its_handshake_is_held_still_gets_its_on_close() {
    let mut room = room();
    let a = room.connect("a", "hold");
    room.closed(a, 1006);
    assert_eq!(room.take(), ["log closed a 1006"]);
    let b = room.connect("b", "release");
    assert_eq!(
        room.take(),
        [format!("accept {b}")],
        "nobody is there to be accepted"
    );
}

#[test]
fn while_a_section_is_open_only_its_own_completions_enter() {
    let mut room = room();
    let a = room.connect("a", "");
    room.take();
    room.message(a, "timer 10 all outside");
    room.message(a, "enter;timer 20 all inside&leave");
    room.message(a, "echo waited");
    room.advance_ms(10);
    assert!(
        room.take().is_empty(),
        "the timer of before the section waits"
    );
    room.advance_ms(10);
    let expected = [
        format!("broadcast {a} inside"),
        format!("send {a} waited"),
        format!("broadcast {a} outside"),
    ];
    let told = room.take();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(expected.iter().all(|line| told.contains(line)), "{told:?}");
    assert_eq!(told[0], expected[0]);
}

#[test]
fn a_section_that_never_ends_is_ended_by_its_limit() {
    let mut room = room_with(|limits| limits.section_ms = 100, "", "");
    let a = room.connect("a", "");
    room.take();
    room.message(a, "enter");
    assert_eq!(room.wake_at_us, Some(100_000));
    room.advance_ms(100);
    let told = room.take();
    assert!(told[0].starts_with(&format!("close {a} 1011")) && told[0].contains("section_ms"));
}

#[test]
fn a_broken_section_resets_the_room_and_takes_what_was_done_since_it_was_opened() {
    let mut room = room();
    let a = room.connect("a", "");
    room.take();
    room.message(a, "put kept yes;echo before;enter;put k v;echo never;break");
    assert_eq!(
        room.take(),
        ["log closed a 1011"],
        "the close waits behind what came before"
    );
    room.commit();
    let told = room.take();
    assert_eq!(told[0], format!("send {a} before"));
    assert!(told[1].starts_with(&format!("close {a} 1011")), "{told:?}");
    let stored = room.store.dump(room.key());
    assert_eq!(stored.keys().collect::<Vec<_>>(), ["kept"]);
    let b = room.connect("b", "");
    room.take();
    room.message(b, "enter;timer 5 put k v&break");
    room.advance_ms(5);
    assert!(
        room.commits.is_empty(),
        "a later turn of the section is all inside"
    );
}

#[test]
fn a_handler_that_can_never_settle_is_answered() {
    let mut room = room();
    let request = room.request("never");
    let told = room.take();
    let expected = format!("respond {} 500 onRequest never finished", request.0);
    assert!(
        told.iter().any(|line| line.starts_with(&expected)),
        "{told:?}"
    );
    let a = room.connect("a", "never");
    let told = room.take();
    assert!(
        told.iter()
            .any(|line| line.starts_with(&format!("reject {a} 1011"))),
        "{told:?}"
    );
}

#[test]
fn a_long_poll_is_not_cut_short_and_ends_at_its_limit() {
    let mut room = room_with(|limits| limits.request_ms = 1000, "", "");
    let first = room.request("hold");
    assert!(room.take().is_empty());
    room.request("release");
    assert!(room.take()[0].starts_with(&format!("respond {} 200 released", first.0)));
    let second = room.request("hold");
    room.advance_ms(1000);
    let told = room.take();
    let expected = format!("respond {} 504", second.0);
    assert!(
        told.iter().any(|line| line.starts_with(&expected)),
        "{told:?}"
    );
}

#[test]
fn a_start_that_never_ends_is_ended_by_its_limit() {
    let mut room = room_with(|limits| limits.start_ms = 100, "hold", "");
    let a = room.connect("a", "");
    room.advance_ms(100);
    let told = room.take();
    assert!(told[0].starts_with(&format!("refuse {a} 500")) && told[0].contains("start_ms"));
}

#[test]
fn a_room_with_nothing_left_is_evicted_after_room_idle_ms_but_not_before_its_timers() {
    let mut room = room();
    let a = room.connect("a", "timer 20000 put k v");
    room.closed(a, 1000);
    room.take();
    room.advance_ms(10_000);
    assert!(room.take().is_empty(), "a timer is armed");
    room.advance_ms(10_000);
    room.commit();
    assert!(room.take().is_empty());
    assert_eq!(room.wake_at_us, Some(30_000_000));
    room.advance_ms(10_000);
    assert_eq!(room.take(), ["evict"]);
    assert_eq!(room.room.guest_memory_bytes(), None);
}

#[test]
fn the_connections_max_is_told_to_who_comes_too_late() {
    let mut room = room_with(|limits| limits.connections_max = 1, "", "");
    room.connect("a", "");
    room.take();
    let b = room.connect("b", "");
    assert!(room.take()[0].starts_with(&format!("reject {b} 1013 the room is full")));
}

#[test]
fn a_turn_with_too_many_effects_is_ended_by_name() {
    let mut room = room_with(|limits| limits.effects_max = 3, "", "");
    let a = room.connect("a", "");
    room.take();
    room.message(a, "echo 1;echo 2;echo 3;echo 4");
    let told = room.take();
    assert_eq!(told[0], "failed guest.effect_limit");
    assert!(told[1].contains("effects_max"), "{told:?}");
}

#[test]
fn a_connection_that_is_closing_is_skipped_by_broadcasts() {
    let mut room = room();
    let (a, b) = (room.connect("a", ""), room.connect("b", ""));
    room.take();
    room.message(a, "close 4000 done;echo no;all yes");
    assert_eq!(
        room.take(),
        [format!("close {a} 4000 done"), format!("broadcast {b} yes")]
    );
    assert_eq!(room.room.connection_count(), 2, "until its end is known");
    room.closed(a, 4000);
    assert_eq!(room.room.connection_count(), 1);
}

#[test]
fn a_close_that_waited_behind_a_batch_which_then_failed_is_still_sent() {
    let mut room = room();
    let a = room.connect("a", "");
    room.message(a, "put k v");
    room.message(a, "trap");
    room.take();
    room.fail_commit(CommitError::Io("disk".into()));
    let told = room.take();
    assert!(
        told.iter()
            .any(|line| line.starts_with(&format!("close {a} 1011"))),
        "{told:?}"
    );
}

#[test]
fn section_7_4_1_codes_that_may_not_be_sent_are_refused_to_guests() {
    let mut room = room();
    let a = room.connect("a", "");
    room.take();
    for code in [0, 999, 1004, 1005, 1006, 1015, 5000, 65_535] {
        room.message(a, &format!("close {code} no"));
    }
    assert!(room.take().is_empty());
    room.message(a, "close 3000 yes");
    assert_eq!(room.take(), [format!("close {a} 3000 yes")]);
}

#[test]
fn what_a_turn_has_answered_is_answered_by_the_room_when_that_turn_fails_after_it() {
    let mut room = room();
    let (a, b) = (room.connect("a", ""), room.connect("b", "hold"));
    let request = room.request("hold");
    let stream = room.request("stream;piece begun");
    room.take();
    room.message(a, "release;finish;trap");
    let told = room.take();
    let starts = [
        "failed guest.trap".to_owned(),
        format!("reject {b} 1011"),
        format!("respond {} 500 the room was reset", request.0),
        format!("abort {}", stream.0),
        format!("close {a} 1011"),
        "log closed b 1011".to_owned(),
        "log closed a 1011".to_owned(),
    ];
    assert_eq!(told.len(), starts.len(), "{told:?}");
    for (line, start) in told.iter().zip(&starts) {
        assert!(line.starts_with(start), "{line} is not {start}");
    }
}

#[test]
fn a_peer_that_said_its_last_is_answered_by_the_room_when_that_turn_fails_after_it() {
    let mut room = room_with(|_| {}, "", "hold");
    let (a, b) = (room.connect("a", ""), room.connect("b", ""));
    room.says_close(b, 4001);
    room.take();
    room.message(a, "release;trap");
    let told = room.take();
    let answers = told
        .iter()
        .filter(|line| line.starts_with(&format!("close {b}")));
    assert_eq!(answers.count(), 1, "{told:?}");
}
