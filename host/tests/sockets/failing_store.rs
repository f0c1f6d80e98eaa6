//! A store that goes on failing: the room is told and backs off instead of being started again by
//! every client, other rooms go on, and when the store is well so is the room.

use partykit_core::CommitError;
use partykit_storage::Fault;

use crate::stage::Stage;

async fn put(stage: &Stage, room: &str) -> String {
    let head = format!("GET /party/{room}?put HTTP/1.1\nHost: h\nConnection: close\n\n");
    stage.connection(&head).await.finish().await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_whose_commits_go_on_failing_backs_off_and_others_go_on() {
    let stage = Stage::with(|config| config.limits.restart_backoff_ms = 60_000).await;
    let full = || Fault::Fails(CommitError::NoSpace);
    stage.store.inject([full(), full()]);
    for round in 0..2 {
        let told = put(&stage, "full").await;
        assert!(told.starts_with("HTTP/1.1 500"), "round {round}: {told}");
        assert!(
            told.contains("the host's storage is full"),
            "round {round}: {told}"
        );
    }
    // Nothing more is to fail, and still the room is not started again at once.
    let paused = put(&stage, "full").await;
    assert!(paused.starts_with("HTTP/1.1 503"), "{paused}");
    assert!(paused.to_lowercase().contains("retry-after:"), "{paused}");
    let groups = stage.store.groups().len();
    assert_eq!(groups, 2, "the paused room has committed nothing");
    let other = put(&stage, "other").await;
    assert!(other.starts_with("HTTP/1.1 200"), "{other}");
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_may_be_durable_resets_the_room_which_then_reads_what_is() {
    for (fault, kept) in [
        (Fault::AmbiguousWritten, true),
        (Fault::AmbiguousLost, false),
    ] {
        let stage = Stage::new().await;
        stage.store.inject([fault]);
        let told = put(&stage, "r").await;
        assert!(
            told.starts_with("HTTP/1.1 500") && !told.contains("stored"),
            "{told}"
        );
        let again = stage.request("get").await.finish().await.0;
        assert_eq!(again.ends_with("by request"), kept, "{again}");
        stage.host.shutdown().await;
    }
}
