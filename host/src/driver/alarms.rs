//! One task that sleeps until the earliest alarm of all rooms and then tells those rooms: whatever
//! it must know after a restart is in the store.
//!
//! Rooms decide whether their alarm is due (`Input::Alarm`), and start their guests; a room that is
//! not there is made. How the store is read is in `schedule.rs`. Bound: `alarms_in_flight_max`
//! alarms at a time; the others stay where they are, in the store.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use partykit_core::{Clock, LogLevel, ReadError, RoomAlarm, RoomKey};
use partykit_rooms::Input;
use tokio::sync::Notify;

use super::directory::Directory;
use super::schedule::{Next, Schedule};
use crate::error::RouteError;

/// Alarms that are read at a time.
const PAGE: usize = 256;

/// Somebody may set the clock while nobody looks at it: it is looked at as often as this.
const LOOK_AT_CLOCK_MS: u64 = 30_000;

/// Pause after the host had no place for a room, or its store could not be read.
const PAUSE_MS: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 30_000;

/// So many rooms without a place are passed over for the sake of those behind them, before all of
/// them wait.
const MISSED_MAX: usize = 1_000;

/// What rooms and the task that hands them their alarms share.
pub(crate) struct Alarms {
    schedule: Mutex<Schedule>,
    changed: Notify,
}

impl Alarms {
    pub(super) fn new(in_flight_max: usize) -> Self {
        Self {
            schedule: Mutex::new(Schedule::new(in_flight_max)),
            changed: Notify::new(),
        }
    }

    /// A room's alarm is durably another one.
    pub(super) fn set(&self, room: &RoomKey, at_ms: Option<u64>) {
        if self.schedule.lock().set(room, at_ms) {
            self.changed.notify_one();
        }
    }

    /// A room is done with its alarm, or is gone.
    pub(super) fn over(&self, room: &RoomKey, now_ms: u64) {
        if self.schedule.lock().over(room, now_ms) {
            self.changed.notify_one();
        }
    }

    /// What has kept rooms from being made is over: what was put off is looked at now.
    pub(super) fn go_on(&self, now_ms: u64) {
        let mut schedule = self.schedule.lock();
        if schedule.is_put_off() {
            schedule.put_off(now_ms);
            self.changed.notify_one();
        }
    }

    /// Nobody is handed anything any more.
    pub(super) fn close(&self) {
        self.changed.notify_one();
    }
}

/// Hands alarms to rooms until the directory is closed or gone.
pub(crate) async fn hand_out(directory: Weak<Directory>) {
    let mut pause_ms = PAUSE_MS;
    loop {
        let Some(alive) = directory.upgrade() else {
            return;
        };
        let wait_ms = match look(&alive).await {
            Ok(wait_ms) => {
                // While it is put off nothing was tried, so that nothing is known to be well again.
                if !alive.alarms().schedule.lock().is_put_off() {
                    pause_ms = PAUSE_MS;
                }
                wait_ms.min(LOOK_AT_CLOCK_MS)
            }
            Err(Trouble::Closed) => return,
            Err(trouble) => {
                if let Trouble::Store(error) = trouble {
                    let text = format!("alarms cannot be looked for: {error}");
                    alive.log().host(LogLevel::Error, &text);
                }
                let until_ms = now_ms(&alive) + pause_ms;
                alive.alarms().schedule.lock().put_off(until_ms);
                pause_ms = (pause_ms * 2).min(PAUSE_MS_MAX);
                continue;
            }
        };
        let alarms = alive.alarms().clone();
        // A host that is dropped must not be kept by whoever only waits.
        drop(alive);
        let wait = Duration::from_millis(wait_ms);
        let _ = tokio::time::timeout(wait, alarms.changed.notified()).await;
    }
}

/// Why alarms have to wait.
enum Trouble {
    Closed,
    /// There is no place for a room, or no code for it yet.
    Full,
    Store(ReadError),
}

/// Hands out what is due, and says how long there is nothing more to do.
async fn look(directory: &Arc<Directory>) -> Result<u64, Trouble> {
    let mut missed = 0;
    loop {
        let now_ms = now_ms(directory);
        let next = directory.alarms().schedule.lock().next(now_ms);
        let after = match next {
            Next::Read(after) => after,
            Next::WaitUntil(until_ms) => return Ok(until_ms.saturating_sub(now_ms)),
            Next::WaitForRooms => return Ok(u64::MAX),
        };
        let due = read(directory, after.clone(), now_ms, PAGE).await?;
        if hand_all(directory, &due, &mut missed)? && due.len() < PAGE {
            let last = due.last().cloned().or(after);
            let first = read(directory, last, u64::MAX, 1).await?;
            let mut schedule = directory.alarms().schedule.lock();
            schedule.pass_ends(first.first());
        }
    }
}

/// Whether there was space for all of them.
fn hand_all(
    directory: &Arc<Directory>,
    due: &[RoomAlarm],
    missed: &mut usize,
) -> Result<bool, Trouble> {
    for alarm in due {
        if !hand(directory, alarm, missed)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether there was space for it among those in flight. A host that is full has no place for its
/// room, but those behind it may be there already.
fn hand(
    directory: &Arc<Directory>,
    alarm: &RoomAlarm,
    missed: &mut usize,
) -> Result<bool, Trouble> {
    if !directory.serves(&alarm.room) {
        directory.alarms().schedule.lock().pass_over(alarm);
        return Ok(true);
    }
    let taken = directory.alarms().schedule.lock().take(alarm);
    match taken {
        None => return Ok(false),
        Some(false) => return Ok(true),
        Some(true) => {}
    }
    match directory.get_or_create(&alarm.room) {
        // On a task of its own: a turn may take long.
        Ok(room) => room.tell_later(Input::Alarm),
        Err(RouteError::HostFull { .. }) if *missed < MISSED_MAX => {
            *missed += 1;
            let again_ms = now_ms(directory) + PAUSE_MS;
            let mut schedule = directory.alarms().schedule.lock();
            schedule.miss(&alarm.room, again_ms);
        }
        Err(error) => {
            directory.alarms().schedule.lock().give_back(&alarm.room);
            return Err(match error {
                RouteError::HostFull { .. } | RouteError::NoCode => Trouble::Full,
                _ => Trouble::Closed,
            });
        }
    }
    Ok(true)
}

async fn read(
    directory: &Arc<Directory>,
    after: Option<RoomAlarm>,
    until_ms: u64,
    limit: usize,
) -> Result<Vec<RoomAlarm>, Trouble> {
    let store = directory.store().clone();
    let read = move || store.alarms(after.as_ref(), until_ms, limit);
    match tokio::task::spawn_blocking(read).await {
        Ok(found) => found.map_err(Trouble::Store),
        // The runtime is being shut down.
        Err(_) => Err(Trouble::Closed),
    }
}

fn now_ms(directory: &Directory) -> u64 {
    directory.clock().now().unix_us / 1000
}
