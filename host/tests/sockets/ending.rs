//! Shutdown and new code while something is under way: neither waits for what may never end.

use crate::stage::{Stage, deployment};

/// A host that would wait far longer than a test does.
async fn patient_stage(drain_ms: u64) -> Stage {
    Stage::with(|config| {
        config.host.drain_ms = drain_ms;
        config.host.shutdown_ms = 600_000;
        config.host.body_piece_ms = 600_000;
        config.host.head_ms = 600_000;
        config.host.answer_stall_ms = 600_000;
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_shutdown_a_request_that_is_not_answered_gets_503_and_a_stream_breaks_off() {
    let stage = patient_stage(50).await;
    let unanswered = stage.request("never").await;
    stage.logged("asked never").await;
    let mut streamed = stage.request("begun").await;
    streamed.until(b"begun;").await;
    stage.shutdown().await;
    let (told, _) = unanswered.finish().await;
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    assert!(told.contains("shutting down"), "{told}");
    let (told, _) = streamed.finish().await;
    assert!(!told.ends_with("0\r\n\r\n"), "ended cleanly: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_shutdown_a_request_whose_body_has_not_come_gets_503() {
    let stage = patient_stage(50).await;
    let head = "POST /party/r?size HTTP/1.1\nHost: h\nContent-Length: 9\n\nhalf";
    let half = stage.connection(head).await;
    let mut other = stage.request("get").await;
    other.until(b"undefined").await;
    stage.shutdown().await;
    let (told, _) = half.finish().await;
    // One that the host had not begun to read is simply closed.
    assert!(
        told.is_empty() || told.starts_with("HTTP/1.1 503"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_does_not_wait_for_a_client_that_takes_nothing_or_says_half_a_sentence() {
    let stage = patient_stage(50).await;
    let _stuck = stage.request("endless").await;
    stage.logged("asked endless").await;
    let _half = stage.connection("GET /party/r HTTP/1.1\nHo").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_under_way_at_shutdown_arrives_whole() {
    let stage = patient_stage(300_000).await;
    let mut streamed = stage.request("stream").await;
    streamed.until(b"piece 1;").await;
    stage.shutdown().await;
    let (told, clean) = streamed.finish().await;
    assert!(clean && told.ends_with("0\r\n\r\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_code_does_not_wait_for_rooms_that_do_not_end() {
    let stage = Stage::with(|config| {
        config.host.drain_ms = 50;
        config.host.shutdown_ms = 300;
    })
    .await;
    let unanswered = stage.request("never").await;
    stage.logged("asked never").await;
    let new = "export default class { onRequest() { return new Response('new code'); } }";
    stage.host.swap(deployment(new)).await;
    let (told, _) = unanswered.finish().await;
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    let (told, _) = stage.request("get").await.finish().await;
    assert!(told.ends_with("new code"), "{told}");
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_code_does_not_wait_for_a_disk_that_does_not_answer() {
    let stage = Stage::with(|config| config.host.shutdown_ms = 300).await;
    stage.store.hold();
    let waiting = stage.request("put").await;
    stage.held().await;
    stage.host.swap(deployment("export default class {}")).await;
    assert!(waiting.has_nothing());
    stage.store.release();
    let (told, _) = waiting.finish().await;
    assert!(told.ends_with("stored"), "{told}");
    stage.shutdown().await;
}
