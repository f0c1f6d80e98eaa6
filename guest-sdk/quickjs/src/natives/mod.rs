//! What our JavaScript may call. One file for each interface of the contract, and three for work
//! that JavaScript would do slowly: `encoding`, `url`, `value`.
//!
//! [`install`] puts all of it on one global, which internal/native.js takes and deletes before any
//! code of the user runs.

mod alarms;
mod bodies;
mod clock;
mod connections;
mod direct;
mod encoding;
mod events;
mod log;
pub(crate) mod random;
mod sections;
mod storage;
mod timers;
mod url;
pub(crate) mod value;

use rquickjs::function::IntoJsFunc;
use rquickjs::{Ctx, Function, Object, Result};

/// Where internal/native.js finds the natives.
const GLOBAL: &str = "__partykitNative";

type Interface = (&'static str, for<'js> fn(&Interfaces<'js>) -> Result<()>);

const INTERFACES: [Interface; 13] = [
    ("alarms", alarms::install),
    ("bodies", bodies::install),
    ("clock", clock::install),
    ("connections", connections::install),
    ("encoding", encoding::install),
    ("events", events::install),
    ("log", log::install),
    ("random", random::install),
    ("sections", sections::install),
    ("storage", storage::install),
    ("timers", timers::install),
    ("url", url::install),
    ("value", value::install),
];

/// One interface that is being filled with functions.
pub(crate) struct Interfaces<'js> {
    ctx: Ctx<'js>,
    object: Object<'js>,
}

impl<'js> Interfaces<'js> {
    /// Adds a function.
    fn add<P>(&self, name: &str, function: impl IntoJsFunc<'js, P> + 'js) -> Result<&Self> {
        let function = Function::new(self.ctx.clone(), function)?.with_name(name)?;
        self.object.set(name, function)?;
        Ok(self)
    }
}

/// Makes every native and hands them to internal/native.js.
pub(crate) fn install(ctx: &Ctx<'_>) -> Result<()> {
    let natives = Object::new(ctx.clone())?;
    for (name, install) in INTERFACES {
        let object = Object::new(ctx.clone())?;
        install(&Interfaces {
            ctx: ctx.clone(),
            object: object.clone(),
        })?;
        natives.set(name, object)?;
    }
    ctx.globals().set(GLOBAL, natives)
}
