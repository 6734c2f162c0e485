use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Database, Folder};

/// A pgbouncer in front of the shared server, until it is dropped.
pub(crate) struct Pgbouncer {
    child: Child,
    folder: Folder,
    database: String,
}

const SOCKET: &str = ".s.PGSQL.6432";

impl Pgbouncer {
    pub(crate) fn start(database: &Database, pool_mode: &str) -> Self {
        let (_, rest) = database.address.split_once("///").unwrap();
        let (name, parameters) = rest.split_once("?host=").unwrap();
        let server = parameters.split('&').next().unwrap();
        let folder = Folder::new();
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o777)).unwrap();
        let path = folder.0.display();
        let settings = format!(
            "[databases]\n* = host={server} user=dualkey\n[pgbouncer]\nauth_type = any\n\
             listen_addr =\nlisten_port = 6432\nunix_socket_dir = {path}\npool_mode = {pool_mode}\n"
        );
        let file = folder.0.join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new("pgbouncer");
        if fs::metadata("/proc/self").is_ok_and(|this| {
            std::os::unix::fs::MetadataExt::uid(&this) == 0 // it refuses to run as root
        }) {
            command.args(["-u", "postgres"]);
        }
        command.arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("pgbouncer is missing: apt-get install pgbouncer");
        let began = Instant::now();
        while !folder.0.join(SOCKET).exists() {
            assert!(began.elapsed() < Duration::from_secs(30), "pgbouncer does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, folder, database: name.to_owned() }
    }

    pub(crate) fn address(&self) -> String {
        let (name, path) = (&self.database, self.folder.0.display());
        format!("postgres:///{name}?host={path}&port=6432&user=dualkey")
    }
}

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        let _may_have_ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
