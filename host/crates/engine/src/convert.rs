//! Between the types of wit/ and those of core, in both directions, without looking at what they
//! carry. Towards the guest everything is borrowed; from the guest everything is moved.

use bytes::Bytes;
use bytestring::ByteString;
use partykit_core as core;

use crate::bindings::exports::partykit::room::guest;
use crate::bindings::partykit::room::{events, log, sections, storage, types};

// To the guest.

pub(crate) fn message(message: &core::Message) -> guest::Message<'_> {
    match message {
        core::Message::Text(text) => guest::Message::Text(text),
        core::Message::Binary(bytes) => guest::Message::Binary(bytes),
    }
}

pub(crate) fn connection_info(client: &core::ConnectionInfo) -> guest::ConnectionInfo<'_> {
    guest::ConnectionInfo {
        connection: client.handle.0,
        id: &client.id,
        uri: &client.uri,
    }
}

pub(crate) fn close_info(info: &core::CloseInfo) -> guest::CloseInfo<'_> {
    guest::CloseInfo {
        code: info.code,
        reason: &info.reason,
        was_clean: info.was_clean,
    }
}

pub(crate) fn fields(fields: &[core::Field]) -> Vec<types::FieldParam<'_>> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// `headers` are those of `head`, converted by [`fields`]: the result borrows them.
pub(crate) fn request_head<'a>(
    head: &'a core::RequestHead,
    headers: &'a [types::FieldParam<'a>],
) -> guest::RequestHead<'a> {
    guest::RequestHead {
        method: &head.method,
        url: &head.url,
        headers,
    }
}

pub(crate) fn content(content: &core::Content) -> types::ContentParam<'_> {
    match content {
        core::Content::Whole(bytes) => types::ContentParam::Whole(bytes),
        core::Content::Pieces(body) => types::ContentParam::Pieces(body.0),
    }
}

pub(crate) fn body_event(what: &core::BodyEvent) -> guest::BodyEvent<'_> {
    match what {
        core::BodyEvent::Piece(bytes) => guest::BodyEvent::Piece(bytes),
        core::BodyEvent::Finished => guest::BodyEvent::Finished,
        core::BodyEvent::Failed(why) => guest::BodyEvent::Failed(why),
        core::BodyEvent::Ready => guest::BodyEvent::Ready,
    }
}

/// The guest reads a sentence; which limit it was is in the sentence.
pub(crate) fn refusal(refusal: core::Refusal) -> types::Refusal {
    match refusal {
        core::Refusal::Invalid(text) => types::Refusal::Invalid(text),
        core::Refusal::Limit { .. } => types::Refusal::Limit(refusal.to_string()),
        core::Refusal::Gone => types::Refusal::Gone,
        core::Refusal::Internal(text) => types::Refusal::Internal(text),
        // Kinds that core may get one day and that the contract has no word for.
        other => types::Refusal::Internal(other.to_string()),
    }
}

pub(crate) fn page(page: core::Page) -> storage::Page {
    storage::Page {
        entries: page
            .entries
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect(),
        more: page.more,
    }
}

// From the guest.

pub(crate) fn message_from(message: types::MessageResult) -> core::Message {
    match message {
        types::MessageResult::Text(text) => core::Message::Text(ByteString::from(text)),
        types::MessageResult::Binary(bytes) => core::Message::Binary(Bytes::from(bytes)),
    }
}

pub(crate) fn outcome_from(outcome: events::Outcome) -> core::Outcome {
    match outcome {
        events::Outcome::Done => core::Outcome::Done,
        events::Outcome::Response(response) => core::Outcome::Response(core::Response {
            status: response.status,
            headers: response.headers,
            body: content_from(response.body),
        }),
        events::Outcome::Failed(failure) => core::Outcome::Failed(core::Failure {
            message: failure.message,
            detail: failure.detail,
            status: failure.status,
        }),
    }
}

fn content_from(content: types::ContentResult) -> core::Content {
    match content {
        types::ContentResult::Whole(bytes) => core::Content::Whole(Bytes::from(bytes)),
        types::ContentResult::Pieces(body) => core::Content::Pieces(core::BodyHandle(body)),
    }
}

pub(crate) fn kind_from(kind: sections::Kind) -> core::SectionKind {
    match kind {
        sections::Kind::Block => core::SectionKind::Block,
        sections::Kind::Transaction => core::SectionKind::Transaction,
    }
}

pub(crate) fn ending_from(ending: sections::Ending) -> core::SectionEnding {
    match ending {
        sections::Ending::Rollback => core::SectionEnding::Rollback,
        sections::Ending::Keep => core::SectionEnding::Keep,
        sections::Ending::Broken => core::SectionEnding::Broken,
    }
}

pub(crate) fn range_from(range: storage::Range) -> core::Range {
    core::Range {
        start: range.start,
        end: range.end,
        prefix: range.prefix,
        reverse: range.reverse,
        limit: range.limit,
    }
}

pub(crate) fn level_from(level: log::Level) -> core::LogLevel {
    match level {
        log::Level::Debug => core::LogLevel::Debug,
        log::Level::Log => core::LogLevel::Log,
        log::Level::Info => core::LogLevel::Info,
        log::Level::Warn => core::LogLevel::Warn,
        log::Level::Error => core::LogLevel::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_kind_and_share_their_buffer() {
        let text = core::Message::Text("hé".into());
        assert!(matches!(message(&text), guest::Message::Text("hé")));
        let binary = core::Message::Binary(Bytes::from_static(&[0, 255]));
        assert!(matches!(message(&binary), guest::Message::Binary([0, 255])));

        let bytes = vec![1, 2, 3];
        let address = bytes.as_ptr();
        let sent = message_from(types::MessageResult::Binary(bytes));
        assert_eq!(sent.as_bytes().as_ptr(), address);
        assert_eq!(
            message_from(types::MessageResult::Text("hé".to_owned())),
            text
        );
    }

    #[test]
    fn a_refusal_says_which_limit_refused() {
        let limit = core::Refusal::Limit {
            name: "value_bytes_max",
            value: 7,
            max: 5,
        };
        let types::Refusal::Limit(text) = refusal(limit) else {
            panic!("a limit stays a limit")
        };
        assert!(text.contains("value_bytes_max") && text.contains('7') && text.contains('5'));
        assert!(matches!(refusal(core::Refusal::Gone), types::Refusal::Gone));
        assert!(matches!(
            refusal(core::Refusal::Invalid("no".to_owned())),
            types::Refusal::Invalid(text) if text == "no"
        ));
        assert!(matches!(
            refusal(core::Refusal::Internal("disk".to_owned())),
            types::Refusal::Internal(text) if text == "disk"
        ));
    }

    #[test]
    fn heads_keep_the_order_of_their_headers() {
        let head = core::RequestHead {
            method: "GET".to_owned(),
            url: "http://h/party/r".to_owned(),
            headers: vec![
                ("b".to_owned(), "1".to_owned()),
                ("a".to_owned(), "2".to_owned()),
            ],
        };
        let headers = fields(&head.headers);
        let converted = request_head(&head, &headers);
        assert_eq!(converted.method, "GET");
        assert_eq!(converted.url, "http://h/party/r");
        assert_eq!(converted.headers, [("b", "1"), ("a", "2")]);
    }

    #[test]
    fn outcomes_keep_everything_the_guest_said() {
        let failed = events::Outcome::Failed(types::Failure {
            message: "m".to_owned(),
            detail: "d".to_owned(),
            status: Some(418),
        });
        assert_eq!(
            outcome_from(failed),
            core::Outcome::Failed(core::Failure {
                message: "m".to_owned(),
                detail: "d".to_owned(),
                status: Some(418),
            })
        );
        let response = events::Outcome::Response(types::Response {
            status: 201,
            headers: vec![("a".to_owned(), "b".to_owned())],
            body: types::ContentResult::Whole(b"body".to_vec()),
        });
        assert_eq!(
            outcome_from(response),
            core::Outcome::Response(core::Response {
                status: 201,
                headers: vec![("a".to_owned(), "b".to_owned())],
                body: core::Content::Whole(Bytes::from_static(b"body")),
            })
        );
    }

    #[test]
    fn a_page_keeps_its_order_and_where_to_go_on() {
        let converted = page(core::Page {
            entries: vec![
                ("b".to_owned(), Bytes::from_static(b"1")),
                ("a".to_owned(), Bytes::new()),
            ],
            more: Some("a".to_owned()),
        });
        assert_eq!(
            converted.entries,
            [("b".to_owned(), b"1".to_vec()), ("a".to_owned(), vec![])]
        );
        assert_eq!(converted.more.as_deref(), Some("a"));
    }
}
