//! A Redis server on a loopback port, and what it says of its own costs.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::Client;
use redis::aio::MultiplexedConnection;

pub(crate) struct Server {
    process: Child,
    port: u16,
}

/// What a server has counted so far.
#[derive(Clone, Copy)]
pub(crate) struct Costs {
    /// Processor time in microseconds, of the program and of the kernel.
    pub(crate) cpu: f64,
    pub(crate) commands: f64,
    /// Microseconds in which EVALSHA ran, and its calls.
    pub(crate) script: f64,
    pub(crate) scripts: f64,
}

impl Server {
    pub(crate) fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a loopback port is free").port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("Redis is missing: apt-get install redis-server");
        let server = Self { process, port };
        let began = Instant::now();
        while server.ping().is_none() {
            assert!(began.elapsed() < Duration::from_secs(60), "Redis does not start");
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn connect(&self) -> MultiplexedConnection {
        let client = Client::open(self.url()).expect("the address is valid");
        client.get_multiplexed_async_connection().await.expect("the server listens")
    }

    fn ping(&self) -> Option<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(b"PING\r\n").ok()?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

pub(crate) async fn version(connection: &MultiplexedConnection) -> String {
    let info = info(connection, "server").await;
    field(&info, "redis_version:").unwrap_or("of unknown version").to_owned()
}

pub(crate) async fn costs(connection: &MultiplexedConnection) -> Costs {
    let info = info(connection, "everything").await;
    let number = |name| field(&info, name).and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let of_scripts = field(&info, "cmdstat_evalsha:").unwrap_or_default();
    let of_scripts = |name| {
        let value = of_scripts.split(',').find_map(|part| part.strip_prefix(name));
        value.and_then(|text| text.parse().ok()).unwrap_or(0.0)
    };
    Costs {
        cpu: 1e6 * (number("used_cpu_user:") + number("used_cpu_sys:")),
        commands: number("total_commands_processed:"),
        script: of_scripts("usec="),
        scripts: of_scripts("calls="),
    }
}

async fn info(connection: &MultiplexedConnection, section: &str) -> String {
    let info = redis::cmd("INFO").arg(section).query_async(&mut connection.clone()).await;
    info.expect("the server answers")
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
