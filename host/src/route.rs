//! From a request's path to what it addresses. Pure: the one place that knows PartyKit's URLs.

use partykit_core::{IdError, PartyName, RoomId};

use crate::error::RouteError;

/// What a path addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// A room; what follows its name in the path is the room's own business.
    Room { party: PartyName, room: RoomId },
    /// No room: static files.
    Other,
}

/// Reads a raw, undecoded path.
pub(crate) fn parse(path: &str) -> Result<Route, RouteError> {
    let mut segments = path.split('/').skip(1);
    let (party, room) = match segments.next() {
        Some("party") => ("main", segments.next()),
        Some("parties") => {
            let party = segments.next();
            (party.unwrap_or_default(), segments.next())
        }
        _ => return Ok(Route::Other),
    };
    let Some(room) = room.filter(|room| !room.is_empty()) else {
        return Ok(Route::Other);
    };
    if party.is_empty() {
        return Err(RouteError::NoParty);
    }
    let party = PartyName::parse(party).map_err(|error| match error {
        IdError::Character { name, .. } => RouteError::PartyNotFound(name),
        other => RouteError::Name(other),
    })?;
    Ok(Route::Room {
        party,
        room: RoomId::parse(room)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(path: &str) -> (String, String) {
        match parse(path).unwrap() {
            Route::Room { party, room } => (party.to_string(), room.to_string()),
            Route::Other => panic!("{path} is no room"),
        }
    }

    #[test]
    fn both_forms_address_the_same_room_and_leave_the_rest_of_the_path_to_it() {
        assert_eq!(room("/party/r"), ("main".into(), "r".into()));
        assert_eq!(room("/parties/main/r"), ("main".into(), "r".into()));
        assert_eq!(
            room("/parties/main/r/any/path"),
            ("main".into(), "r".into())
        );
        assert_eq!(room("/party/r/"), ("main".into(), "r".into()));
    }

    #[test]
    fn room_names_are_not_decoded() {
        assert_eq!(room("/party/ro%20om%2Fx").1, "ro%20om%2Fx");
    }

    #[test]
    fn paths_without_a_room_are_for_static_files() {
        for path in [
            "/party",
            "/party/",
            "/parties/main",
            "/parties/main/",
            "//party/r",
            "/",
            "/x",
        ] {
            assert_eq!(parse(path), Ok(Route::Other), "{path}");
        }
    }

    #[test]
    fn a_party_must_be_named() {
        assert_eq!(parse("/parties//room"), Err(RouteError::NoParty));
        assert_eq!(
            parse("/parties/Main/r"),
            Err(RouteError::PartyNotFound("Main".into()))
        );
    }
}
