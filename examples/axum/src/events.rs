//! A stream of server-sent events, which outlives the decision on its request.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::Event;
use dualkey::{Grant, Verifier};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::time::{MissedTickBehavior, interval};

/// At most this long after a token is revoked, its streams end.
const RECHECK_EVERY: Duration = Duration::from_millis(500);

/// The stream ends at any error. If memory cannot tell whether the token is valid, the client connects again,
/// and the guard asks the store.
pub(crate) async fn events(
    grant: Grant,
    State(verifier): State<Verifier>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut ticks = interval(RECHECK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Sse::new(unfold((ticks, verifier, grant), async |(mut ticks, verifier, grant)| {
        ticks.tick().await;
        verifier.recheck(&grant).ok()?;
        let event = Event::default().data(format!("no news of {}", grant.organization));
        Some((Ok(event), (ticks, verifier, grant)))
    }))
}
