//! The choice of the database.

use crate::support::sandbox::{Sandbox, output_of};

#[test]
fn the_database_comes_from_option_variable_or_default() {
    let sandbox = Sandbox::new();
    let add = ["partner", "add", "Door locks"];
    let named = [&add[..], &["--database", "sqlite://named.db"]].concat();
    sandbox.json(&named);
    assert_eq!(
        output_of(sandbox.command(&add).env("GUESTWAY_DATABASE", "sqlite://env.db")).status,
        Some(0)
    );
    sandbox.json(&add);
    for file in ["named.db", "env.db", "guestway.db"] {
        let database = format!("sqlite://{file}");
        assert!(sandbox.folder().join(file).is_file(), "{file}");
        assert_eq!(sandbox.list(&["partner", "list", "--database", &database]).len(), 1, "{file}");
    }
    let in_memory = sandbox.run(&[&add[..], &["--database", "memory:", "--json"]].concat());
    assert!(in_memory.status == Some(0) && in_memory.stderr.contains("gone"), "{in_memory:?}");
    assert_eq!(sandbox.list(&["partner", "list"]).len(), 1);
}
