//! The limiter alone. Each line of standard input names a caller, which takes one permit.

use std::io::{self, BufRead, Write};
use std::num::NonZeroU32;

use dualkey_limit::{Clock, InvalidPolicy, LimitPolicy, Limiter, Outcome, Rate, SystemClock};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = policy()?;
    println!("Each caller has {policy}. Type names, or run:");
    println!("  yes ada | head -12 | cargo run -p dualkey-example-limiter\n");
    take_for_each_line(io::stdin().lock(), io::stdout(), &Limiter::new(policy), &SystemClock)?;
    Ok(())
}

fn policy() -> Result<LimitPolicy, InvalidPolicy> {
    const FIVE: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
    const TEN: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
    const HUNDRED: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

    LimitPolicy::new(Rate::per_second(FIVE), TEN).with_daily(HUNDRED)
}

fn take_for_each_line(
    callers: impl BufRead,
    mut answers: impl Write,
    limiter: &Limiter<String>,
    clock: &dyn Clock,
) -> io::Result<()> {
    for caller in callers.lines() {
        let caller = caller?;
        let outcome = limiter.take(&caller, clock.now(), 1);
        writeln!(answers, "{caller}: {}", describe(&outcome))?;
    }
    Ok(())
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Allowed(standing) => {
            format!("allowed, {} left at once", standing.burst_remaining())
        }
        Outcome::BurstExceeded(refusal) => format!("wait {:?}", refusal.retry_after),
        Outcome::QuotaExceeded(refusal) => {
            format!("nothing left today, wait {:?}", refusal.retry_after)
        }
        _ => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests;
