//! What a test logs.

use std::io;
use std::sync::{Arc, Mutex, Once};

use tracing::subscriber::{set_global_default, with_default};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What this thread logs meanwhile, at every level.
///
/// While there is one subscriber, tracing asks only the subscriber of the thread that is the first to
/// reach an event, and without one disables the event in all threads. So each thread has one.
pub(crate) fn log_of(run: impl FnOnce()) -> String {
    static OF_OTHER_THREADS: Once = Once::new();

    OF_OTHER_THREADS.call_once(|| set_global_default(tracing_subscriber::registry()).unwrap());
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    with_default(subscriber, run);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}
