use std::env;

use dualkey::Registry;

use crate::failure::Failure;

/// The registry with the actor for its audit trail. Default: `cli:` and the user's name or number.
pub(crate) fn with_actor(registry: &Registry, actor: Option<&str>) -> Result<Registry, Failure> {
    let registry = match actor {
        Some(actor) => registry.with_actor(actor),
        None => {
            let named = env::var("USER").ok().filter(|name| !name.is_empty());
            let named = named.and_then(|name| registry.with_actor(&format!("cli:{name}")).ok());
            named.map_or_else(|| registry.with_actor(&format!("cli:{}", user_number())), Ok)
        }
    };
    Ok(registry?)
}

#[cfg(target_os = "linux")]
fn user_number() -> String {
    use std::os::unix::fs::MetadataExt as _;

    let process = std::fs::metadata("/proc/self");
    process.map_or_else(|_| "unknown".to_owned(), |process| process.uid().to_string())
}

#[cfg(not(target_os = "linux"))]
fn user_number() -> String {
    "unknown".to_owned()
}
