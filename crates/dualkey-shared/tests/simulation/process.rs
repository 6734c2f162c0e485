//! A process: what `SharedLimiter` does around `NodeState`, on the simulated network.

use dualkey_limit::LimitPolicy;
use dualkey_shared::node::{Batch, NodeState, Ticket};
use dualkey_store::{SharedStanding, SharedTake, SharedTaken};

use crate::clocks::{Nanos, ProcessClock};

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) node: NodeState,
    pub(crate) clock: ProcessClock,
    /// The callers that wait for the next call.
    pub(crate) batch: Batch,
    pub(crate) waiting: Vec<Ticket>,
    pub(crate) under_way: Option<usize>,
    /// The store's time less the process's monotonic time when the store last answered, in microseconds.
    pub(crate) server_offset: i64,
    pub(crate) traffic: Traffic,
    pub(crate) hoard: Option<Hoard>,
    /// The permits that its callers asked for and got.
    pub(crate) asked: u64,
    pub(crate) admitted: u64,
}

/// A lease that is kept until it can hardly be spent any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hoard {
    pub(crate) permits: u32,
    pub(crate) spend_at: Nanos,
    /// Until then, the process asks for nothing else.
    pub(crate) quiet_until: Nanos,
}

/// When a process asks for permits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Traffic {
    /// At random, on average once in this time.
    Steady { interval: Nanos },
    /// As steady, but a lease is kept until its last 60 µs and spent there.
    Hoarder { interval: Nanos },
    /// Ten times within 50 ms, then not for five seconds.
    Sporadic,
}

/// A call on its way.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) process: usize,
    pub(crate) policy: LimitPolicy,
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) message: Message,
    pub(crate) known: Option<SharedStanding>,
    pub(crate) begun_at: dualkey_limit::Timestamp,
    pub(crate) void_after: i64,
    /// When the process does not wait any more.
    pub(crate) deadline: Nanos,
    /// From when on the call must not run.
    pub(crate) latest: Nanos,
    pub(crate) is_repeated: bool,
    pub(crate) answer: Option<Reply>,
    /// The process has its answer, or does not wait any more.
    pub(crate) is_over: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Message {
    Take(SharedTake),
    /// The callers' take follows the answer.
    AddUsage {
        day: i64,
        permits: u64,
        then: Batch,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Taken { server_time: i64, taken: SharedTaken },
    Counted { server_time: i64, standing: SharedStanding },
    Void { server_time: i64 },
}

impl Reply {
    pub(crate) fn server_time(&self) -> i64 {
        match self {
            Self::Taken { server_time, .. }
            | Self::Counted { server_time, .. }
            | Self::Void { server_time } => *server_time,
        }
    }
}

impl Process {
    pub(crate) fn new(seed: u64, clock: ProcessClock, traffic: Traffic) -> Self {
        Self {
            node: NodeState::new(seed),
            clock,
            batch: Batch::default(),
            waiting: Vec::new(),
            under_way: None,
            server_offset: 0,
            traffic,
            hoard: None,
            asked: 0,
            admitted: 0,
        }
    }

    /// The process ends with all that it holds, and begins again.
    pub(crate) fn restart(&mut self, seed: u64) {
        *self = Self::new(seed, self.clock, self.traffic);
    }

    /// The server's time at a moment of the process's monotonic clock.
    pub(crate) fn server_time(&self, now: Nanos) -> i64 {
        self.clock.monotonic(now) + self.server_offset
    }

    pub(crate) fn note_server_time(&mut self, now: Nanos, server_time: i64) {
        self.server_offset = server_time - self.clock.monotonic(now);
    }
}
