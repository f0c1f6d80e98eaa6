//! The rules of bodies in pieces, one test each.

use partykit_core::{CommitError, Limits};

use crate::Input;
use crate::testing::{FakeFactory, TestRoom};

fn room() -> TestRoom {
    TestRoom::new(Limits::default(), FakeFactory::default())
}

#[test]
fn a_response_in_pieces_leaves_piece_by_piece_and_each_waits_for_its_writes() {
    let mut room = room();
    let request = room.request("stream;piece early");
    let n = request.0;
    assert_eq!(
        room.take(),
        [
            format!("respond {n} 200 body 1"),
            format!("write {n} early")
        ]
    );
    let a = room.connect("a", "");
    room.take();
    room.message(a, "put k v;piece durable;finish");
    assert!(room.take().is_empty(), "the write is not durable");
    room.commit();
    assert_eq!(
        room.take(),
        [format!("write {n} durable"), format!("finish {n}")]
    );
}

#[test]
fn a_failed_commit_in_the_middle_of_a_response_breaks_it_off_and_never_ends_it_cleanly() {
    let mut room = room();
    let n = room.request("stream;piece one").0;
    let a = room.connect("a", "");
    room.take();
    room.message(a, "put k v;piece two;finish");
    room.fail_commit(CommitError::Io("disk".into()));
    let told = room.take();
    assert!(told.contains(&format!("abort {n}")), "{told:?}");
    assert!(
        !told
            .iter()
            .any(|line| line.contains("two") || line.starts_with("finish"))
    );
}

#[test]
fn a_trap_in_the_middle_of_a_response_breaks_it_off_behind_what_was_written() {
    let mut room = room();
    let n = room.request("stream;piece one").0;
    let a = room.connect("a", "");
    room.take();
    room.message(a, "put k v;piece two");
    room.message(a, "trap");
    room.take();
    room.commit();
    let told = room.take();
    assert_eq!(told[..2], [format!("write {n} two"), format!("abort {n}")]);
}

#[test]
fn a_writer_is_told_to_pause_and_to_go_on() {
    let mut room = room_with_buffer(8);
    let request = room.request("stream;piece 123;piece 456;piece 789;piece too much");
    let told = room.take();
    let logs: Vec<_> = told.iter().filter(|line| line.starts_with("log")).collect();
    assert_eq!(logs.len(), 3, "{told:?}");
    assert_eq!(logs[..2], ["log enough", "log enough"]);
    assert!(logs[2].contains("body_buffer_bytes_max"), "{told:?}");
    room.step(Input::BodyTaken {
        exchange: request,
        bytes: 3,
    });
    assert!(room.take().is_empty(), "more than half still waits");
    room.step(Input::BodyTaken {
        exchange: request,
        bytes: 3,
    });
    assert_eq!(room.take(), ["log body ready"]);
}

#[test]
fn a_request_body_is_read_only_as_it_is_asked_for() {
    let mut room = room();
    let request = room.upload("pull;hold");
    assert_eq!(room.take(), [format!("pull {}", request.0)]);
    room.step(Input::BodyPiece {
        exchange: request,
        piece: "abc".into(),
    });
    assert_eq!(room.take(), ["log body piece abc"], "and not another pull");
    let a = room.connect("a", "pull");
    let n = request.0;
    assert_eq!(room.take(), [format!("pull {n}"), format!("accept {a}")]);
    room.step(Input::BodyEnd {
        exchange: request,
        failure: None,
    });
    assert_eq!(room.take(), ["log body finished"]);
}

#[test]
fn pieces_asked_for_inside_a_section_enter_it_and_others_wait() {
    let mut room = room();
    let upload = room.upload("enter;pull;hold");
    let a = room.connect("a", "");
    room.take();
    room.step(Input::BodyPiece {
        exchange: upload,
        piece: "in".into(),
    });
    assert_eq!(room.take(), ["log body piece in"], "{a} still waits");
}

#[test]
fn a_client_that_goes_aborts_its_request_and_whoever_reads_or_writes_is_told() {
    let mut room = room();
    let unread = room.upload("pull;hold");
    room.take();
    room.step(Input::Gone { exchange: unread });
    let mut told = room.take();
    told.sort();
    assert_eq!(
        told,
        ["log aborted", "log body failed: the client has gone"]
    );
    let streaming = room.request("stream;piece one");
    room.take();
    room.step(Input::Gone {
        exchange: streaming,
    });
    assert_eq!(room.take(), ["log body failed: the client has gone"]);
    room.request("piece two");
    assert_eq!(room.take()[0], "log refused: it is gone");
}

#[test]
fn a_room_with_an_answer_under_way_is_not_evicted() {
    let mut room = room();
    let exchange = room.request("stream;piece one;finish");
    room.take();
    room.advance_ms(60_000);
    assert!(room.take().is_empty(), "the client has not taken it");
    room.step(Input::BodyTaken { exchange, bytes: 3 });
    room.step(Input::BodySent { exchange });
    room.advance_ms(10_000);
    assert_eq!(room.take(), ["evict"]);
}

fn room_with_buffer(bytes: u64) -> TestRoom {
    let mut limits = Limits::default();
    limits.body_buffer_bytes_max = bytes;
    TestRoom::new(limits, FakeFactory::default())
}

#[test]
fn responses_that_have_ended_leave_nothing_behind() {
    let mut limits = Limits::default();
    limits.bodies_max = 2;
    limits.request_ms = 10;
    let mut room = TestRoom::new(limits, FakeFactory::default());
    for _ in 0..5 {
        let exchange = room.request("stream;finish");
        assert_eq!(
            room.take()[1],
            format!("finish {}", exchange.0),
            "an empty one"
        );
        room.step(Input::BodySent { exchange });
    }
    assert!(room.take().is_empty());
}

#[test]
fn a_commit_that_fails_under_the_end_of_a_response_breaks_it_off_though_every_byte_was_taken() {
    let mut room = room();
    let exchange = room.request("stream;piece one");
    let a = room.connect("a", "");
    room.take();
    room.message(a, "put k v;finish");
    room.step(Input::BodyTaken { exchange, bytes: 3 });
    room.fail_commit(CommitError::Io("disk".into()));
    let told = room.take();
    assert!(told.contains(&format!("abort {}", exchange.0)), "{told:?}");
}

#[test]
fn an_upload_above_uploads_max_is_refused_by_name_and_does_not_hinder_responses() {
    let mut limits = Limits::default();
    (limits.uploads_max, limits.bodies_max) = (1, 1);
    let mut room = TestRoom::new(limits, FakeFactory::default());
    let first = room.upload("pull;hold").0;
    let second = room.upload("").0;
    let told = room.take();
    assert_eq!(told[0], format!("pull {first}"));
    assert!(
        told[1].starts_with(&format!("respond {second} 503")) && told[1].contains("uploads_max"),
        "{told:?}"
    );
    let streamed = room.request("stream").0;
    assert_eq!(room.take(), [format!("respond {streamed} 200 body 2")]);
}

#[test]
fn a_break_that_waited_behind_a_batch_which_then_failed_is_still_told() {
    let mut room = room();
    let n = room.request("stream;piece one").0;
    let a = room.connect("a", "");
    room.message(a, "put k v");
    room.message(a, "trap");
    assert!(!room.take().contains(&format!("abort {n}")));
    room.fail_commit(CommitError::Io("disk".into()));
    let told = room.take();
    assert!(told.contains(&format!("abort {n}")), "{told:?}");
}
