//! The import `storage`.

use bytes::Bytes;

use crate::bindings::partykit::room::storage::{Host, Page, Range, Refusal, Scope, SyncId};
use crate::convert::{page, range_from, refusal};
use crate::state::GuestState;

impl Host for GuestState {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Refusal>> {
        self.ask(|api| match api.storage_get(&key) {
            Ok(value) => Ok(value.map(Vec::from)),
            Err(error) => Err(refusal(error)),
        })
    }

    fn put(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), Refusal>> {
        self.ask(|api| api.storage_put(&key, Bytes::from(value)).map_err(refusal))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<Result<bool, Refusal>> {
        self.ask(|api| api.storage_delete(&key).map_err(refusal))
    }

    fn delete_all(&mut self) -> wasmtime::Result<Result<(), Refusal>> {
        self.ask(|api| api.storage_delete_all().map_err(refusal))
    }

    fn sync(&mut self, scope: Scope) -> wasmtime::Result<Result<Option<SyncId>, Refusal>> {
        let scope = partykit_core::Scope(scope);
        self.ask(|api| match api.storage_sync(scope) {
            Ok(sync) => Ok(sync.map(|sync| sync.0)),
            Err(error) => Err(refusal(error)),
        })
    }

    fn list(
        &mut self,
        range: Range,
        after: Option<String>,
    ) -> wasmtime::Result<Result<Page, Refusal>> {
        let range = range_from(range);
        self.ask(|api| match api.storage_list(&range, after.as_deref()) {
            Ok(found) => Ok(page(found)),
            Err(error) => Err(refusal(error)),
        })
    }
}
