//! What RFC 6455 demands of a server as its peer sees it, one test for each MUST of sections 5 to 7
//! that is about an answer or an end. What it demands of reading and writing frames is tested in
//! `src/socket/read_tests.rs` and `src/socket/frame.rs`.

use crate::stage::{Stage, frame};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;

/// Everything that comes until the host closes the connection, for what is sent in one piece.
async fn answer_to(stage: &Stage, frames: &[Vec<u8>]) -> (Vec<u8>, bool) {
    let mut socket = stage.socket().await;
    socket.send(&frames.concat()).await;
    socket.all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_2_a_length_that_is_not_minimal_ends_the_connection_with_1002() {
    let stage = Stage::new().await;
    let long = [&[TEXT, 0x80 | 126, 0, 2, 0, 0, 0, 0][..], b"no"].concat();
    let (told, _) = answer_to(&stage, &[long]).await;
    assert_eq!(told.first(), Some(&CLOSE));
    assert_eq!(told.get(2..4), Some(&1002u16.to_be_bytes()[..]));
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_4_a_control_frame_inside_a_message_is_handled_at_once() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    socket.send(&frame(0x01, b"put ")).await;
    socket.send(&frame(PING, b"now")).await;
    socket.until(b"\x8a\x03now").await;
    socket.send(&frame(0x80, b"v")).await;
    socket.until(b"k is v").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_5_1_a_close_frame_is_answered_with_one_of_the_same_code() {
    let stage = Stage::new().await;
    let cases: [(&[u8], &[u8]); 3] = [
        (b"\x0f\xa2bye", b"\x88\x05\x0f\xa2bye"),
        (b"\x03\xe8", b"\x88\x02\x03\xe8"),
        (b"", b"\x88\x00"),
    ];
    for (sent, expected) in cases {
        let (told, clean) = answer_to(&stage, &[frame(CLOSE, sent)]).await;
        assert_eq!(told, expected);
        assert!(clean);
    }
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_5_1_nothing_is_sent_after_a_close_frame_and_nothing_read_after_the_peers() {
    let stage = Stage::new().await;
    let frames = [
        frame(CLOSE, b"\x03\xe8"),
        frame(TEXT, b"too late"),
        frame(PING, b"x"),
    ];
    let (told, _) = answer_to(&stage, &frames).await;
    assert_eq!(told, b"\x88\x02\x03\xe8");
    let mut other = stage.socket().await;
    other.say("barrier").await;
    stage.logged("ran barrier").await;
    assert!(!stage.has_logged("ran too late"));
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_5_2_each_ping_is_answered_with_a_pong_until_a_close_frame_came() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    for payload in [&b"1"[..], b"", b"2"] {
        socket.send(&frame(PING, payload)).await;
        let pong = [&[PONG, payload.len() as u8], payload].concat();
        socket.until(&pong).await;
    }
    socket.send(&frame(CLOSE, b"")).await;
    assert!(socket.all().await.0.ends_with(b"\x8a\x012\x88\x00"));
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_5_2_a_ping_between_our_close_frame_and_the_peers_is_answered() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    socket.say("close").await;
    socket.until(b"\x88\x06\x0f\xa1done").await;
    socket.send(&frame(PING, b"late")).await;
    socket.until(b"\x8a\x04late").await;
    socket.send(&frame(CLOSE, b"\x0f\xa1")).await;
    assert!(socket.all().await.0.ends_with(b"\x8a\x04late"));
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_5_3_of_pings_that_wait_the_newest_is_answered() {
    let stage = Stage::new().await;
    let frames: Vec<_> = (0..200_u8).map(|ping| frame(PING, &[ping])).collect();
    let (told, _) = answer_to(&stage, &[frames.concat(), frame(CLOSE, b"")]).await;
    assert!(told.ends_with(b"\x8a\x01\xc7\x88\x00"), "{told:?}");
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_5_3_a_pong_carries_what_the_ping_did() {
    let stage = Stage::new().await;
    let long: Vec<u8> = (0..125).collect();
    let (told, _) = answer_to(&stage, &[frame(PING, &long), frame(CLOSE, b"")]).await;
    assert_eq!(told, [&b"\x8a\x7d"[..], &long, b"\x88\x00"].concat());
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_5_3_a_pong_that_nobody_asked_for_is_not_answered() {
    let stage = Stage::new().await;
    let (told, _) = answer_to(&stage, &[frame(PONG, b"hm"), frame(CLOSE, b"")]).await;
    assert_eq!(told, b"\x88\x00");
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_5_8_no_extension_is_chosen() {
    let stage = Stage::new().await;
    let head = "GET /party/r HTTP/1.1\nHost: h\nConnection: Upgrade\nUpgrade: websocket\n\
                Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\
                Sec-WebSocket-Extensions: permessage-deflate\n\n";
    let mut socket = stage.connection(head).await;
    socket.until(b"\r\n\r\n").await;
    let told = String::from_utf8_lossy(&socket.read).to_ascii_lowercase();
    assert!(
        told.starts_with("http/1.1 101") && !told.contains("extensions"),
        "{told}"
    );
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_6_1_messages_keep_their_type_their_order_and_come_in_whole_frames() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    let frames = [
        frame(BINARY, b"\x00\xff"),
        frame(TEXT, b"a"),
        frame(BINARY, b""),
    ];
    socket.send(&frames.concat()).await;
    socket
        .until(b"\x82\x02\x00\xff\x81\x0ek is undefined\x82\x00")
        .await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_6_2_a_message_in_fragments_is_one_and_the_next_frame_begins_another() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    let frames = [
        frame(0x01, b"pu"),
        frame(0x00, b"t "),
        frame(0x80, b"x"),
        frame(TEXT, b"next"),
    ];
    socket.send(&frames.concat()).await;
    stage.logged("ran put x").await;
    stage.logged("ran next").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_7_1_1_the_server_closes_the_line_when_both_have_said_close() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    socket.say("close").await;
    socket.until(b"\x88\x06\x0f\xa1done").await;
    socket.send(&frame(CLOSE, b"\x0f\xa1")).await;
    let (_, clean) = socket.all().await;
    assert!(clean, "the line was cut instead of closed");
    stage.logged("closed 4001  true").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_7_1_5_a_close_without_a_code_is_1005_and_an_end_without_a_close_1006() {
    let stage = Stage::new().await;
    answer_to(&stage, &[frame(CLOSE, b"")]).await;
    stage.logged("closed 1005  true").await;
    drop(stage.socket().await);
    stage.logged("closed 1006  false").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_7_1_6_the_reason_is_what_the_peer_said() {
    let stage = Stage::new().await;
    answer_to(&stage, &[frame(CLOSE, b"\x0f\xa2so long")]).await;
    stage.logged("closed 4002 so long true").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_7_1_7_a_connection_that_fails_is_told_why_and_nothing_more_of_it_is_processed() {
    let stage = Stage::new().await;
    let unmasked = b"\x81\x01a".to_vec();
    let (told, _) = answer_to(&stage, &[unmasked, frame(TEXT, b"after")]).await;
    assert_eq!(
        told[..4],
        [0x88, told[1], 0x03, 0xEA],
        "1002, and nothing else"
    );
    assert_eq!(told.len(), usize::from(told[1]) + 2);
    let mut other = stage.socket().await;
    other.say("barrier").await;
    stage.logged("ran barrier").await;
    assert!(!stage.has_logged("ran after"));
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_7_2_2_a_peer_that_does_not_answer_a_close_is_waited_for_only_so_long() {
    let stage = Stage::with(|config| config.host.close_ms = 50).await;
    let mut socket = stage.socket().await;
    socket.say("close").await;
    let (told, _) = socket.all().await;
    assert_eq!(told, b"\x88\x06\x0f\xa1done");
    stage.logged("closed 1006  false").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn section_8_1_text_that_is_not_utf_8_ends_with_1007() {
    let stage = Stage::new().await;
    for frames in [
        vec![frame(TEXT, b"\xff")],
        vec![frame(0x01, b"\xc3"), frame(0x80, b"(")],
    ] {
        let (told, _) = answer_to(&stage, &frames).await;
        assert_eq!((told[0], &told[2..4]), (0x88, &[0x03, 0xEF][..]));
    }
    stage.shutdown().await;
}
