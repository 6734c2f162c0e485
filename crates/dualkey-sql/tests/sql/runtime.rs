//! A store belongs to the runtime on which it was opened. Any executor can await its operations.

use std::error::Error as _;
use std::sync::Arc;

use dualkey_store::{PartnerStore as _, RegistryError};
use tokio::runtime::Runtime;

use crate::support::{Database, issue, registry};

#[test]
fn any_executor_can_await_while_the_runtime_runs() {
    for database in [Database::sqlite(), Database::postgres()] {
        let runtime = Runtime::new().unwrap();
        let store = runtime.block_on(database.open());
        let registry = registry(Arc::clone(&store) as _);
        pollster::block_on(issue(&registry, "acme")).unwrap();
        assert!(pollster::block_on(store.partners()).unwrap().is_empty());
        drop(store.partners()); // never polled

        drop(runtime);
        let RegistryError::Store(error) = pollster::block_on(issue(&registry, "acme")).unwrap_err()
        else {
            panic!("expected an error of the store");
        };
        assert!(error.source().unwrap().to_string().contains("runtime"));
    }
}
