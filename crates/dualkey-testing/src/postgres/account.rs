use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// The account under which the server runs, since PostgreSQL refuses to run as root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account(Option<(u32, u32)>);

impl Account {
    /// The account of this process. For root, it is an unprivileged account, which becomes the owner of the
    /// folder.
    pub(crate) fn owning(folder: &Path) -> Self {
        let is_root = fs::metadata(folder).expect("the folder exists").uid() == 0;
        let account = Self(is_root.then(unprivileged));
        if let Some((user, group)) = account.0 {
            std::os::unix::fs::chown(folder, Some(user), Some(group))
                .expect("root may change owners");
        }
        account
    }

    /// Writes a file that only this account can read.
    pub(crate) fn write_private(self, file: &Path, text: &str) {
        fs::write(file, text).expect("the file is written");
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("its owner may do so");
        if let Some((user, group)) = self.0 {
            std::os::unix::fs::chown(file, Some(user), Some(group))
                .expect("root may change owners");
        }
    }

    pub(crate) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder);
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}

fn unprivileged() -> (u32, u32) {
    let accounts = fs::read_to_string("/etc/passwd").expect("a list of accounts");
    let find = |name| {
        let fields = accounts.lines().map(|line| Vec::from_iter(line.split(':')));
        let fields = fields.into_iter().find(|fields| fields.first() == Some(&name))?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    find("postgres").or_else(|| find("nobody")).expect("an account other than root")
}
