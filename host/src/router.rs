//! What a request is for: a room, a WebSocket to a room, a file, or in development what keeps
//! pages current. One line for each request goes
//! to the log, whoever answered it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use http::{Version, header};
use partykit_core::{PartyName, RoomKey};

use crate::app::App;
use crate::body;
use crate::error::RouteError;
use crate::log::RequestLine;
use crate::route::{self, Route};
use crate::routes::live::Pages;
use crate::routes::{assets, live, party};
use crate::unread;

pub(crate) type Request = http::Request<Body>;

pub(crate) fn router(app: Arc<App>) -> Router {
    // PartyKit's paths are matched as they were sent, undecoded, which no route pattern can say.
    Router::new().fallback(dispatch).with_state(app)
}

async fn dispatch(
    State(app): State<Arc<App>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    // Nobody asked for these but the page's own script, and so they are not told.
    let own = app.live.as_ref();
    if let Some(answer) = own.and_then(|live| live::serve(live, &mut request)) {
        return answer.unwrap_or_else(|error| body::to_http(error.response()));
    }
    let started = Instant::now();
    let method = request.method().to_string();
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let pages = Pages::answering(&request, app.live.as_ref());
    let (request, unread) = unread::follow(request, app.limits.body_rest());
    let answer = answer(&app, client, request).await;
    let mut response = answer.unwrap_or_else(|error| {
        let mut response = error.response();
        if error == RouteError::NoCode && pages == Pages::Live {
            response = live::without_code(response);
        }
        body::to_http(response)
    });
    unread::announce(&mut response, unread.as_deref());
    let status = response.status().as_u16();
    app.log.request(&RequestLine {
        method,
        path,
        status,
        duration: started.elapsed(),
    });
    response
}

async fn answer(
    app: &Arc<App>,
    client: SocketAddr,
    request: Request,
) -> Result<Response, RouteError> {
    // RFC 9112, section 3.2.
    if request.version() == Version::HTTP_11 && !request.headers().contains_key(header::HOST) {
        return Err(RouteError::NoHost);
    }
    let deployment = app.deployment();
    match route::parse(request.uri().path())? {
        Route::Room { party, room } => {
            if party != PartyName::main() {
                return Err(RouteError::PartyNotFound(party.to_string()));
            }
            let key = RoomKey {
                project: deployment.project.clone(),
                party,
                room,
            };
            if party::is_upgrade(&request) {
                party::connect(app, key, client.ip(), request).await
            } else {
                party::request(app, key, client.ip(), request).await
            }
        }
        Route::Other => match &deployment.assets {
            Some(assets) => {
                let pages = Pages::answering(&request, app.live.as_ref());
                assets::serve(assets, pages, request).await
            }
            None => Err(RouteError::NotFound),
        },
    }
}
