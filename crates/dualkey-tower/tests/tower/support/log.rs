use std::io;
use std::sync::{Arc, Mutex, Once};

use tracing::Level;
use tracing::subscriber::{DefaultGuard, set_default, set_global_default};
use tracing_subscriber::fmt::format::FmtSpan;

/// Everything that a thread logs, as text.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Records what this thread logs, until the guard is dropped.
    ///
    /// While there is one subscriber, tracing asks only the subscriber of the thread that is the first to
    /// reach an event, and without one disables the event in all threads. So each thread has one.
    pub(crate) fn start() -> (Self, DefaultGuard) {
        static OF_OTHER_THREADS: Once = Once::new();

        OF_OTHER_THREADS.call_once(|| set_global_default(tracing_subscriber::registry()).unwrap());
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// The only line that contains this text.
    pub(crate) fn line(&self, needle: &str) -> String {
        let text = self.text();
        let lines: Vec<_> = text.lines().filter(|line| line.contains(needle)).collect();
        assert_eq!(lines.len(), 1, "lines with {needle:?} in {text}");
        lines[0].to_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
