//! Answers with static files. tower-http reads them, with their types and ranges; this adds what
//! a browser needs to ask again cheaply, and in development the script that keeps a page current.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use tower_http::services::ServeFile;

use crate::assets::{Asset, Assets};
use crate::error::RouteError;
use crate::live::{self, PageOf};
use crate::router::Request;
use crate::routes::live::{PAGE_BYTES_MAX, Pages, navigates};

/// The file at the request's path; the project's page for what is not there; else 404.
pub(crate) async fn serve(
    assets: &Assets,
    pages: Pages,
    mut request: Request,
) -> Result<Response, RouteError> {
    let looked_at = navigates(&request);
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    if readable {
        let path = request.uri().path();
        let found = assets.find(path).or_else(|| {
            let app = assets.single_page_app && looked_at;
            app.then(|| assets.find("/")).flatten()
        });
        if let Some(asset) = found {
            return answer(asset, pages, request).await;
        }
    }
    let Some(page) = assets.find("/404.html") else {
        return Err(RouteError::NotFound);
    };
    // As a whole: a part of it, or that it has not changed, is no answer to another address.
    for name in [
        header::RANGE,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
    ] {
        request.headers_mut().remove(name);
    }
    if !readable {
        *request.method_mut() = Method::GET;
    }
    let mut response = answer(page, pages, request).await?;
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

async fn answer(
    asset: Asset<'_>,
    pages: Pages,
    mut request: Request,
) -> Result<Response, RouteError> {
    let (mut tag, is_page) = match &asset {
        Asset::OnDisk(path) => (tag_of_file(path).await?, is_page(path)),
        Asset::Built { path, contents } => (tag_of_bytes(contents), is_page(path.as_ref())),
    };
    let live = pages == Pages::Live && is_page;
    if live {
        tag.push_str("-live");
    }
    let tag = HeaderValue::try_from(format!("\"{tag}\"")).map_err(|_| RouteError::NotFound)?;
    let mut response = if matches(&request, &tag) {
        let mut unchanged = Response::new(Body::empty());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        prefer_tag(&mut request, &tag);
        match asset {
            Asset::Built { path, contents } if live => page(path.as_ref(), contents),
            Asset::Built { path, contents } => whole(path.as_ref(), contents.clone()),
            Asset::OnDisk(path) if live => live_file(&path, request).await?,
            Asset::OnDisk(path) => file(&path, request).await?,
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    // To be asked for each time, which the tag makes cheap.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // As PartyKit does for its files.
    let any = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    Ok(response)
}

/// RFC 9110, section 13.1.2: the tag decides alone when it is given.
fn matches(request: &Request, tag: &HeaderValue) -> bool {
    let given = request.headers().get_all(header::IF_NONE_MATCH);
    let mut tags = given
        .iter()
        .flat_map(|list| list.as_bytes().split(|byte| *byte == b','))
        .map(|given| given.trim_ascii());
    tags.any(|given| given == b"*" || given.strip_prefix(b"W/").unwrap_or(given) == tag.as_bytes())
}

/// Takes out what tower-http would decide by the file's date, which is too coarse for files that
/// are being written, and the range of a file that has changed.
fn prefer_tag(request: &mut Request, tag: &HeaderValue) {
    let headers = request.headers_mut();
    if headers.remove(header::IF_NONE_MATCH).is_some() {
        headers.remove(header::IF_MODIFIED_SINCE);
    }
    if headers
        .remove(header::IF_RANGE)
        .is_some_and(|of| of != *tag)
    {
        headers.remove(header::RANGE);
    }
}

async fn tag_of_file(path: &Path) -> Result<String, RouteError> {
    let metadata = tokio::fs::metadata(path).await;
    let metadata = metadata.map_err(|_| RouteError::NotFound)?;
    let modified = metadata.modified().ok();
    let age = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let nanos = age.unwrap_or_default().as_nanos();
    Ok(format!("{:x}-{nanos:x}", metadata.len()))
}

fn tag_of_bytes(contents: &Bytes) -> String {
    let mut hasher = DefaultHasher::new();
    contents.hash(&mut hasher);
    format!("{:x}-{:x}", contents.len(), hasher.finish())
}

fn is_page(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("html" | "htm"))
}

/// A file with its type, or the part of it that was asked for.
async fn file(path: &Path, request: Request) -> Result<Response, RouteError> {
    let Ok(response) = ServeFile::new(path).try_call(request).await else {
        return Err(RouteError::NotFound);
    };
    let mut response = response.map(|body| Body::new(body.map_err(axum::Error::new)));
    if response.status() == StatusCode::NOT_FOUND {
        return Err(RouteError::NotFound);
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    if let Some(text) = kind.and_then(as_utf8) {
        response.headers_mut().insert(header::CONTENT_TYPE, text);
    }
    Ok(response)
}

async fn live_file(path: &Path, request: Request) -> Result<Response, RouteError> {
    let length = tokio::fs::metadata(path)
        .await
        .map(|metadata| metadata.len());
    if length.is_ok_and(|length| length > PAGE_BYTES_MAX as u64) {
        return file(path, request).await;
    }
    let contents = tokio::fs::read(path).await;
    Ok(page(path, &contents.map_err(|_| RouteError::NotFound)?))
}

fn page(path: &Path, contents: &[u8]) -> Response {
    whole(path, live::with_script(contents, PageOf::Project).into())
}

fn whole(path: &Path, contents: Bytes) -> Response {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let kind = HeaderValue::try_from(kind.as_ref());
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let kind = as_utf8(&kind).unwrap_or(kind);
    let mut response = Response::new(Body::from(contents));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The type of a text with the encoding that all of a project's texts have; none for other types,
/// and for those that already say an encoding.
fn as_utf8(kind: &HeaderValue) -> Option<HeaderValue> {
    let kind = match kind.to_str().ok()? {
        // The older of two names: browsers and PartyKit say the newer.
        "application/javascript" => "text/javascript",
        kind => kind,
    };
    let is_text =
        kind.starts_with("text/") || matches!(kind, "application/json" | "application/xhtml+xml");
    if !is_text || kind.contains(';') {
        return None;
    }
    HeaderValue::try_from(format!("{kind}; charset=utf-8")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(single_page_app: bool) -> (tempfile::TempDir, Assets) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("index.html", "<body>home</body>"),
            ("404.html", "lost"),
            ("a.txt", "0123456789"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let assets = Assets {
            directory: Some(folder.path().to_owned()),
            built: [("dist/a.js".to_owned(), Bytes::from("built()"))].into(),
            single_page_app,
        };
        (folder, assets)
    }

    struct Seen {
        status: u16,
        headers: http::HeaderMap,
        body: String,
    }

    async fn ask(assets: &Assets, request: http::request::Builder) -> Seen {
        let request = request.body(Body::empty()).unwrap();
        let live = live::Live::default();
        let pages = Pages::answering(&request, Some(&live));
        let response = serve(assets, pages, request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Seen {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    #[tokio::test]
    async fn a_file_that_is_asked_for_again_by_its_tag_is_not_sent_again_until_it_changes() {
        let (folder, assets) = assets(false);
        for path in ["/a.txt", "/dist/a.js", "/index.html"] {
            let first = ask(&assets, http::Request::get(path)).await;
            assert_eq!(first.status, 200);
            let again = http::Request::get(path)
                .header("if-none-match", &first.headers["etag"])
                .header("if-modified-since", "Thu, 01 Jan 2099 00:00:00 GMT");
            let again = ask(&assets, again).await;
            assert_eq!((again.status, &*again.body), (304, ""), "{path}");
        }
        let old = ask(&assets, http::Request::get("/a.txt")).await.headers["etag"].clone();
        std::fs::write(folder.path().join("a.txt"), "9876543210!").unwrap();
        let again = http::Request::get("/a.txt")
            .header("if-none-match", old)
            .header("if-modified-since", "Thu, 01 Jan 2099 00:00:00 GMT");
        let again = ask(&assets, again).await;
        assert_eq!((again.status, &*again.body), (200, "9876543210!"));
    }

    #[tokio::test]
    async fn a_part_of_a_file_is_sent_unless_the_file_is_another_one() {
        let (_folder, assets) = assets(false);
        let ranged = || http::Request::get("/a.txt").header("range", "bytes=2-4");
        let part = ask(&assets, ranged()).await;
        assert_eq!((part.status, &*part.body), (206, "234"));
        assert_eq!(part.headers["content-range"], "bytes 2-4/10");
        let tag = part.headers["etag"].clone();
        let same = ask(&assets, ranged().header("if-range", tag)).await;
        assert_eq!(same.status, 206);
        let other = ask(&assets, ranged().header("if-range", "\"other\"")).await;
        assert_eq!((other.status, &*other.body), (200, "0123456789"));
    }

    #[tokio::test]
    async fn what_is_not_there_is_the_projects_own_page_with_404() {
        let (_folder, assets) = assets(false);
        for request in [
            http::Request::get("/nothing").header("range", "bytes=0-1"),
            http::Request::post("/a.txt"),
            http::Request::get("/deep/link").header("sec-fetch-mode", "cors"),
        ] {
            let seen = ask(&assets, request).await;
            assert_eq!((seen.status, &*seen.body), (404, "lost"));
        }
        let none = Assets::default();
        let request = http::Request::get("/").body(Body::empty()).unwrap();
        let answer = serve(&none, Pages::Live, request).await;
        assert_eq!(answer.err(), Some(RouteError::NotFound));
    }

    #[tokio::test]
    async fn a_single_page_app_shows_its_page_to_browsers_at_every_address_without_a_file() {
        let (_folder, assets) = assets(true);
        let go = |path| http::Request::get(path).header("sec-fetch-mode", "navigate");
        for path in ["/deep/link.png", "/parties/x", "/"] {
            let seen = ask(&assets, go(path)).await;
            assert_eq!(seen.status, 200, "{path}");
            assert!(seen.body.contains("home"), "{path}: {}", seen.body);
        }
        assert_eq!(ask(&assets, go("/a.txt")).await.body, "0123456789");
        let fetched = ask(&assets, http::Request::get("/deep/link.png")).await;
        assert_eq!(fetched.status, 404);
    }

    #[tokio::test]
    async fn only_a_page_that_is_looked_at_gets_the_script() {
        let (_folder, assets) = assets(false);
        let plain = ask(&assets, http::Request::get("/")).await;
        assert_eq!(plain.body, "<body>home</body>");
        let looked_at = http::Request::get("/").header("sec-fetch-mode", "navigate");
        let looked_at = ask(&assets, looked_at).await;
        assert!(
            looked_at.body.contains(live::SCRIPT_PATH),
            "{}",
            looked_at.body
        );
        assert_ne!(plain.headers["etag"], looked_at.headers["etag"]);
        let text = http::Request::get("/a.txt").header("sec-fetch-mode", "navigate");
        assert_eq!(ask(&assets, text).await.body, "0123456789");
    }

    #[test]
    fn texts_say_that_they_are_utf8_and_others_say_nothing() {
        let said = |kind: &'static str| as_utf8(&HeaderValue::from_static(kind));
        let text = HeaderValue::from_static("text/css; charset=utf-8");
        assert_eq!(said("text/css"), Some(text));
        assert!(said("application/json").is_some());
        for kind in ["image/png", "text/plain; charset=ascii"] {
            assert!(said(kind).is_none(), "{kind}");
        }
    }
}
