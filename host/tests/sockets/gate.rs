//! The output gate: with a store whose commit is held, nothing leaves any socket or body; when it
//! fails, nothing ever does.

use partykit_core::CommitError;
use partykit_storage::Fault;

use crate::stage::{Stage, UPGRADE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_commit_is_held_nothing_leaves_and_later_turns_read_its_writes() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    stage.store.hold();
    socket.say("put first").await;
    stage.held().await;
    let request = stage.request("get").await;
    socket.say("again").await;
    stage.logged("ran again").await;
    stage.logged("asked get").await;
    socket.gets_nothing().await;
    assert!(request.has_nothing());
    stage.store.release();
    socket.until(b"k is first\x81\x0ak is first").await;
    assert!(request.finish().await.0.ends_with("first"));
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_commit_is_held_no_broadcast_no_handshake_and_no_close_frame_leaves() {
    let stage = Stage::new().await;
    let (mut one, mut other) = (stage.socket().await, stage.socket().await);
    stage.store.hold();
    one.say("put all").await;
    stage.held().await;
    stage.logged("ran put all").await;
    let joining = stage.connection(&UPGRADE.replace("/r ", "/r?join ")).await;
    stage.logged("joining").await;
    one.say("put bye").await;
    stage.logged("ran put bye").await;
    one.gets_nothing().await;
    other.gets_nothing().await;
    assert!(joining.has_nothing());
    stage.store.release();
    one.until(b"\x81\x06to all\x88\x06\x0f\xa1done").await;
    other.until(b"\x81\x06to all").await;
    let mut joining = joining;
    joining.until(b"101 Switching Protocols").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_too_much_waits_to_be_durable_nothing_more_is_taken() {
    let stage = Stage::with(|config| config.limits.uncommitted_bytes_max = 100).await;
    let (mut one, mut other) = (stage.socket().await, stage.socket().await);
    stage.store.hold();
    one.say(&format!("put {}", "x".repeat(110))).await;
    stage.held().await;
    other.say("put later").await;
    one.gets_nothing().await;
    other.gets_nothing().await;
    assert!(!stage.has_logged("ran put later"));
    stage.store.release();
    stage.logged("ran put later").await;
    other.until(b"k is later").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_commit_fails_nothing_of_it_ever_leaves_and_the_room_reads_what_is_durable() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    socket.say("put kept").await;
    socket.until(b"k is kept").await;
    socket.read.clear();
    stage.store.inject([Fault::Fails(CommitError::NoSpace)]);
    socket.say("put lost").await;
    let (told, _) = socket.finish().await;
    assert!(told.contains("the host's storage is full"), "{told:?}");
    assert!(!told.contains("k is"), "{told:?}");
    let again = stage.request("get").await.finish().await.0;
    assert!(again.ends_with("kept"), "{again}");
    stage.store.inject([Fault::Fails(CommitError::NoSpace)]);
    let refused = stage.request("put").await.finish().await.0;
    assert!(
        refused.starts_with("HTTP/1.1 500") && !refused.contains("stored"),
        "{refused}"
    );
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_in_the_middle_of_a_response_breaks_it_off() {
    let stage = Stage::new().await;
    stage.store.inject([Fault::Fails(CommitError::NoSpace)]);
    let (told, _) = stage.request("stream").await.finish().await;
    assert!(told.contains("piece 1;"), "{told}");
    assert!(!told.contains("piece 2;"), "{told}");
    assert!(
        !told.ends_with("0\r\n\r\n"),
        "a chunked body that ended cleanly: {told}"
    );
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_held_in_the_middle_of_a_response_holds_the_rest_and_all_that_follows() {
    let stage = Stage::new().await;
    stage.store.hold();
    let mut streamed = stage.request("stream").await;
    streamed.until(b"piece 1;").await;
    stage.held().await;
    streamed.until(b"\r\n").await;
    streamed.read.clear();
    let later = stage.request("get").await;
    stage.logged("asked get").await;
    assert!(streamed.has_nothing() && later.has_nothing());
    stage.store.release();
    let (told, clean) = streamed.finish().await;
    assert!(
        told.contains("piece 2;") && told.ends_with("0\r\n\r\n"),
        "{told}"
    );
    assert!(clean);
    assert!(later.finish().await.0.ends_with("by stream"));
    stage.shutdown().await;
}
