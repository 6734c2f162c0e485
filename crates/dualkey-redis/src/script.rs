//! The script, the arguments of its call, and its answer.

use std::time::Duration;

use dualkey_limit::{LimitPolicy, Timestamp};
use dualkey_store::{Lease, LeaseId, SharedCall, SharedStanding, SharedTake, SharedTaken};
use redis::{Cmd, Script};

pub(crate) const TEXT: &str = include_str!("script.lua");

/// No number of the script reaches this: 2⁵³.
const NEVER: u64 = 1 << 53;
/// A bucket that is full, and a day that is over, are no state. A second covers a clock that stands still.
const EXPIRY_MARGIN: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// What a call does. The names are those of the script.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action<'a> {
    Take(&'a SharedTake),
    Peek,
    Reset,
    AddUsage { day: i64, permits: u64 },
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
    void_after: u64,
) -> Cmd {
    let mut cmd = redis::cmd(command);
    cmd.arg(script).arg(1).arg(key);
    cmd.arg(policy(call, void_after)).arg(expiry_millis(call.policy));
    cmd.arg(call.known.map(|known| self::known(known, call.policy)).unwrap_or_default());
    match action {
        Action::Take(take) => {
            cmd.arg("take").arg(settlements(take)).arg(runs(take)).arg(lease(take));
        }
        Action::Peek => {
            cmd.arg("peek");
        }
        Action::Reset => {
            cmd.arg("reset");
        }
        Action::AddUsage { day, permits } => {
            let permits = permits.min(SharedStanding::MAX_COUNT);
            cmd.arg("add").arg(numbers([day_index(day), permits]));
        }
    }
    cmd
}

fn policy(call: SharedCall<'_>, void_after: u64) -> Vec<u8> {
    let policy = call.policy;
    let quota = policy.daily().map_or(NEVER, |daily| daily.get().into());
    let day_offset = 86_400_u64.saturating_add_signed(policy.utc_offset_secs().into()) * 1_000_000;
    let burst = policy.burst().get().into();
    let lifetime = micros(Lease::LIFETIME);
    numbers([call.permits_a_day(), burst, quota, day_offset, lifetime, void_after.min(NEVER)])
}

/// The time after which a state equals that of a new partner: the day is over, and the bucket is full, even
/// beside a lease.
fn expiry_millis(policy: &LimitPolicy) -> u64 {
    let full = policy.fill_time().saturating_add(Lease::LIFETIME);
    let expiry = full.max(DAY).saturating_add(EXPIRY_MARGIN);
    u64::try_from(expiry.as_millis()).unwrap_or(u64::MAX)
}

/// A count under another UTC offset is of no day.
fn known(known: &SharedStanding, policy: &LimitPolicy) -> Vec<u8> {
    let is_same = known.utc_offset_secs == policy.utc_offset_secs();
    numbers([
        known.at.as_nanos() / 1_000,
        known.level.into(),
        known.remainder.min(SharedStanding::PARTS_PER_PERMIT - 1),
        if is_same { day_index(known.day) } else { NEVER },
        known.granted.min(SharedStanding::MAX_COUNT),
        known.returned.min(SharedStanding::MAX_COUNT),
        known.epoch,
    ])
}

fn settlements(take: &SharedTake) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 * take.settlements.len());
    for settlement in &take.settlements {
        bytes.extend(settlement.id.to_bits().to_le_bytes());
        bytes.extend(settlement.keep.to_le_bytes());
        bytes.extend(settlement.give_back.to_le_bytes());
    }
    bytes
}

fn runs(take: &SharedTake) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 * take.runs.len());
    for run in &take.runs {
        bytes.extend(run.permits.to_le_bytes());
        bytes.extend(run.count.to_le_bytes());
    }
    bytes
}

fn lease(take: &SharedTake) -> Vec<u8> {
    let Some(request) = take.lease else { return Vec::new() };
    let mut bytes = Vec::from(request.id.to_bits().to_le_bytes());
    bytes.extend(request.permits.to_le_bytes());
    bytes
}

/// The answer to this call, or `None` if it is not one of this script.
pub(crate) fn reply(answer: &[u64], call: SharedCall<'_>, action: Action<'_>) -> Option<Reply> {
    if let &[server_time] = answer {
        return Some(Reply::Void { server_time });
    }
    let (head, callers) = answer.split_first_chunk::<11>()?;
    let &[server_time, at, level, remainder, day, granted, returned, outstanding, epoch, ..] = head;
    let &[.., leased, leased_for] = head;
    let standing = SharedStanding {
        at: Timestamp::from_nanos(at.checked_mul(1_000)?),
        level: u32::try_from(level).ok()?,
        remainder,
        day: i64::try_from(day).ok()? - 1,
        utc_offset_secs: call.policy.utc_offset_secs(),
        granted,
        returned,
        outstanding: u32::try_from(outstanding).ok()?,
        epoch,
    };
    let granted: Option<Vec<u32>> = callers.iter().map(|&n| u32::try_from(n).ok()).collect();
    let lease = match action {
        Action::Take(SharedTake { lease: Some(request), .. }) if leased > 0 => {
            Some(new_lease(request.id, leased, leased_for)?)
        }
        _ => None,
    };
    let taken = SharedTaken { standing, granted: granted?, lease };
    Some(Reply::Decided { server_time, taken })
}

fn new_lease(id: LeaseId, permits: u64, micros: u64) -> Option<Lease> {
    let permits = u32::try_from(permits).ok()?;
    Some(Lease { id, permits, lifetime: Duration::from_micros(micros) })
}

/// Day 0 is the day before 1970-01-01, so that no UTC offset makes a day negative.
fn day_index(day: i64) -> u64 {
    day.checked_add(1).and_then(|day| u64::try_from(day).ok()).unwrap_or(NEVER).min(NEVER)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn numbers<const N: usize>(numbers: [u64; N]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
