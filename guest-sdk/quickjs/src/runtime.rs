//! The QuickJS engine of this guest: made once by [`prepare`], given its code once by [`load`],
//! entered once for each event by [`enter`]. Owns the job queue's draining and the report of
//! unhandled rejections; what an event means is decided in JavaScript
//! (guest-sdk/js/party/dispatch.js).

use std::cell::{Cell, OnceCell, RefCell};

use rquickjs::function::IntoArgs;
use rquickjs::promise::PromiseState;
use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Error, FromJs, Function, Module, Object, Persistent,
    Promise, Result, Runtime, Value,
};

use crate::bridge::{self, Thrown};
use crate::seal::seal;
use crate::{host, modules, natives};

/// Bytes of stack that code may use before it meets a RangeError. The shadow stack is 4 MiB
/// (artifact/build/nested.rs), and wasm's own stack must be large enough for what takes that much
/// of it (`max_wasm_stack` of the host; c/frame.h says how the two are kept at one ratio). What
/// lies between this and 4 MiB serves the frames below the first JavaScript one and what a deepest
/// frame may still call.
const STACK_BYTES: usize = 2304 * 1024;

/// Functions of guest-sdk/js/bootstrap.js that events are delivered to, by their index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Hook {
    Register,
    Start,
    Connect,
    Message,
    Close,
    Error,
    Request,
    Timer,
    Body,
    Abort,
    Alarm,
    Synced,
    Stranded,
    Warnings,
    Rejected,
}

const HOOKS: [(Hook, &str); 15] = [
    (Hook::Register, "register"),
    (Hook::Start, "onStart"),
    (Hook::Connect, "onConnect"),
    (Hook::Message, "onMessage"),
    (Hook::Close, "onClose"),
    (Hook::Error, "onError"),
    (Hook::Request, "onRequest"),
    (Hook::Timer, "onTimer"),
    (Hook::Body, "onBody"),
    (Hook::Abort, "onAbort"),
    (Hook::Alarm, "onAlarm"),
    (Hook::Synced, "onSynced"),
    (Hook::Stranded, "stranded"),
    (Hook::Warnings, "warnings"),
    (Hook::Rejected, "reportRejection"),
];

/// Never freed: a guest's memory goes as a whole.
struct Engine {
    hooks: Vec<Persistent<Function<'static>>>,
    /// Borrowed for ever and not counted: a count would be written with every event, into a page
    /// of the image that a room need not have for itself.
    context: &'static Context,
}

thread_local! {
    /// Where the stack began when the host called.
    static STACK_TOP: Cell<usize> = const { Cell::new(usize::MAX) };
    static ENGINE: OnceCell<Engine> = const { OnceCell::new() };
    static LOADED: Cell<bool> = const { Cell::new(false) };
    /// Promises rejected in this turn that nobody has listened to yet, with their reasons.
    static REJECTED: RefCell<Vec<Rejection>> = const { RefCell::new(Vec::new()) };
}

struct Rejection {
    promise: Persistent<Value<'static>>,
    reason: Persistent<Value<'static>>,
}

impl Rejection {
    fn is_of<'js>(&self, ctx: &Ctx<'js>, promise: &Value<'js>) -> bool {
        let saved = self.promise.clone().restore(ctx);
        saved.is_ok_and(|saved| bridge::same_object(&saved, promise))
    }
}

/// Makes the engine and installs the platform. What the memory holds then serves every bundle.
pub(crate) fn prepare() -> std::result::Result<(), Thrown> {
    let engine = start_engine().map_err(|error| Thrown::text(format!("no engine: {error}")))?;
    match ENGINE.with(|cell| cell.set(engine)) {
        Ok(()) => Ok(()),
        Err(_) => Err(Thrown::text(
            "this guest has been prepared before".to_owned(),
        )),
    }
}

/// Evaluates the bundle and makes the memory ready to be the image of its rooms.
pub(crate) fn load(bundle: String, env: &str) -> std::result::Result<(), Thrown> {
    if LOADED.replace(true) {
        return Err(Thrown::text(
            "this guest has loaded its code before".to_owned(),
        ));
    }
    let context = ENGINE.with(|cell| cell.get().map(|engine| engine.context));
    let context = context.ok_or_else(|| Thrown::text("this guest is not prepared".to_owned()))?;
    STACK_TOP.set(stack_here());
    bridge::inside(context, |ctx| {
        // Looked at before anything else runs, which would take its place.
        let loaded = load_bundle(ctx, bundle, env)
            .catch(ctx)
            .map_err(|error| Thrown::from_caught(&error));
        drain(ctx);
        seal(ctx);
        loaded
    })
}

fn start_engine() -> Result<Engine> {
    let runtime = Runtime::new()?;
    runtime.set_max_stack_size(STACK_BYTES);
    runtime.set_loader(modules::PlatformResolver, modules::PlatformLoader);
    runtime.set_host_promise_rejection_tracker(Some(Box::new(track_rejection)));
    let context = Context::full(&runtime)?;
    let hooks = context.with(|ctx| {
        let platform = load_platform(&ctx);
        platform.catch(&ctx).map_err(|error| {
            let thrown = Thrown::from_caught(&error);
            Error::new_loading_message("platform", thrown.detail)
        })
    })?;
    Ok(Engine {
        hooks,
        context: Box::leak(Box::new(context)),
    })
}

fn load_platform(ctx: &Ctx<'_>) -> Result<Vec<Persistent<Function<'static>>>> {
    natives::install(ctx)?;
    let (module, promise) =
        Module::declare(ctx.clone(), modules::BOOTSTRAP, modules::bootstrap_source())?.eval()?;
    while ctx.execute_pending_job() {}
    promise.result::<()>().unwrap_or(Err(Error::Unknown))?;
    let namespace: Object<'_> = module.namespace()?;
    HOOKS
        .iter()
        .map(|(_, name)| {
            Ok(Persistent::save(
                ctx,
                namespace.get::<_, Function<'_>>(*name)?,
            ))
        })
        .collect()
}

fn load_bundle<'js>(ctx: &Ctx<'js>, bundle: String, env: &str) -> Result<()> {
    let env = ctx.json_parse(env)?;
    let declared = Module::declare(ctx.clone(), modules::BUNDLE, bundle)?;
    let (module, promise) = declared.eval()?;
    while ctx.execute_pending_job() {}
    // What it was rejected with is told to whoever loads it.
    listened_to(ctx, promise.as_value());
    settled(ctx, &promise)?;
    let default: Value<'js> = module.namespace()?.get("default")?;
    call(ctx, Hook::Register, (default, env))
}

/// The bundle's evaluation must be over when the queue is dry: nothing else could end it.
fn settled<'js>(ctx: &Ctx<'js>, promise: &Promise<'js>) -> Result<()> {
    match promise.state() {
        PromiseState::Pending => Err(rquickjs::Exception::throw_message(
            ctx,
            "The code awaits something at its top level that can never happen: timers, storage \
             and other I/O exist only within a handler.",
        )),
        _ => promise
            .result::<Value<'js>>()
            .unwrap_or(Err(Error::Unknown))
            .map(drop),
    }
}

/// Whether recursion in Rust has used up what JavaScript may use, too.
pub(crate) fn stack_is_used_up() -> bool {
    STACK_TOP.get().saturating_sub(stack_here()) > STACK_BYTES
}

#[inline(never)]
fn stack_here() -> usize {
    let place = 0u8;
    std::ptr::from_ref(std::hint::black_box(&place)).addr()
}

/// Calls the function that an event is delivered to.
pub(crate) fn call<'js, A, R>(ctx: &Ctx<'js>, hook: Hook, arguments: A) -> Result<R>
where
    A: IntoArgs<'js>,
    R: FromJs<'js>,
{
    let saved = ENGINE.with(|cell| cell.get().and_then(|e| e.hooks.get(hook as usize).cloned()));
    saved.ok_or(Error::Unknown)?.restore(ctx)?.call(arguments)
}

/// Runs `work` in the engine and then the job queue dry. None when nothing was loaded, or when
/// `work` failed, which is then in the log.
pub(crate) fn enter<R>(work: impl FnOnce(&Ctx<'_>) -> Result<R>) -> Option<R> {
    let context = ENGINE.with(|cell| cell.get().map(|engine| engine.context));
    STACK_TOP.set(stack_here());
    let Some(context) = context else {
        host::log::write(
            host::log::Level::Error,
            "an event came before the code was loaded",
        );
        return None;
    };
    bridge::inside(context, |ctx| {
        let result = work(ctx);
        let result = result.catch(ctx).map_err(|error| report(ctx, &error)).ok();
        drain(ctx);
        result
    })
}

/// Runs jobs until there are none, then reports what was rejected and not caught; reporting may
/// run code of the user again (a getter), so that it may make jobs again.
fn drain(ctx: &Ctx<'_>) {
    loop {
        while ctx.execute_pending_job() {}
        let rejected = REJECTED.with(RefCell::take);
        if rejected.is_empty() {
            return;
        }
        for rejection in rejected {
            let told = rejection
                .reason
                .restore(ctx)
                .and_then(|reason| call::<_, ()>(ctx, Hook::Rejected, (reason,)));
            if let Err(error) = told.catch(ctx) {
                report(ctx, &error);
            }
        }
    }
}

/// An exception that nothing of ours caught.
fn report<'js>(ctx: &Ctx<'js>, error: &CaughtError<'js>) {
    let text = format!("Uncaught {}", Thrown::from_caught(error).detail);
    host::log::write(host::log::Level::Error, &text);
    // Writing the text may have left an exception behind.
    drop(ctx.catch());
}

/// Takes a promise out of those that nobody has listened to.
fn listened_to<'js>(ctx: &Ctx<'js>, promise: &Value<'js>) {
    REJECTED.with_borrow_mut(|list| list.retain(|rejection| !rejection.is_of(ctx, promise)));
}

fn track_rejection<'js>(ctx: Ctx<'js>, promise: Value<'js>, reason: Value<'js>, handled: bool) {
    REJECTED.with(|list| {
        let Ok(mut list) = list.try_borrow_mut() else {
            return;
        };
        if handled {
            list.retain(|rejection| !rejection.is_of(&ctx, &promise));
        } else {
            list.push(Rejection {
                promise: Persistent::save(&ctx, promise),
                reason: Persistent::save(&ctx, reason),
            });
        }
    });
}
