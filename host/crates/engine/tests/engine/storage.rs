//! Transactions, alarms, deletion of everything and sync through the whole of the contract.

use partykit_core::{Event, GuestError, Outcome, SectionEnding, SectionKind, SyncHandle};

use crate::javascript::{room, room_with};
use crate::recorder::{Call, say_text};

#[test]
fn a_transaction_is_a_block_around_what_is_kept_or_rolled_back() {
    let (mut guest, mut api) = room(
        "await this.room.storage.transaction(async (txn) => {
             await txn.put('k', message);
             if (message === 'no') throw new Error('no');
             if (message === 'back') txn.rollback();
         }).catch(() => {});",
    );
    for (message, ending) in [
        ("yes", SectionEnding::Keep),
        ("no", SectionEnding::Rollback),
        ("back", SectionEnding::Rollback),
    ] {
        say_text(&mut *guest, &mut api, message).unwrap();
        let calls = api.take();
        let [
            Call::Enter(0, SectionKind::Block),
            Call::Enter(block, SectionKind::Transaction),
            Call::Leave(transaction, inner),
            Call::Leave(around, SectionEnding::Keep),
            Call::Settle(..),
        ] = &calls[..]
        else {
            panic!("{message}: {calls:?}")
        };
        assert_eq!((*inner, *around), (ending, *block), "{message}");
        assert_ne!(transaction, block);
    }
}

#[test]
fn an_alarm_is_set_fires_and_settles() {
    let bundle = "export default class {
        constructor(room) { this.room = room }
        async onMessage(message, sender) {
            const { storage } = this.room;
            if (message === 'delete') return storage.deleteAlarm();
            await storage.setAlarm(1_900_000_000_000.5);
            sender.send(`${await storage.getAlarm()}`);
        }
        async onAlarm() {
            if (await this.room.storage.get('fails')) throw new Error('late');
        }
    }";
    let (mut guest, mut api) = room_with(bundle, |_| ());
    say_text(&mut *guest, &mut api, "set").unwrap();
    let calls = api.take();
    assert_eq!(calls[0], Call::AlarmSet(1_900_000_000_000));
    assert!(
        format!("{:?}", calls[1]).contains("1900000000000"),
        "{calls:?}"
    );
    say_text(&mut *guest, &mut api, "delete").unwrap();
    assert_eq!(api.take()[0], Call::AlarmDelete);
    let event = api.event();
    guest.turn(&Event::Alarm { event }, &mut api).unwrap();
    assert_eq!(api.take(), [Call::Settle(event.0, Outcome::Done)]);
    api.stored
        .insert("fails".to_owned(), vec![0xff, 0x0f, b'T'].into());
    let event = api.event();
    guest.turn(&Event::Alarm { event }, &mut api).unwrap();
    let calls = api.take();
    let [Call::Settle(_, Outcome::Failed(failure))] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert_eq!(failure.message, "late");
}

#[test]
fn an_alarm_that_computes_without_end_is_stopped() {
    let bundle = "export default class { onAlarm() { for (;;); } }";
    let (mut guest, mut api) = room_with(bundle, |limits| limits.cpu_ms_max = 50);
    let event = api.event();
    let error = guest.turn(&Event::Alarm { event }, &mut api).unwrap_err();
    assert!(matches!(error, GuestError::CpuLimit { .. }), "{error}");
}

#[test]
fn sync_waits_for_its_completion_and_everything_is_deleted_in_one_call() {
    let (mut guest, mut api) = room(
        "await this.room.storage.deleteAll();
         await this.room.storage.sync();
         sender.send('durable');",
    );
    say_text(&mut *guest, &mut api, "").unwrap();
    assert_eq!(api.take(), [Call::DeleteAll, Call::Sync(0)]);
    let sync = SyncHandle(1);
    guest.turn(&Event::Synced { sync }, &mut api).unwrap();
    assert_eq!(api.sent(), ["durable"]);
    api.is_durable = true;
    say_text(&mut *guest, &mut api, "").unwrap();
    assert_eq!(api.sent(), ["durable"]);
}
