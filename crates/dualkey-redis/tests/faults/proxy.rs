//! A proxy between the processes and the server that makes faults.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What the proxy does to one message in seven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    /// Passes it on later, by up to twice the time in which calls are answered.
    Delay,
    /// Closes the connection in the middle of an answer.
    Cut,
    /// Sends what is no answer before an answer.
    Garbage,
    /// Sends an answer again, before the next one.
    DuplicateAnswers,
    /// Sends requests twice.
    DuplicateRequests,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    fault: Mutex<Fault>,
    messages: AtomicU64,
    faults: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

impl Proxy {
    /// A proxy of a server that listens on this port.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (messages, faults) = (AtomicU64::default(), AtomicU64::default());
        let state = Arc::new(State { fault: Mutex::new(Fault::Nothing), messages, faults });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(connect(client, port, Arc::clone(&shared)));
            }
        });
        Self { address, state, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = fault;
    }

    /// The faults that it made until now.
    pub(crate) fn faults(&self) -> u64 {
        self.state.faults.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ends both directions once one of them ends.
async fn connect(client: TcpStream, port: u16, state: Arc<State>) {
    let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    tokio::select! {
        _ = forward(from_client, to_server, Direction::Request, &state) => {}
        _ = forward(from_server, to_client, Direction::Answer, &state) => {}
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    direction: Direction,
    state: &State,
) -> std::io::Result<()> {
    let (mut buffer, mut again) = (vec![0; 65_536], Vec::new());
    loop {
        let size = from.read(&mut buffer).await?;
        let message = &buffer[..size];
        to.write_all(&std::mem::take(&mut again)).await?;
        match state.next_fault(direction) {
            _ if size == 0 => return Ok(()),
            Some(Fault::Cut) => return to.write_all(&message[..size / 2]).await,
            Some(Fault::Delay) => sleep(state.delay()).await,
            Some(Fault::Garbage) => to.write_all(b"\xff\x00garbage\r\n").await?,
            Some(Fault::DuplicateAnswers) => again = message.to_vec(),
            Some(Fault::DuplicateRequests) => to.write_all(message).await?,
            Some(Fault::Nothing) | None => {}
        }
        to.write_all(message).await?;
    }
}

impl State {
    fn next_fault(&self, direction: Direction) -> Option<Fault> {
        use Fault::{Cut, DuplicateAnswers, DuplicateRequests, Garbage, Nothing};
        let fault = *self.fault.lock().unwrap();
        let is_meant = match fault {
            Nothing => false,
            Fault::Delay => true,
            DuplicateRequests => direction == Direction::Request,
            Cut | Garbage | DuplicateAnswers => direction == Direction::Answer,
        };
        let is_due = is_meant && self.messages.fetch_add(1, Ordering::Relaxed).is_multiple_of(7);
        is_due.then(|| {
            self.faults.fetch_add(1, Ordering::Relaxed);
            fault
        })
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(self.messages.load(Ordering::Relaxed) * 61 % 400)
    }
}
