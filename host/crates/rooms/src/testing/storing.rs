//! What a scripted guest does to its storage and its alarm.

use bytes::Bytes;
use partykit_core::{LogLevel, Range, RoomApi};

pub(super) fn write(word: &str, first: &str, second: &str, api: &mut dyn RoomApi) {
    let number = || first.parse::<u64>().unwrap_or(0);
    let done = match word {
        "put" => api.storage_put(first, Bytes::from(second.to_owned())),
        "del" => api.storage_delete(first).map(drop),
        "wipe" => api.storage_delete_all(),
        "alarm" => {
            let at_ms = now_ms(api) + number();
            api.alarm_set(at_ms)
        }
        _ => api.alarm_delete(),
    };
    if let Err(refused) = done {
        api.log(LogLevel::Info, format!("refused: {refused}"));
    }
}

fn now_ms(api: &mut dyn RoomApi) -> u64 {
    api.now_us() / 1000
}

/// What is stored there, all keys, or in how many milliseconds the alarm is due.
pub(super) fn read(word: &str, key: &str, api: &mut dyn RoomApi) -> String {
    match word {
        "list" => list(api),
        "alarm?" => alarm(api),
        _ => match api.storage_get(key).ok().flatten() {
            Some(value) => String::from_utf8_lossy(&value).into_owned(),
            None => "none".to_owned(),
        },
    }
}

fn list(api: &mut dyn RoomApi) -> String {
    let page = api
        .storage_list(&Range::default(), None)
        .unwrap_or_default();
    let keys: Vec<_> = page.entries.into_iter().map(|(key, _)| key).collect();
    keys.join(",")
}

fn alarm(api: &mut dyn RoomApi) -> String {
    let now_ms = now_ms(api);
    match api.alarm_get() {
        Ok(Some(at_ms)) => format!("in {}", at_ms.saturating_sub(now_ms)),
        Ok(None) => "no alarm".to_owned(),
        Err(refused) => refused.to_string(),
    }
}
