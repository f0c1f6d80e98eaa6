//! One test for each MUST of RFC 6455 that concerns what a server reads, named by its section. What
//! it must answer, and how it must end, is tested in `tests/sockets/rfc6455.rs`.

use fastwebsockets::{Role, after_handshake_split};

use super::*;
use crate::socket::lengths::Lengths;

const MAX: u64 = 1000;

/// A client's frame, masked with a key that is not zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [1, 2, 3, 4];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
    }
    bytes.extend(key);
    bytes.extend(
        payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

async fn read(bytes: impl AsRef<[u8]>) -> Vec<Result<Incoming, ReadEnd>> {
    let (frames, _) = after_handshake_split(
        Lengths::new(bytes.as_ref()),
        tokio::io::sink(),
        Role::Server,
    );
    let mut reader = MessageReader::new(frames, MAX);
    let mut all = Vec::new();
    loop {
        let next = reader.next().await;
        let ended = next.is_err();
        all.push(next);
        if ended {
            return all;
        }
    }
}

async fn first(bytes: impl AsRef<[u8]>) -> Result<Incoming, ReadEnd> {
    read(bytes).await.swap_remove(0)
}

fn text(text: &'static str) -> Incoming {
    Incoming::Message(Message::Text(text.into()))
}

fn violates(result: &Result<Incoming, ReadEnd>, expected: u16) {
    assert!(
        matches!(result, Err(ReadEnd::Violation { code, .. }) if *code == expected),
        "{result:?}"
    );
}

#[tokio::test]
async fn section_5_2_a_length_in_a_longer_form_than_needed_is_a_violation() {
    let long = [&[0x81, 0x80 | 126, 0, 5, 1, 2, 3, 4][..], b"hello"].concat();
    let longer = [
        &[0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0, 200, 1, 2, 3, 4][..],
        &[b'x'; 200],
    ]
    .concat();
    let highest = [0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4].to_vec();
    for broken in [long, longer, highest] {
        let all = read([frame(0x81, b"good"), broken].concat()).await;
        assert_eq!(all[0], Ok(text("good")));
        violates(&all[1], 1002);
    }
}

#[tokio::test]
async fn section_5_1_an_unmasked_frame_fails_the_connection() {
    violates(&first([0x81, 1, b'a']).await, 1002);
    violates(&first([0x88, 0]).await, 1002);
}

#[tokio::test]
async fn section_5_2_reserved_bits_and_opcodes_fail_the_connection() {
    for bit in [0x40, 0x20, 0x10] {
        violates(&first(frame(0x81 | bit, b"a")).await, 1002);
    }
    for opcode in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        violates(&first(frame(0x80 | opcode, b"")).await, 1002);
    }
}

#[tokio::test]
async fn section_5_2_the_three_forms_of_a_length_are_read() {
    for length in [0, 125, 126, MAX as usize] {
        let read = first(frame(0x82, &vec![7; length])).await;
        let expected = Message::Binary(vec![7; length].into());
        assert_eq!(read, Ok(Incoming::Message(expected)), "{length}");
    }
    let long = [0x82, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(first(long).await, Err(ReadEnd::TooBig { max: MAX }));
}

#[tokio::test]
async fn section_5_3_the_mask_is_taken_off_whatever_its_key_and_the_length() {
    let keys = [[0, 0, 0, 0], [0xFF; 4], [0x37, 0xFA, 0x21, 0x3D]];
    for key in keys {
        for length in 0..=17_u8 {
            let payload: Vec<u8> = (0..length).collect();
            let mut bytes = vec![0x82, 0x80 | length];
            bytes.extend(key);
            let masked = payload.iter().zip(key.iter().cycle());
            bytes.extend(masked.map(|(byte, key)| byte ^ key));
            let expected = Message::Binary(payload.into());
            assert_eq!(first(bytes).await, Ok(Incoming::Message(expected)));
        }
    }
}

#[tokio::test]
async fn section_5_3_each_frame_has_a_key_of_its_own() {
    let mut second = vec![0x80, 0x81, 9, 9, 9, 9];
    second.push(b'b' ^ 9);
    let read = first([frame(0x01, b"a"), second].concat()).await;
    assert_eq!(read, Ok(text("ab")));
}

#[tokio::test]
async fn section_5_4_empty_fragments_and_the_type_of_the_first_count() {
    let parts = [frame(0x02, b""), frame(0x00, b"\xff"), frame(0x80, b"")];
    let expected = Message::Binary(vec![0xFF].into());
    assert_eq!(first(parts.concat()).await, Ok(Incoming::Message(expected)));
}

#[tokio::test]
async fn section_5_6_text_is_checked_as_a_whole_and_binary_not_at_all() {
    let binary = first(frame(0x82, b"\xff\xfe")).await;
    let expected = Message::Binary(vec![0xFF, 0xFE].into());
    assert_eq!(binary, Ok(Incoming::Message(expected)));
    assert_eq!(first(frame(0x81, b"")).await, Ok(text("")));
    // A surrogate, an overlong form, and what lies above U+10FFFF.
    for bytes in [&b"\xed\xa0\x80"[..], b"\xc0\xaf", b"\xf4\x90\x80\x80"] {
        violates(&first(frame(0x81, bytes)).await, 1007);
    }
}

#[tokio::test]
async fn section_5_7_the_examples_of_a_client_are_read() {
    let masked = [
        0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ];
    assert_eq!(first(masked).await, Ok(text("Hello")));
    let ping = [
        0x89, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ];
    assert_eq!(first(ping).await, Ok(Incoming::Ping("Hello".into())));
}

#[tokio::test]
async fn section_6_2_a_frame_behind_a_whole_message_begins_another() {
    let frames = [
        frame(0x81, b"a"),
        frame(0x01, b"b"),
        frame(0x80, b"c"),
        frame(0x82, b"d"),
    ];
    let read = read(frames.concat()).await;
    let binary = Incoming::Message(Message::Binary("d".into()));
    assert_eq!(read[..3], [Ok(text("a")), Ok(text("bc")), Ok(binary)]);
}

#[tokio::test]
async fn section_5_4_fragments_are_joined_and_control_frames_may_come_between() {
    let bytes = [
        frame(0x01, b"a"),
        frame(0x89, b"ping"),
        frame(0x00, b"b"),
        frame(0x8A, b""),
        frame(0x80, b"c"),
    ];
    let read = read(bytes.concat()).await;
    let expected = [
        Ok(Incoming::Ping("ping".into())),
        Ok(Incoming::Pong),
        Ok(text("abc")),
        Err(ReadEnd::Gone),
    ];
    assert_eq!(read, expected);
}

#[tokio::test]
async fn section_5_4_fragments_out_of_order_fail_the_connection() {
    violates(&first(frame(0x80, b"a")).await, 1002);
    violates(
        &first([frame(0x01, b"a"), frame(0x81, b"b")].concat()).await,
        1002,
    );
}

#[tokio::test]
async fn section_5_5_control_frames_are_short_and_whole() {
    for opcode in [0x8, 0x9, 0xA] {
        violates(&first(frame(0x80 | opcode, &[b'a'; 126])).await, 1002);
        violates(&first(frame(opcode, b"")).await, 1002);
    }
}

#[tokio::test]
async fn section_5_5_1_a_close_frame_has_no_body_or_a_code_and_a_reason() {
    assert_eq!(first(frame(0x88, b"")).await, Ok(Incoming::Close(None)));
    violates(&first(frame(0x88, b"x")).await, 1002);
    let close = first(frame(0x88, b"\x0f\xa2bye")).await;
    assert_eq!(close, Ok(Incoming::Close(Some((4002, "bye".into())))));
}

#[tokio::test]
async fn section_7_4_codes_that_may_not_be_sent_fail_the_connection() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        violates(&first(frame(0x88, &code.to_be_bytes())).await, 1002);
    }
    for code in [
        1000_u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4999,
    ] {
        let close = first(frame(0x88, &code.to_be_bytes())).await;
        assert_eq!(close, Ok(Incoming::Close(Some((code, "".into())))));
    }
}

#[tokio::test]
async fn section_8_1_text_that_is_not_utf_8_fails_the_connection_with_1007() {
    violates(&first(frame(0x81, b"\xff")).await, 1007);
    violates(
        &first([frame(0x01, b"\xc3"), frame(0x80, b"(")].concat()).await,
        1007,
    );
    violates(&first(frame(0x88, b"\x03\xe8\xff")).await, 1007);
    let split = read([frame(0x01, b"\xc3"), frame(0x80, b"\xa9")].concat()).await;
    assert_eq!(
        split[0],
        Ok(text("é")),
        "a character may be split between fragments"
    );
}

#[tokio::test]
async fn a_message_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
    let exact = first(frame(0x82, &[7; MAX as usize])).await;
    assert_eq!(
        exact,
        Ok(Incoming::Message(Message::Binary(
            vec![7; MAX as usize].into()
        )))
    );
    let above = first(frame(0x82, &[7; MAX as usize + 1])).await;
    assert_eq!(above, Err(ReadEnd::TooBig { max: MAX }));
    let parts = [frame(0x02, &[7; 600]), frame(0x80, &[7; 401])].concat();
    assert_eq!(first(parts).await, Err(ReadEnd::TooBig { max: MAX }));
}

#[tokio::test]
async fn a_stream_that_ends_in_the_middle_of_a_frame_is_gone() {
    assert_eq!(first([0x81]).await, Err(ReadEnd::Gone));
    assert_eq!(first(&frame(0x81, b"abc")[..7]).await, Err(ReadEnd::Gone));
}
