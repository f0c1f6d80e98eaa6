//! URLs by the WHATWG standard, through the `url` crate. JavaScript keeps only the serialised
//! URL; each call parses it again, which costs about a microsecond and keeps no state here.

use rquickjs::{Ctx, Result};
use url::{Url, quirks};

use super::Interfaces;
use crate::bridge::Text;

pub(super) fn install(native: &Interfaces<'_>) -> Result<()> {
    native.add("parse", parse)?;
    native.add("set", set)?;
    native.add("parseQuery", parse_query)?;
    native.add("writeQuery", write_query)?;
    Ok(())
}

/// The parts of a URL in the order of web/url.js, or none when it is not valid.
fn parse<'js>(input: Text<'js>, base: Option<Text<'js>>) -> Option<Vec<String>> {
    let base = match base {
        Some(base) => Some(Url::parse(&base).ok()?),
        None => None,
    };
    Url::options()
        .base_url(base.as_ref())
        .parse(&input)
        .ok()
        .map(|url| parts(&url))
}

/// Changes one part; what is not acceptable changes nothing.
fn set<'js>(
    _ctx: Ctx<'js>,
    href: Text<'js>,
    part: Text<'js>,
    new: Text<'js>,
) -> Option<Vec<String>> {
    let mut url = Url::parse(&href).ok()?;
    let new: &str = &new;
    match &*part {
        "protocol" => drop(quirks::set_protocol(&mut url, new)),
        "username" => drop(quirks::set_username(&mut url, new)),
        "password" => drop(quirks::set_password(&mut url, new)),
        "host" => drop(quirks::set_host(&mut url, new)),
        "hostname" => drop(quirks::set_hostname(&mut url, new)),
        "port" => drop(quirks::set_port(&mut url, new)),
        "pathname" => quirks::set_pathname(&mut url, new),
        "search" => quirks::set_search(&mut url, new),
        "hash" => quirks::set_hash(&mut url, new),
        _ => return None,
    }
    Some(parts(&url))
}

fn parts(url: &Url) -> Vec<String> {
    let parts = [
        quirks::href(url),
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
    ];
    let mut parts: Vec<String> = parts.into_iter().map(str::to_owned).collect();
    parts.push(quirks::origin(url));
    parts
}

/// `a=1&b=2` as a flat list: name, value, name, value.
fn parse_query<'js>(query: Text<'js>) -> Vec<String> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .flat_map(|(name, value)| [name.into_owned(), value.into_owned()])
        .collect()
}

/// The inverse of [`parse_query`].
fn write_query(list: Vec<Text<'_>>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for pair in list.chunks_exact(2) {
        query.append_pair(&pair[0], &pair[1]);
    }
    query.finish()
}
