//! A writer on a thread of its own.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Bytes that may wait to be written.
const LIMIT: usize = 8 << 20;

/// What the thread is asked to do.
enum Job {
    /// Bytes, and how many items they are.
    Write(Vec<u8>, u64),
    /// To say so when all before it is done.
    Flush(Sender<()>),
}

/// Clones write to the same writer. The thread ends with the last of them.
#[derive(Clone)]
pub(super) struct Sink {
    jobs: Sender<Job>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Bytes that wait.
    waiting: AtomicUsize,
    /// Items that found no room, or could not be written.
    dropped: AtomicU64,
}

impl Sink {
    pub fn new(writer: impl Write + Send + 'static) -> io::Result<Self> {
        let (jobs, inbox) = channel();
        let counts = Arc::<Counts>::default();
        let theirs = counts.clone();
        thread::Builder::new().name("ortica-diagnostics".to_owned()).spawn(move || work(writer, &inbox, &theirs))?;
        Ok(Self { jobs, counts })
    }

    /// Has `items` written, which `bytes` hold; never waits.
    pub fn write(&self, bytes: Vec<u8>, items: u64) {
        let len = bytes.len();
        if self.counts.waiting.fetch_add(len, Ordering::AcqRel) + len > LIMIT {
            self.counts.waiting.fetch_sub(len, Ordering::AcqRel);
            return self.count_dropped(items);
        }
        if self.jobs.send(Job::Write(bytes, items)).is_err() {
            self.count_dropped(items);
        }
    }

    pub fn count_dropped(&self, items: u64) {
        self.counts.dropped.fetch_add(items, Ordering::Relaxed);
    }

    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    pub fn flush(&self) {
        let (done, waiting) = channel();
        if self.jobs.send(Job::Flush(done)).is_ok() {
            // An error says that the thread is gone: then nothing will be written any more.
            let _ = waiting.recv();
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

fn work(mut writer: impl Write, inbox: &Receiver<Job>, counts: &Counts) {
    let mut failed = false;
    while let Ok(job) = inbox.recv() {
        match job {
            Job::Write(bytes, items) => {
                if !failed && let Err(error) = writer.write_all(&bytes) {
                    tracing::warn!(%error, "diagnostics cannot be written any more");
                    failed = true;
                }
                counts.waiting.fetch_sub(bytes.len(), Ordering::AcqRel);
                if failed {
                    counts.dropped.fetch_add(items, Ordering::Relaxed);
                }
            }
            Job::Flush(done) => {
                let _ = writer.flush();
                let _ = done.send(());
            }
        }
    }
    let _ = writer.flush();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A writer that waits until it may go on, and keeps what it was given.
    #[derive(Clone)]
    struct Slow {
        gate: Arc<Mutex<()>>,
        written: Arc<Mutex<Vec<u8>>>,
        fails: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _gate = self.gate.lock().unwrap();
            if self.fails {
                return Err(io::Error::other("no room"));
            }
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow(fails: bool) -> Slow {
        Slow { gate: Arc::default(), written: Arc::default(), fails }
    }

    #[test]
    fn what_finds_no_room_is_counted_and_the_rest_is_written_in_order() {
        let writer = slow(false);
        let sink = Sink::new(writer.clone()).unwrap();
        let gate = writer.gate.lock().unwrap();
        sink.write(vec![1; LIMIT / 2], 1);
        sink.write(vec![2; LIMIT / 2], 1);
        sink.write(vec![3; 1], 7);
        assert_eq!(sink.dropped(), 7);
        drop(gate);
        sink.flush();
        sink.write(vec![4; 1], 1);
        sink.flush();
        let written = writer.written.lock().unwrap();
        assert_eq!((written.len(), written[0], written[LIMIT - 1], written[LIMIT]), (LIMIT + 1, 1, 2, 4));
        assert_eq!(sink.dropped(), 7);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let sink = Sink::new(slow(true)).unwrap();
        sink.write(vec![1], 3);
        sink.write(vec![1], 2);
        sink.flush();
        assert_eq!(sink.dropped(), 5);
    }
}
