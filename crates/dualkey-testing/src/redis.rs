//! A real Redis server that a test starts in a temporary folder. It listens on a socket in that folder and on
//! no network. It ends with the process that started it, even if that process is killed.
//!
//! ```
//! use dualkey_testing::redis::Server;
//!
//! let server = Server::start();
//! assert!(server.url().starts_with("redis+unix:///"));
//! ```

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

/// A running server. Nothing of it is on disk: it is empty after [`restart`](Self::restart).
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    process: Mutex<Child>,
    /// A shell that kills the server when its standard input is closed. This happens when the process ends
    /// or the server is dropped.
    watchdog: Child,
}

const WATCH: &str = "cat >/dev/null; kill -9 \"$(cat \"$1/pid\")\"; rm -rf \"$1\"";
const START_TIMEOUT: Duration = Duration::from_secs(60);

impl Server {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// If Redis is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = new_folder();
        let process = Mutex::new(start(&folder));
        let watchdog = watchdog(&folder);
        let server = Self { folder, process, watchdog };
        server.wait_until_it_answers();
        server
    }

    /// The address of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Kills the server and starts it again, empty.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.kill().expect("the server runs");
        process.wait().expect("the server has ended");
        fs::remove_file(self.socket()).expect("the socket of the killed server is left");
        *process = start(&self.folder);
        self.wait_until_it_answers();
    }

    /// Stops the server where it is, with `SIGSTOP`: it answers nothing, and keeps its connections.
    ///
    /// # Panics
    ///
    /// If the program `kill` is missing.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets a server go on that was [paused](Self::pause).
    ///
    /// # Panics
    ///
    /// If the program `kill` is missing.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let status = Command::new("kill").args([signal, &process.id().to_string()]).status();
        assert!(status.expect("kill is installed").success());
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    fn wait_until_it_answers(&self) {
        let began = Instant::now();
        while ping(&self.socket()).is_none() {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(began.elapsed() < START_TIMEOUT, "Redis does not start:\n{}", log());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ended = self.watchdog.wait();
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ended = process.wait();
    }
}

fn start(folder: &Path) -> Child {
    let text = |name: &str| folder.join(name).into_os_string();
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]);
    command.arg(text("socket")).arg("--pidfile").arg(text("pid"));
    command.arg("--logfile").arg(text("log")).arg("--dir").arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("Redis is missing: apt-get install redis-server")
}

fn ping(socket: &Path) -> Option<()> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.write_all(b"PING\r\n").ok()?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).ok()?;
    (answer == *b"+PONG\r\n").then_some(())
}

fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("dualkey-redis-{}-{count}", process::id()));
    fs::create_dir(&folder).expect("a temporary folder can be created");
    folder
}

/// Starts the shell that kills the server. It has its own process group, so that an interrupt from the
/// keyboard does not reach it.
fn watchdog(folder: &Path) -> Child {
    use std::os::unix::process::CommandExt as _;

    let mut command = Command::new("/bin/sh");
    command.args(["-c", WATCH, "watchdog"]).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().expect("a shell can be started")
}
