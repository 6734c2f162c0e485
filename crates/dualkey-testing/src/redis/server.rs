use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use super::engine::Engine;

/// A running server. It listens on a socket in its folder, and on no network unless it says so. Nothing of it is
/// on disk: it is empty after [`restart`](Self::restart).
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    engine: Engine,
    arguments: Vec<String>,
    /// A port of `127.0.0.1`.
    port: Option<u16>,
    process: Mutex<Child>,
    /// A shell that kills the server when its standard input is closed. This happens when the process ends
    /// or the server is dropped.
    watchdog: Child,
}

const WATCH: &str = "cat >/dev/null; kill -9 \"$(cat \"$1/pid\")\"; rm -rf \"$1\"";
const START_TIMEOUT: Duration = Duration::from_secs(60);

impl Server {
    /// Starts a server of Redis.
    ///
    /// # Panics
    ///
    /// If Redis is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_engine(Engine::Redis)
    }

    /// Starts a server of this engine.
    ///
    /// # Panics
    ///
    /// If the engine is not installed, or does not start. The message says how to install it.
    #[must_use]
    pub fn start_engine(engine: Engine) -> Self {
        Self::start_in(new_folder(), engine, None, &["--port", "0"])
    }

    /// Starts a server of Redis that also listens on a free port of `127.0.0.1`.
    ///
    /// # Panics
    ///
    /// If [`start`](Self::start) panics.
    #[must_use]
    pub fn start_on_port() -> Self {
        Self::start_on_port_with(&[])
    }

    /// Starts a server of Redis that also listens on a free port of `127.0.0.1`, with TLS: with this certificate
    /// and private key, both in PEM.
    ///
    /// # Panics
    ///
    /// If [`start`](Self::start) panics.
    #[must_use]
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        let (folder, port) = (new_folder(), free_port());
        for (name, text) in [("certificate", certificate), ("key", key)] {
            fs::write(folder.join(name), text).expect("the file is written");
        }
        let tls = "--port 0 --tls-cert-file certificate --tls-key-file key --tls-auth-clients no \
                   --tls-port";
        let mut arguments: Vec<_> = tls.split_whitespace().collect();
        let number = port.to_string();
        arguments.push(&number);
        Self::start_in(folder, Engine::Redis, Some(port), &arguments)
    }

    pub(crate) fn start_on_port_with(arguments: &[&str]) -> Self {
        let port = free_port();
        let number = port.to_string();
        let arguments = [&["--port", &number], arguments].concat();
        Self::start_in(new_folder(), Engine::Redis, Some(port), &arguments)
    }

    /// Starts a sentinel with these settings.
    pub(crate) fn start_sentinel(settings: &str) -> Self {
        let (folder, port) = (new_folder(), free_port());
        fs::write(folder.join("settings"), settings).expect("the file is written");
        let number = port.to_string();
        let arguments = ["settings", "--sentinel", "--port", &number];
        Self::start_in(folder, Engine::Redis, Some(port), &arguments)
    }

    fn start_in(folder: PathBuf, engine: Engine, port: Option<u16>, arguments: &[&str]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let process = Mutex::new(start(&folder, engine, &arguments));
        let watchdog = watchdog(&folder);
        let server = Self { folder, engine, arguments, port, process, watchdog };
        server.wait_until_it_answers();
        server
    }

    /// The address of its socket.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// The port of `127.0.0.1` on which it listens.
    ///
    /// # Panics
    ///
    /// If it listens on no port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.expect("a server that was started on a port")
    }

    /// Sends a command, and returns the answer as `redis-cli` prints it: the items of an array in lines.
    ///
    /// ```
    /// use dualkey_testing::redis::Server;
    ///
    /// let server = Server::start();
    /// assert_eq!(server.command(&["SET", "key", "value"]), "OK");
    /// assert_eq!(server.command(&["GET", "key"]), "value");
    /// ```
    ///
    /// # Panics
    ///
    /// If the server answers with an error, or not at all.
    pub fn command(&self, command: &[&str]) -> String {
        self.try_command(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    pub(crate) fn try_command(&self, command: &[&str]) -> Result<String, String> {
        let mut client = Command::new("redis-cli");
        client.arg("-e").arg("-s").arg(self.socket()).args(command);
        let output = client.output().expect("redis-cli comes with redis-server");
        let text = |bytes| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Kills the server and starts it again, empty.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&self) {
        self.kill();
        self.start_again();
    }

    /// Kills the server with `kill -9`.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.kill().expect("the server runs");
        process.wait().expect("the server has ended");
        fs::remove_file(self.socket()).expect("the socket of the killed server is left");
    }

    /// Starts the server after it was [killed](Self::kill), empty.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_again(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        *process = start(&self.folder, self.engine, &self.arguments);
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
        let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        wait_until(|| ping(&self.socket()).ok_or_else(|| format!("no answer:\n{}", log())));
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

/// Waits for up to a minute.
pub(crate) fn wait_until<T>(mut condition: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match condition() {
            Ok(value) => return value,
            Err(reason) => assert!(began.elapsed() < START_TIMEOUT, "{reason}"),
        }
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    free.expect("a port is free").port()
}

fn start(folder: &Path, engine: Engine, arguments: &[String]) -> Child {
    let text = |name: &str| folder.join(name).into_os_string();
    let mut command = Command::new(engine.program());
    command.current_dir(folder).args(arguments).args(["--save", "", "--appendonly", "no"]);
    command.arg("--unixsocket").arg(text("socket")).arg("--pidfile").arg(text("pid"));
    command.arg("--logfile").arg(text("log")).arg("--dir").arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let missing = |error| panic!("{engine:?} is missing: {} ({error})", engine.installation());
    command.spawn().unwrap_or_else(missing)
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
