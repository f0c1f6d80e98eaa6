//! Where scripted guests come from, and how many there are.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use partykit_core::{ConnectionHandle, Guest, GuestError, GuestFactory, RoomApi};

use super::guest::FakeGuest;

/// Makes [`FakeGuest`]s and counts them.
#[derive(Debug, Default)]
pub struct FakeFactory {
    /// Run on on-start; changed by a test between starts.
    pub on_start: Mutex<String>,
    /// Run on on-close.
    pub on_close: Mutex<String>,
    /// Run on on-alarm; changed by a test between alarms.
    pub on_alarm: Arc<Mutex<String>>,
    /// No guest can be made, and it is the host's fault.
    pub host_is_full: AtomicBool,
    /// How many guests were made.
    pub started: AtomicU64,
    /// How many of them exist.
    pub alive: Arc<AtomicU64>,
    members: Arc<Mutex<BTreeSet<ConnectionHandle>>>,
}

impl FakeFactory {
    /// A factory whose guests run these scripts.
    #[must_use]
    pub fn new(on_start: &str, on_close: &str) -> Self {
        let (on_start, on_close) = (Mutex::new(on_start.into()), Mutex::new(on_close.into()));
        Self {
            on_start,
            on_close,
            ..Self::default()
        }
    }
}

impl FakeFactory {
    /// The connections that the guest has among its own.
    #[must_use]
    pub fn members(&self) -> BTreeSet<ConnectionHandle> {
        let members = self.members.lock();
        members.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What on-alarm runs from now on.
    pub fn set_on_alarm(&self, script: &str) {
        let on_alarm = self.on_alarm.lock();
        script.clone_into(&mut on_alarm.unwrap_or_else(PoisonError::into_inner));
    }
}

pub(super) fn script(of: &Mutex<String>) -> String {
    of.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl GuestFactory for FakeFactory {
    fn start(&self, _: &mut dyn RoomApi) -> Result<Box<dyn Guest>, GuestError> {
        if self.host_is_full.load(Ordering::Relaxed) {
            let message = "no space".to_owned();
            return Err(GuestError::Host { message });
        }
        self.started.fetch_add(1, Ordering::Relaxed);
        self.alive.fetch_add(1, Ordering::Relaxed);
        let scripts = [&self.on_start, &self.on_close].map(script);
        let on_alarm = self.on_alarm.clone();
        Ok(Box::new(FakeGuest::new(
            scripts,
            on_alarm,
            self.alive.clone(),
            self.members.clone(),
        )))
    }
}
