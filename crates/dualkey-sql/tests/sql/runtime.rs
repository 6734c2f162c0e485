//! A store lives on the runtime on which it was opened, and is asked from anywhere.

use std::error::Error as _;
use std::sync::Arc;

use dualkey_store::{PartnerStore as _, RegistryError};
use tokio::runtime::Runtime;

use crate::support::{Database, issue, registry};

#[test]
fn verbs_are_awaited_on_any_executor_while_the_runtime_runs() {
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
            panic!("the store cannot answer");
        };
        assert!(error.source().unwrap().to_string().contains("runtime"));
    }
}
