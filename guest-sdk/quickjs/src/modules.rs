//! Which module an import names. Three kinds exist: the platform's own (guest-sdk/js, embedded
//! here under the names of their files, so that stack traces stay readable), the bundle, and
//! `partykit/server`, which is empty because everything it exports is a type.
//!
//! The bundle can name none of the platform's modules: what they export, natives included, is out
//! of its reach.

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Exception, Module, Result};

/// Name of the user's code in stack traces.
pub(crate) const BUNDLE: &str = "bundle.js";
/// The module that installs the platform and exports what events are delivered to.
pub(crate) const BOOTSTRAP: &str = "partykit/bootstrap.js";

const TYPES_ONLY: &str = "partykit/server";

macro_rules! platform {
    ($($path:literal),+ $(,)?) => {
        const PLATFORM: &[(&str, &str)] = &[$((
            concat!("partykit/", $path),
            include_str!(concat!("../../js/", $path)),
        )),+];
    };
}

platform! {
    "bootstrap.js",
    "internal/builtins.js",
    "internal/bytes.js",
    "internal/clone.js",
    "internal/errors.js",
    "internal/inspect.js",
    "internal/life.js",
    "internal/native.js",
    "internal/no-eval.js",
    "internal/own.js",
    "internal/scope.js",
    "internal/texts.js",
    "internal/webidl.js",
    "party/close.js",
    "party/connection.js",
    "party/dispatch.js",
    "party/rehearse.js",
    "party/requests.js",
    "party/room.js",
    "party/sections.js",
    "party/settle.js",
    "party/shape.js",
    "party/storage.js",
    "party/storage-calls.js",
    "party/transactions.js",
    "web/abort.js",
    "web/bodies.js",
    "web/body.js",
    "web/console.js",
    "web/crypto.js",
    "web/encoding.js",
    "web/events.js",
    "web/headers.js",
    "web/performance.js",
    "web/request.js",
    "web/response.js",
    "web/stream-core.js",
    "web/stream-reader.js",
    "web/streams.js",
    "web/structured-clone.js",
    "web/timers.js",
    "web/url.js",
}

fn platform_source(name: &str) -> Option<&'static str> {
    PLATFORM
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, source)| *source)
}

/// The source of [`BOOTSTRAP`].
pub(crate) fn bootstrap_source() -> &'static str {
    platform_source(BOOTSTRAP).unwrap_or_default()
}

/// Says what an import means, by who imports.
pub(crate) struct PlatformResolver;

impl Resolver for PlatformResolver {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        if name == TYPES_ONLY {
            return Ok(name.to_owned());
        }
        if platform_source(base).is_some() {
            return Ok(join(base, name));
        }
        Err(unknown(ctx, name))
    }
}

/// Finds the source of a resolved name.
pub(crate) struct PlatformLoader;

impl Loader for PlatformLoader {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let source = if name == TYPES_ONLY {
            Some("")
        } else {
            platform_source(name)
        };
        Module::declare(ctx.clone(), name, source.ok_or_else(|| unknown(ctx, name))?)
    }
}

fn unknown(ctx: &Ctx<'_>, name: &str) -> Error {
    let text = if name.starts_with("node:") {
        format!("Cannot find module \"{name}\": rooms do not have this Node module.")
    } else {
        format!(
            "Cannot find module \"{name}\": the code must be one bundled file that imports \
             nothing but \"partykit/server\"."
        )
    };
    Exception::throw_message(ctx, &text)
}

/// `./` and `../` in `name`, seen from `base`.
fn join(base: &str, name: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_imports_are_resolved_from_the_importing_module() {
        assert_eq!(
            join("partykit/web/url.js", "../internal/native.js"),
            "partykit/internal/native.js"
        );
        assert_eq!(
            join("partykit/bootstrap.js", "./web/url.js"),
            "partykit/web/url.js"
        );
    }

    #[test]
    fn every_file_of_the_platform_is_embedded() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../js");
        for folder in ["internal", "party", "web"] {
            for entry in std::fs::read_dir(format!("{root}/{folder}"))
                .unwrap()
                .flatten()
            {
                let file = entry.file_name().into_string().unwrap();
                if file.ends_with(".js") {
                    let name = format!("partykit/{folder}/{file}");
                    assert!(
                        platform_source(&name).is_some(),
                        "{name} is not in the list"
                    );
                }
            }
        }
    }
}
