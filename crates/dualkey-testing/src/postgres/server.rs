use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use crate::postgres::account::Account;

/// A running server. Its superuser is `dualkey`, without a password.
///
/// ```
/// use dualkey_testing::postgres::Server;
///
/// let server = Server::start();
/// let url = server.new_database();
/// server.kill(); // connections to `url` fail
/// server.start_again(); // and work again, with the same data
/// assert!(url.ends_with("&user=dualkey"));
/// ```
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    programs: PathBuf,
    account: Account,
    /// It is part of the name of the socket. Only a server with TLS also listens on the network.
    port: u16,
    databases: AtomicU32,
    /// A shell that stops the server when its standard input is closed. This happens when the process
    /// ends or the server is dropped.
    watchdog: Child,
}

/// `fsync` is off. Without it, data survives a killed process, but not a power failure.
const SETTINGS: &str = "
max_connections = 300
shared_buffers = 32MB
fsync = off
";

const WATCH: &str = "cat >/dev/null; \"$1/pg_ctl\" -D \"$2/data\" -m immediate stop; rm -rf \"$2\"";

const START_TIMEOUT: Duration = Duration::from_secs(60);

impl Server {
    /// The server that all tests of this process share.
    ///
    /// # Panics
    ///
    /// If [`start`](Self::start) panics.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a server.
    ///
    /// # Panics
    ///
    /// If PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_configured(5432, "listen_addresses = ''\n", &[])
    }

    /// Starts a server that also listens on a free port of `127.0.0.1`, and offers TLS there with this
    /// certificate and private key, both in PEM.
    ///
    /// # Panics
    ///
    /// If [`start`](Self::start) panics.
    #[must_use]
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a port is free").port();
        let settings = format!("listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\n");
        let files = [("data/server.crt", certificate), ("data/server.key", key)];
        Self::start_configured(port, &settings, &files)
    }

    fn start_configured(port: u16, settings: &str, files: &[(&str, &str)]) -> Self {
        let server = Self::in_new_folder(port);
        server.run("initdb", "-D data -U dualkey -A trust -E UTF8 --locale=C.UTF-8 -N");
        for (name, text) in files {
            server.account.write_private(&server.folder.join(name), text);
        }
        let settings =
            format!("{SETTINGS}{settings}unix_socket_directories = '{}'\n", server.socket_folder());
        fs::write(server.folder.join("data/postgresql.auto.conf"), settings)
            .expect("the server's settings are written");
        server.start_again();
        server
    }

    fn in_new_folder(port: u16) -> Self {
        let programs = programs();
        let folder = new_folder();
        let account = Account::owning(&folder);
        let watchdog = watchdog(account, &programs, &folder);
        Self { folder, programs, account, port, databases: AtomicU32::new(0), watchdog }
    }

    /// Creates an empty database, and returns its URL.
    ///
    /// # Panics
    ///
    /// If the server is not running.
    #[must_use]
    pub fn new_database(&self) -> String {
        let name = self.create_database();
        format!("postgres:///{name}?host={}&port={}&user=dualkey", self.socket_folder(), self.port)
    }

    /// Creates an empty database of a server [with TLS](Self::start_with_tls), and returns its URL. The host is
    /// a name or an address of `127.0.0.1`.
    ///
    /// # Panics
    ///
    /// If the server is not running.
    #[must_use]
    pub fn new_tls_database(&self, host: &str) -> String {
        format!("postgres://dualkey@{host}:{}/{}", self.port, self.create_database())
    }

    fn create_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed) + 1);
        let (socket, port) = (self.socket_folder(), self.port);
        self.run("createdb", &format!("-h {socket} -p {port} -U dualkey {name}"));
        name
    }

    /// Kills the server and all its processes with `kill -9`. [`start_again`](Self::start_again) starts it
    /// with the same data.
    ///
    /// # Panics
    ///
    /// If the server is not running.
    pub fn kill(&self) {
        let file = self.folder.join("data/postmaster.pid");
        let text = fs::read_to_string(file).expect("the server runs");
        let id = text.lines().next().expect("its process is in the first line");
        let killed = Command::new("kill").args(["-9", id]).args(children(id)).output();
        assert!(killed.is_ok(), "kill is installed");
    }

    /// Starts the server after it was killed.
    ///
    /// # Panics
    ///
    /// If it does not start within a minute.
    pub fn start_again(&self) {
        let began = Instant::now();
        // PostgreSQL refuses to start while processes of the killed server still run.
        while let Err(reason) = self.try_run("pg_ctl", "-D data -l log -w start") {
            assert!(began.elapsed() < START_TIMEOUT, "{reason}\n{}", self.log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Starts a standby server, which replicates every database of this server.
    ///
    /// ```
    /// use dualkey_testing::postgres::Server;
    ///
    /// let primary = Server::start();
    /// let url = primary.new_database();
    /// let standby = primary.start_standby();
    /// standby.stop_replication(); // it misses what is written from now on
    /// primary.kill();
    /// standby.promote();
    /// let url = url.replace(primary.socket_folder(), standby.socket_folder()); // accepts writes
    /// assert!(url.contains("test_1"));
    /// ```
    ///
    /// # Panics
    ///
    /// If this server is not running, or if the standby does not start.
    #[must_use]
    pub fn start_standby(&self) -> Self {
        let standby = Self::in_new_folder(self.port);
        let (from, port) = (self.socket_folder(), self.port);
        standby.run("pg_basebackup", &format!("-h {from} -p {port} -U dualkey -D data -R -c fast"));
        standby.set("unix_socket_directories", standby.socket_folder());
        standby.start_again();
        standby
    }

    /// Disconnects a standby from its primary server.
    ///
    /// # Panics
    ///
    /// If it is not a running standby.
    pub fn stop_replication(&self) {
        self.set("primary_conninfo", "");
        self.run("pg_ctl", "-D data -m fast -l log -w restart");
    }

    /// Makes a standby a primary server, which accepts writes.
    ///
    /// # Panics
    ///
    /// If it is not a running standby.
    pub fn promote(&self) {
        self.run("pg_ctl", "-D data -w promote");
    }

    /// The folder of the server's socket, which is the host in the URLs of its databases.
    ///
    /// # Panics
    ///
    /// If the path of the folder for temporary files is not UTF-8.
    #[must_use]
    pub fn socket_folder(&self) -> &str {
        self.folder.to_str().expect("the folder for temporary files has a plain name")
    }

    /// Sets a parameter, whose latest value counts when the server starts.
    fn set(&self, parameter: &str, value: &str) {
        let file = self.folder.join("data/postgresql.auto.conf");
        let settings = fs::read_to_string(&file).expect("the server has settings");
        fs::write(file, format!("{settings}{parameter} = '{value}'\n"))
            .expect("the server's settings are written");
    }

    /// The server's log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn run(&self, program: &str, arguments: &str) {
        self.try_run(program, arguments).unwrap_or_else(|reason| panic!("{program}: {reason}"));
    }

    fn try_run(&self, program: &str, arguments: &str) -> Result<(), String> {
        let mut command = self.account.command(&self.programs.join(program), &self.folder);
        let output = command.args(arguments.split(' ')).stdin(Stdio::null()).output();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ended = self.watchdog.wait();
    }
}

/// The ids of the child processes of a process. A child that ends during the search is left out.
fn children(id: &str) -> Vec<String> {
    let is_child = |process: &Path| {
        let status = fs::read_to_string(process.join("status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        (parent.trim() == id).then(|| Some(process.file_name()?.to_str()?.to_owned()))?
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| is_child(&process.path())).collect()
}

/// The folder with the programs of the newest installed version of PostgreSQL.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found = Vec::from_iter(versions.map(|version| version.path().join("bin")));
    found.sort_by_key(|path| {
        path.parent()?.file_name()?.to_str()?.parse::<u32>().ok() // by number: 9, 15, 16
    });
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = found.into_iter().rev().chain(env::split_paths(&path));
    let programs = candidates.find(|path| path.join("initdb").is_file());
    programs.expect("PostgreSQL is missing: apt-get install postgresql")
}

fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("dualkey-postgres-{}-{count}", process::id()));
    fs::create_dir(&folder).expect("a temporary folder can be created");
    folder
}

/// Starts the shell that stops the server. It has its own process group, so that an interrupt from the
/// keyboard does not reach it.
fn watchdog(account: Account, programs: &Path, folder: &Path) -> Child {
    use std::os::unix::process::CommandExt as _;

    let mut command = account.command(Path::new("/bin/sh"), Path::new("/"));
    command.args(["-c", WATCH, "watchdog"]).arg(programs).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().expect("a shell can be started")
}
