//! The script, the arguments of its call, and its answer.

use std::time::Duration;

use dualkey_limit::{LimitPolicy, Timestamp};
use dualkey_store::{
    Lease, LeaseId, LeaseRequest, SharedCall, SharedStanding, SharedTake, SharedTaken,
};
use redis::{Cmd, Script};

pub(crate) const TEXT: &str = include_str!("script.lua");

/// No number of the script reaches this: 2⁵³.
const NEVER: u64 = 1 << 53;
/// The script counts fewer days.
const NO_DAY: u64 = (1 << 24) - 1;
/// The version of the stored state.
const VERSION: u64 = 1;
/// A bucket that is full, and a day that is over, are no state. A second covers a clock that stands still.
const EXPIRY_MARGIN: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// What a call does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action<'a> {
    Take(&'a SharedTake),
    Peek,
    Reset,
    AddUsage { day: i64, permits: u64 },
}

impl Action<'_> {
    const fn number(self) -> u64 {
        match self {
            Self::Take(_) => 0,
            Self::Peek => 1,
            Self::Reset => 2,
            Self::AddUsage { .. } => 3,
        }
    }
}

/// The answer of the script, and the server's time in microseconds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The call came too late, and did nothing.
    Void {
        server_time: u64,
    },
    Decided {
        server_time: u64,
        taken: SharedTaken,
    },
}

/// What a call has beside what it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    /// The server time in microseconds after which it is void.
    pub(crate) void_after: u64,
    /// Its number on its connection, which its answer repeats.
    pub(crate) number: u32,
}

/// The digest by which a server knows the script.
pub(crate) fn digest() -> String {
    Script::new(TEXT).get_hash().to_owned()
}

/// The command that runs the script, named by its digest or by its text.
pub(crate) fn command(
    (command, script): (&str, &str),
    key: &[u8],
    call: SharedCall<'_>,
    action: Action<'_>,
    envelope: Envelope,
) -> Cmd {
    let mut cmd = redis::cmd(command);
    cmd.arg(script).arg(1).arg(key).arg(self::call(call, action, envelope));
    match action {
        Action::Take(take) if take.lease.is_some() || !take.settlements.is_empty() => {
            cmd.arg(settlements(take));
            if let Some(request) = take.lease {
                cmd.arg(lease(request));
            }
        }
        Action::AddUsage { day, permits } => {
            cmd.arg(fields([(day_index(day), 3), (permits.min(SharedStanding::MAX_COUNT), 6)]));
        }
        Action::Take(_) | Action::Peek | Action::Reset => {}
    }
    cmd
}

fn call(call: SharedCall<'_>, action: Action<'_>, envelope: Envelope) -> Vec<u8> {
    let policy = call.policy;
    let quota = policy.daily().map_or(NEVER, |daily| daily.get().into());
    let day_offset = 86_400_u64.saturating_add_signed(policy.utc_offset_secs().into()) * 1_000_000;
    let burst = policy.burst().get().into();
    let mut bytes = fields([
        (action.number(), 1),
        (call.permits_a_day(), 5),
        (burst, 4),
        (quota, 7),
        (day_offset, 5),
        (envelope.void_after.min(NEVER), 7),
        (envelope.number.into(), 4),
    ]);
    let known = call.known.map(|known| state(known, policy)).unwrap_or_default();
    for text in [expiry_millis(policy).to_string().as_bytes(), &known] {
        bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        bytes.extend(text);
    }
    if let Action::Take(take) = action {
        for run in &take.runs {
            bytes.extend(fields([(run.permits.into(), 4), (run.count.into(), 4)]));
        }
    }
    bytes
}

/// The time after which a state equals that of a new partner: the day is over, and the bucket is full, even
/// beside a lease.
fn expiry_millis(policy: &LimitPolicy) -> u64 {
    let full = policy.fill_time().saturating_add(Lease::LIFETIME);
    let expiry = full.max(DAY).saturating_add(EXPIRY_MARGIN);
    u64::try_from(expiry.as_millis()).unwrap_or(u64::MAX)
}

/// The state as the script stores it. A count under another UTC offset is of no day.
fn state(known: &SharedStanding, policy: &LimitPolicy) -> Vec<u8> {
    let is_same = known.utc_offset_secs == policy.utc_offset_secs();
    fields([
        (VERSION, 1),
        (known.at.as_nanos() / 1_000, 7),
        (known.level.into(), 4),
        (known.remainder.min(SharedStanding::PARTS_PER_PERMIT - 1), 5),
        (if is_same { day_index(known.day) } else { NO_DAY }, 3),
        (known.granted.min(SharedStanding::MAX_COUNT), 6),
        (known.returned.min(SharedStanding::MAX_COUNT), 6),
        (known.epoch.min(NEVER), 7),
    ])
}

fn settlements(take: &SharedTake) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 * take.settlements.len());
    for settlement in &take.settlements {
        let (keep, give_back) = (settlement.keep.into(), settlement.give_back.into());
        bytes.extend(fields([(settlement.id.to_bits(), 8), (keep, 4), (give_back, 4)]));
    }
    bytes
}

fn lease(request: LeaseRequest) -> Vec<u8> {
    let lifetime = micros(Lease::LIFETIME);
    fields([(request.id.to_bits(), 8), (request.permits.into(), 4), (lifetime, 4)])
}

/// The answer to the call of this number, or `None` if it is another's, or none of this script.
pub(crate) fn reply(
    answer: &[u8],
    number: u32,
    call: SharedCall<'_>,
    action: Action<'_>,
) -> Option<Reply> {
    let mut answer = Reader(answer);
    if answer.number_of_32_bits()? != number {
        return None;
    }
    if answer.0.len() == 7 {
        return Some(Reply::Void { server_time: answer.number(7)? });
    }
    if answer.number(1)? != VERSION {
        return None;
    }
    let at = answer.number(7)?;
    let mut standing = SharedStanding {
        at: Timestamp::from_nanos(at.checked_mul(1_000)?),
        level: answer.number_of_32_bits()?,
        remainder: answer.number(5)?,
        day: i64::try_from(answer.number(3)?).ok()? - 1,
        utc_offset_secs: call.policy.utc_offset_secs(),
        granted: answer.number(6)?,
        returned: answer.number(6)?,
        epoch: answer.number(7)?,
        outstanding: 0,
    };
    let (mut server_time, mut leased) = (at, (0, 0));
    if !answer.0.is_empty() {
        server_time = answer.number(7)?;
        standing.outstanding = answer.number_of_32_bits()?;
        leased = (answer.number_of_32_bits()?, answer.number(4)?);
    }
    let (mut granted, mut lease) = (Vec::new(), None);
    if let Action::Take(take) = action {
        granted.extend(take.runs.iter().map(|run| run.count));
        lease = take.lease.filter(|_| leased.0 > 0).map(|request| new_lease(request.id, leased));
    }
    while !answer.0.is_empty() {
        let run = granted.get_mut(usize::try_from(answer.number(4)?).ok()?)?;
        *run = answer.number_of_32_bits()?;
    }
    Some(Reply::Decided { server_time, taken: SharedTaken { standing, granted, lease } })
}

fn new_lease(id: LeaseId, (permits, micros): (u32, u64)) -> Lease {
    Lease { id, permits, lifetime: Duration::from_micros(micros) }
}

/// Reads numbers as `struct` packs them, the lowest byte first.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self, size: usize) -> Option<u64> {
        let (first, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(first);
        Some(u64::from_le_bytes(bytes))
    }

    fn number_of_32_bits(&mut self) -> Option<u32> {
        u32::try_from(self.number(4)?).ok()
    }
}

/// Numbers as `struct` packs them: the lowest byte first, of each as many bytes as named.
fn fields<const N: usize>(fields: [(u64, usize); N]) -> Vec<u8> {
    let bytes =
        fields.iter().flat_map(|(number, size)| number.to_le_bytes().into_iter().take(*size));
    bytes.collect()
}
/// Day 0 is the day before 1970-01-01, so that no UTC offset makes a day negative.
fn day_index(day: i64) -> u64 {
    day.checked_add(1).and_then(|day| u64::try_from(day).ok()).unwrap_or(NO_DAY).min(NO_DAY)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
