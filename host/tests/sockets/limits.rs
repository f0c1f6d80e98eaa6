//! Limits of the host against clients that take their time.

use crate::stage::{Stage, UPGRADE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_come_ends_the_connection() {
    let stage = Stage::with(|config| config.host.head_ms = 50).await;
    let half = stage.connection("GET /party/r HTTP/1.1\nHost: h\n").await;
    let (told, _) = half.finish().await;
    assert!(!told.contains("200"), "{told}");
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_408_and_its_room_is_not_asked() {
    let stage = Stage::with(|config| config.host.body_piece_ms = 50).await;
    let head = "POST /party/r?put HTTP/1.1\nHost: h\nContent-Length: 9\n\nhalf";
    let mut late = stage.connection(head).await;
    late.until(b"body_piece_ms").await;
    let told = String::from_utf8_lossy(&late.read).to_ascii_lowercase();
    assert!(told.contains("connection: close"), "{told}");
    assert!(
        told.starts_with("http/1.1 408") && told.contains("body_piece_ms"),
        "{told}"
    );
    assert!(stage.store.groups().is_empty());
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_host_refuses_another_room_by_name_and_an_idle_one_makes_room() {
    let stage = Stage::with(|config| config.host.max_resident_rooms = Some(1)).await;
    let busy = stage.socket().await;
    let other = "GET /party/other?get HTTP/1.1\nHost: h\nConnection: close\n\n";
    let (told, _) = stage.connection(other).await.finish().await;
    assert!(
        told.starts_with("HTTP/1.1 503") && told.contains("max_resident_rooms"),
        "{told}"
    );
    assert!(told.contains("retry-after"), "{told}");
    // A socket is closed instead: scripts are not told the status of a handshake.
    let mut refused = stage.connection(&UPGRADE.replace("/r ", "/other ")).await;
    refused.until(b"\x88").await;
    refused.until(b"max_resident_rooms").await;

    drop(busy);
    // The room is idle when it has handled the end of its only connection.
    let (mut told, mut tries) = (String::new(), 0);
    while !told.starts_with("HTTP/1.1 200") {
        tries += 1;
        assert!(tries < 1000, "{told}");
        told = stage.connection(other).await.finish().await.0;
    }
    stage.shutdown().await;
}
