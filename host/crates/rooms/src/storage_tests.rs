//! What a room's storage promises within and between turns: deletion of everything, transactions,
//! waiting for the disk, and reading without asking it.

use partykit_core::{CommitError, Limits, WriteOp};

use crate::testing::{FakeFactory, TestRoom};

fn room() -> TestRoom {
    room_with(|_| {})
}

fn room_with(limits: impl FnOnce(&mut Limits)) -> TestRoom {
    let mut all = Limits::default();
    limits(&mut all);
    TestRoom::new(all, FakeFactory::default())
}

/// A room that has stored this much, and nothing of it is in memory.
fn holding(pairs: &[(&str, &str)]) -> TestRoom {
    let mut room = room();
    for (key, value) in pairs {
        room.request(&format!("put {key} {value}"));
    }
    room.commit_all();
    room.crash();
    room
}

/// What a request that runs this is answered, once everything is durable.
fn ask(room: &mut TestRoom, script: &str) -> String {
    let exchange = room.request(script);
    room.commit_all();
    let prefix = format!("respond {} 200 ", exchange.0);
    let told = room.take();
    let answer = told.iter().find_map(|line| line.strip_prefix(&prefix));
    answer.map_or_else(|| format!("{told:?}"), str::to_owned)
}

fn dump(room: &TestRoom) -> String {
    let values = room.store.dump(room.key()).into_iter();
    let pairs: Vec<_> = values
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(" ")
}

#[test]
fn deleting_everything_is_seen_at_once_and_leaves_the_alarm() {
    let mut room = holding(&[("a", "1"), ("b", "2")]);
    assert_eq!(ask(&mut room, "alarm 70;list"), "a,b");
    assert_eq!(
        ask(&mut room, "put c 3;wipe;list;get a;get c;alarm?"),
        "nonenonein 70"
    );
    assert_eq!(dump(&room), "");
    assert_eq!(
        ask(&mut room, "put d 4;wipe;put e 5;del e;put f 6;list"),
        "f"
    );
    assert_eq!(dump(&room), "f=6");
    assert!(room.stored_alarm().is_some());
}

#[test]
fn deleting_everything_hides_what_is_still_on_its_way_to_the_disk() {
    let mut room = holding(&[("a", "1")]);
    room.request("put b 2");
    room.request("wipe");
    room.request("put c 3");
    let last = room.request("list;get a;get b");
    assert_eq!(room.commits.len(), 3);
    assert_eq!(room.commits[1].1.writes, [WriteOp::DeleteAll]);
    while !room.commits.is_empty() {
        room.request("list");
        room.commit();
    }
    let lines = room.take();
    assert!(lines.contains(&format!("respond {} 200 cnonenone", last.0)));
    let others = lines.iter().filter(|line| line.ends_with(" 200 c")).count();
    assert_eq!(others, 3, "{lines:?}");
    assert_eq!(dump(&room), "c=3");
}

#[test]
fn a_transaction_is_one_batch_when_it_is_kept_and_none_when_it_is_not() {
    let mut room = holding(&[("a", "1"), ("b", "2")]);
    let seen = ask(
        &mut room,
        "begin;put a 9;del b;put c 3;get a;get b;list;undo;get a;list",
    );
    assert_eq!(seen, "9nonea,c1a,b");
    assert_eq!(dump(&room), "a=1 b=2");
    room.request("put x 0;begin;put a 9;del b;leave;put y 0");
    assert_eq!(room.commits.len(), 1, "with what the turn wrote around it");
    room.commit_all();
    assert_eq!(dump(&room), "a=9 x=0 y=0");
}

#[test]
fn a_transaction_may_take_many_turns_and_nothing_else_enters_or_becomes_durable() {
    let mut room = holding(&[("a", "1")]);
    let client = room.connect("c", "");
    room.request("begin;put a 2;timer 5 put b 3&timer 5 leave");
    room.message(client, "get a;get b");
    room.take();
    room.advance_ms(5);
    assert!(room.commits.is_empty());
    assert!(room.take().is_empty(), "the message waits");
    room.advance_ms(5);
    assert_eq!(room.commits.len(), 1);
    assert!(room.take().is_empty(), "and then for what it has read");
    room.commit_all();
    let told = [format!("send {client} 2"), format!("send {client} 3")];
    assert_eq!(room.take(), told);
}

#[test]
fn transactions_nest_and_the_outer_one_decides() {
    let mut room = holding(&[("a", "1")]);
    let script = "begin;put a 2;begin;put a 3;wipe;put b 4;list;undo;list;get a;leave";
    assert_eq!(ask(&mut room, script), "ba2");
    assert_eq!(dump(&room), "a=2");
    let script = "begin;put a 5;begin;wipe;put c 6;leave;list;undo;list;get a";
    assert_eq!(ask(&mut room, script), "ca2");
    assert_eq!(dump(&room), "a=2");
    let script = "begin;begin;wipe;put d 7;leave;enter;put e 8;leave;leave;list";
    assert_eq!(ask(&mut room, script), "d,e");
    assert_eq!(dump(&room), "d=7 e=8");
}

#[test]
fn a_transaction_leaves_nothing_whatever_ends_it() {
    let ends = [
        "timer 5 trap",
        "enter;break",
        "timer 99999 leave",
        "trap",
        "timer 5 enter&break",
    ];
    for end in ends {
        let mut room = holding(&[("a", "1")]);
        room.request(&format!(
            "put before yes;hold;begin;put a 2;wipe;put c 3;{end}"
        ));
        room.advance_ms(5);
        room.advance_ms(Limits::default().section_ms);
        room.commit_all();
        let before = if end == "trap" { "" } else { " before=yes" };
        assert_eq!(dump(&room), format!("a=1{before}"), "{end}");
        let lines = room.take().join(" ");
        let is_told = !end.contains("99999") || lines.contains("transaction did not end in time");
        assert!(is_told, "{lines}");
        assert_eq!(ask(&mut room, "get a;get c"), "1none", "{end}");
    }
    // A crash of the host.
    let mut room = holding(&[("a", "1")]);
    room.request("begin;put a 2;timer 5 leave");
    room.commit_all();
    room.crash();
    assert_eq!(ask(&mut room, "get a"), "1");
}

#[test]
fn a_store_that_fails_takes_an_open_transaction_with_it() {
    let mut room = holding(&[("a", "1")]);
    room.request("put b 2");
    room.request("begin;put a 2;get b;timer 5 leave");
    room.fail_commit(CommitError::NoSpace);
    room.advance_ms(5);
    assert!(room.commits.is_empty());
    assert_eq!(ask(&mut room, "get a;get b"), "1none");
}

#[test]
fn what_a_section_that_was_kept_did_stays_when_a_later_one_breaks() {
    let mut room = holding(&[]);
    room.request("begin;put kept yes;leave;enter;put lost yes;break");
    room.commit_all();
    assert_eq!(dump(&room), "kept=yes");
}

#[test]
fn a_turn_that_writes_too_much_is_told_at_the_call_and_keeps_the_rest() {
    let mut room = room_with(|limits| limits.batch_bytes_max = 500);
    let value = "x".repeat(150);
    // Each write counts for what it takes: 64 bytes more than its key and value.
    let puts = format!("put a {value};put b {value};put c {value}");
    room.request(&format!("{puts};begin;put d {value};leave;put e y"));
    room.commit_all();
    let lines = room.take().join("\n");
    let refused = "refused: batch_bytes_max reached: 581";
    assert_eq!(lines.matches(refused).count(), 2, "{lines}");
    let values = room.store.dump(room.key());
    let keys: Vec<_> = values.keys().map(String::as_str).collect();
    assert_eq!(keys, ["a", "b", "e"]);
}

#[test]
fn open_transactions_hold_a_bounded_number_of_bytes() {
    let mut room = room_with(|limits| limits.transaction_bytes_max = 300);
    let value = "x".repeat(150);
    let script =
        format!("put w {value};put v {value};begin;put a {value};begin;put b {value};leave");
    room.request(&format!("{script};del a;put c y;leave"));
    room.commit_all();
    let lines = room.take().join("\n");
    assert!(
        lines.contains("refused: transaction_bytes_max reached: 366"),
        "{lines}"
    );
    let values = room.store.dump(room.key());
    let keys: Vec<_> = values.keys().map(String::as_str).collect();
    assert_eq!(keys, ["c", "v", "w"]);
}

#[test]
fn only_a_transaction_can_be_rolled_back() {
    let mut room = room();
    room.request("enter;put a 1;undo;timer 5 leave");
    room.advance_ms(5);
    assert!(
        room.commits.len() == 1,
        "the section is still open and its writes are none of its own"
    );
}

#[test]
fn a_sync_is_over_when_everything_so_far_is_durable_and_at_once_when_it_is_already() {
    let mut room = room();
    assert_eq!(ask(&mut room, "sync get a"), "synced");
    room.request("put a 1");
    room.request("sync put first yes");
    room.request("put b 2;sync put second yes;put c 3");
    room.request("put d 4");
    room.commit();
    assert_eq!(
        written(&room),
        "bc d first",
        "it is over with what is before it"
    );
    room.commit();
    assert_eq!(written(&room), "d first second");
    assert_eq!(
        room.store.dump(room.key()).len(),
        3,
        "c is in the batch that it waited for"
    );
}

/// The keys of each batch that is under way.
fn written(room: &TestRoom) -> String {
    let keys = |writes: &Vec<WriteOp>| -> String {
        let keys = writes.iter().map(|write| match write {
            WriteOp::Put { key, .. } => key.as_str(),
            _ => "?",
        });
        keys.collect()
    };
    let batches = room.commits.iter();
    let batches: Vec<_> = batches.map(|(_, batch)| keys(&batch.writes)).collect();
    batches.join(" ")
}

#[test]
fn a_handler_that_waits_for_a_sync_is_not_stranded_and_keeps_the_room() {
    let mut room = room();
    let request = room.request("put a 1;sync release;never");
    room.advance_ms(Limits::default().room_idle_ms + 1);
    assert!(room.take().is_empty(), "neither written off nor evicted");
    room.commit();
    let lines = room.take().join(" ");
    assert!(
        lines.contains(&format!("respond {} 500", request.0)),
        "{lines}"
    );
}

#[test]
fn a_sync_belongs_to_the_section_it_was_called_in() {
    let mut room = room();
    let client = room.connect("c", "");
    room.take();
    room.request("put a 1;enter;sync put b 2&leave");
    room.message(client, "get b");
    room.commit();
    assert!(room.take().len() == 1, "only the answer to the request");
    room.commit();
    assert_eq!(room.take(), [format!("send {client} 2")]);
}

#[test]
fn nobody_waits_for_the_syncs_of_a_guest_that_is_gone() {
    let mut room = room();
    room.request("put a 1;sync put b 2");
    room.request("trap");
    room.request("get a");
    room.take();
    room.commit_all();
    assert!(!room.take().join(" ").contains("unasked-for"));
    assert_eq!(dump(&room), "a=1");
    room.advance_ms(Limits::default().room_idle_ms);
    assert_eq!(room.take().last().map(String::as_str), Some("evict"));
}

#[test]
fn calls_that_wait_for_the_disk_are_bounded() {
    let mut room = room_with(|limits| limits.syncs_max = 2);
    room.request("put a 1;sync put b 2;sync put c 3;sync put d 4");
    let refused = "log refused: syncs_max reached: 3 is more than the 2 allowed";
    assert!(room.take().contains(&refused.to_owned()));
}

#[test]
fn what_was_read_or_written_once_is_read_again_without_asking_the_store() {
    let mut room = holding(&[("a", "1"), ("b", "2")]);
    assert_eq!(room.store.reads(), 0, "writing asks nothing");
    assert_eq!(ask(&mut room, "get a;get none;alarm?"), "1noneno alarm");
    let asked = room.store.reads();
    assert_eq!(asked, 3);
    assert_eq!(
        ask(&mut room, "put c 3;get c;get a;get none;alarm?"),
        "31noneno alarm"
    );
    assert_eq!(ask(&mut room, "get c;del none;get none;alarm 50"), "3none");
    assert_eq!(ask(&mut room, "del c;get c;alarm?"), "nonein 50");
    assert_eq!(ask(&mut room, "get c;wipe"), "none");
    assert_eq!(room.store.reads(), asked);
    assert_eq!(ask(&mut room, "get a"), "none");
    assert_eq!(
        room.store.reads(),
        asked + 1,
        "it was forgotten with everything"
    );
}

#[test]
fn what_was_remembered_goes_with_a_store_that_failed() {
    let mut room = holding(&[("a", "1")]);
    assert_eq!(ask(&mut room, "get a"), "1");
    room.request("put a 2");
    // It is durable all the same.
    let (_, batch) = room.commits[0].clone();
    partykit_core::Store::commit(&room.store, vec![batch]);
    room.fail_commit(CommitError::Ambiguous("planted".to_owned()));
    room.take();
    assert_eq!(ask(&mut room, "get a"), "2");
}

#[test]
fn what_is_remembered_is_bounded_and_reading_past_it_still_works() {
    let mut room = room_with(|limits| limits.storage_cache_bytes_max = 2 * 140);
    for key in ["a", "b", "c"] {
        room.request(&format!("put {key} value"));
    }
    room.commit_all();
    assert_eq!(room.cache_budget.used(), 2 * 134);
    assert_eq!(ask(&mut room, "get c;get b"), "valuevalue");
    assert_eq!(room.store.reads(), 0);
    assert_eq!(ask(&mut room, "get a;get b;get c"), "valuevaluevalue");
    assert_eq!(
        room.store.reads(),
        2,
        "a drove out c, which was used longest ago"
    );
    drop(room.room);
    assert_eq!(room.cache_budget.used(), 0);
}

#[test]
fn a_room_with_much_storage_wakes_without_reading_it() {
    let pairs: Vec<_> = (0..500).map(|n| (format!("key{n:03}"), "v")).collect();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(key, value)| (key.as_str(), *value))
        .collect();
    let mut room = holding(&pairs);
    room.connect("c", "get key007");
    assert_eq!(room.store.reads(), 1);
    assert_eq!(room.cache_budget.used(), 128 + 6 + 1);
}
