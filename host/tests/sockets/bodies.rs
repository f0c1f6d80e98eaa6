//! Bodies that nobody reads: answers that their clients do not take, and requests that rooms answer
//! before they have read them.

use crate::stage::Stage;

fn post(query: &str, more: &str) -> String {
    format!("POST /party/r?{query} HTTP/1.1\nHost: h\n{more}\n\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_taking_a_streamed_answer_is_cut_off_and_its_stream_cancelled() {
    let stage = Stage::with(|config| config.host.answer_stall_ms = 100).await;
    let _never_read = stage.request("endless").await;
    stage.logged("cancelled").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_rest_of_an_unread_body_is_thrown_away_and_the_connection_goes_on() {
    let stage = Stage::new().await;
    let mut client = stage
        .connection(&post("get", "Content-Length: 100000"))
        .await;
    client.until(b"undefined").await;
    let told = String::from_utf8_lossy(&client.read).to_ascii_lowercase();
    assert!(!told.contains("connection: close"), "{told}");
    client.send(&[b'x'; 100_000]).await;
    client.read.clear();
    client
        .send(b"GET /party/r?get HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    client.until(b"undefined").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_before_a_large_or_endless_body_says_that_the_connection_closes() {
    let stage = Stage::with(|config| config.host.body_rest_bytes_max = 1000).await;
    let heads = [
        post("get", "Content-Length: 100000"),
        post("get", "Transfer-Encoding: chunked"),
        // Refused before there is a room, as is one above body_bytes_max.
        "POST /parties/none/r HTTP/1.1\nHost: h\nContent-Length: 5000\n\n".to_owned(),
        post("get", "Content-Length: 99999999999"),
    ];
    for head in heads {
        let mut client = stage.connection(&head).await;
        client.until(b"\r\n\r\n").await;
        let told = String::from_utf8_lossy(&client.read).to_ascii_lowercase();
        assert!(told.contains("connection: close"), "{head}: {told}");
        if head.contains("chunked") {
            // More than is thrown away.
            client.send(b"1000\r\n").await;
            client.send(&[b'x'; 0x1000]).await;
        }
        drop(client);
    }
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rest_that_does_not_come_or_is_too_large_ends_the_connection() {
    let stage = Stage::with(|config| {
        config.host.body_rest_ms = 50;
        config.host.body_rest_bytes_max = 1000;
    })
    .await;
    let silent = stage
        .connection(&post("get", "Content-Length: 100000"))
        .await;
    let (told, _) = silent.finish().await;
    assert!(told.ends_with("undefined"), "{told}");
    let mut talking = stage
        .connection(&post("get", "Transfer-Encoding: chunked"))
        .await;
    talking.send(b"1000\r\n").await;
    talking.send(&[b'x'; 0x1000]).await;
    let (told, _) = talking.finish().await;
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_to_be_asked_for_its_body_is_asked_only_when_the_room_reads() {
    let stage = Stage::new().await;
    let expecting = "Content-Length: 100000\nExpect: 100-continue";
    let (told, _) = stage
        .connection(&post("get", expecting))
        .await
        .finish()
        .await;
    let told = told.to_ascii_lowercase();
    assert!(told.starts_with("http/1.1 200"), "{told}");
    assert!(told.contains("connection: close"), "{told}");
    let mut asked = stage.connection(&post("size", expecting)).await;
    asked.until(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    asked.send(&[b'x'; 100_000]).await;
    asked.until(b"100000").await;
    let told = String::from_utf8_lossy(&asked.read).to_ascii_lowercase();
    assert!(!told.contains("connection: close"), "{told}");
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_a_room_has_read_to_its_end_leaves_the_connection_open() {
    let stage = Stage::new().await;
    let mut client = stage
        .connection(&post("size", "Transfer-Encoding: chunked"))
        .await;
    client.send(b"5\r\nhello\r\n0\r\n\r\n").await;
    client.until(b"\r\n\r\n5").await;
    let told = String::from_utf8_lossy(&client.read).to_ascii_lowercase();
    assert!(!told.contains("connection: close"), "{told}");
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stream_gave_before_it_failed_leaves_with_its_head_and_then_breaks_off() {
    let stage = Stage::new().await;
    let (told, _) = stage.request("fails").await.finish().await;
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
    assert!(
        told.contains("x-head: seen") && told.contains("begun;"),
        "{told}"
    );
    assert!(!told.ends_with("0\r\n\r\n"), "{told}");
    stage.shutdown().await;
}
