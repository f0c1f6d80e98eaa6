//! Requests and responses as plain data, without the types of any HTTP library.

use bytes::Bytes;

use crate::BodyHandle;

/// A header: its name in lower case, its value read as Latin-1.
pub type Field = (String, String);

/// A request without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// As sent; methods are case-sensitive.
    pub method: String,
    /// Absolute URL as the client addressed it.
    pub url: String,
    /// In the order received.
    pub headers: Vec<Field>,
}

/// The bytes of a request or response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// All of them.
    Whole(Bytes),
    /// They come, or are still to be written, piece by piece.
    Pieces(BodyHandle),
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method, URL and headers.
    pub head: RequestHead,
    /// `None` when there is no body, which is not the same as an empty one.
    pub body: Option<Content>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200 to 599: the guest runtime refuses others.
    pub status: u16,
    /// In the order to be sent.
    pub headers: Vec<Field>,
    /// The body, possibly empty.
    pub body: Content,
}

impl Response {
    /// A plain text answer of the host itself.
    #[must_use]
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        let headers = vec![(
            "content-type".to_owned(),
            "text/plain;charset=UTF-8".to_owned(),
        )];
        Self {
            status,
            headers,
            body: Content::Whole(Bytes::from(text.into())),
        }
    }
}
