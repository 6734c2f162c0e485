use std::fmt;
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default, set_global_default};
use tracing::{Event, Metadata, Subscriber};

/// Records the fields of all events.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<String>>);

impl Events {
    /// Records the events of this thread until the guard is dropped.
    ///
    /// While there is one subscriber, tracing asks only the subscriber of the thread that is the first to
    /// reach an event, and without one disables the event in all threads. So each thread has one.
    pub(crate) fn of_this_thread(&self) -> DefaultGuard {
        static OF_OTHER_THREADS: Once = Once::new();

        OF_OTHER_THREADS.call_once(|| set_global_default(Self::default()).unwrap());
        set_default(self.clone())
    }

    pub(crate) fn contain(&self, text: &str) -> bool {
        self.0.lock().unwrap().contains(text)
    }

    /// Waits for an event with this text.
    pub(crate) async fn received(&self, text: &str) {
        let began = Instant::now();
        while !self.contain(text) {
            let events = self.0.lock().unwrap().clone();
            assert!(began.elapsed() < Duration::from_secs(30), "no event of {text}: {events}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Subscriber for Events {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = self.0.lock().unwrap();
        event.record(&mut |field: &Field, value: &dyn fmt::Debug| {
            text.push_str(&format!("{field} = {value:?}\n"));
        });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
