//! The threads that codecs run on, outside of any lock.
//!
//! There are as many as the machine has cores. A stream stays with its thread, which runs it whenever it has something to do:
//! what waits is one mark per stream, so there is no queue that could grow.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The least time between two errors that one thread logs.
const BETWEEN_ERRORS: Duration = Duration::from_secs(1);

/// The work of one stream.
pub(super) trait Job: Send {
    /// Does a bounded part of what there is to do; `true` when there is more.
    fn run(&mut self) -> bool;
}

/// A stream's work, on the thread that it stays with.
pub(super) struct Task {
    worker: Sender<Arc<Task>>,
    scheduled: AtomicBool,
    job: Mutex<Box<dyn Job>>,
}

impl Task {
    /// Gives a job to a thread, which runs it whenever it is scheduled. `job` is told the waker that schedules it.
    pub fn new(job: impl FnOnce(Waker) -> Box<dyn Job>) -> Arc<Self> {
        Arc::new_cyclic(|task| {
            let waker = Waker::from(Arc::new(Alarm(task.clone())));
            Self { worker: Pool::get().pick(), scheduled: AtomicBool::new(false), job: Mutex::new(job(waker)) }
        })
    }

    /// Has the job run soon; once, however often it is called before that.
    pub fn schedule(self: &Arc<Self>) {
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            // The threads live as long as the process.
            let _ = self.worker.send(self.clone());
        }
    }

    fn run(self: &Arc<Self>) {
        self.scheduled.store(false, Ordering::Release);
        // A job that panicked is a bug of ours; it is run again with what it left.
        let more = self.job.lock().unwrap_or_else(PoisonError::into_inner).run();
        if more {
            self.schedule();
        }
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("scheduled", &self.scheduled).finish_non_exhaustive()
    }
}

/// Schedules a task that may be gone.
struct Alarm(Weak<Task>);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if let Some(task) = self.0.upgrade() {
            task.schedule();
        }
    }
}

struct Pool {
    workers: Vec<Sender<Arc<Task>>>,
    next: AtomicUsize,
}

impl Pool {
    fn get() -> &'static Self {
        static POOL: OnceLock<Pool> = OnceLock::new();
        POOL.get_or_init(|| {
            let count = thread::available_parallelism().map_or(1, NonZero::get);
            Self { workers: (0..count).filter_map(spawn).collect(), next: AtomicUsize::new(0) }
        })
    }

    fn pick(&self) -> Sender<Arc<Task>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        match self.workers.get(turn % self.workers.len().max(1)) {
            Some(worker) => worker.clone(),
            // No thread could be started: what is scheduled is never run, and frames are dropped and counted.
            None => channel().0,
        }
    }
}

fn spawn(number: usize) -> Option<Sender<Arc<Task>>> {
    let (sender, receiver) = channel();
    let thread = thread::Builder::new().name(format!("ortica-codec-{number}"));
    thread.spawn(move || work(receiver)).inspect_err(|error| tracing::error!(%error, "no thread for codecs")).ok()?;
    Some(sender)
}

fn work(tasks: Receiver<Arc<Task>>) {
    let mut told: Option<Instant> = None;
    while let Ok(task) = tasks.recv() {
        // One bad frame must not end the thread that other streams stay with.
        let run = std::panic::AssertUnwindSafe(|| task.run());
        // Nor may a stream of them fill the log.
        if std::panic::catch_unwind(run).is_err() && told.is_none_or(|told| told.elapsed() >= BETWEEN_ERRORS) {
            told = Some(Instant::now());
            tracing::error!("a codec panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Count {
        left: u32,
        done: mpsc::Sender<u32>,
    }

    impl Job for Count {
        fn run(&mut self) -> bool {
            self.left -= 1;
            let _ = self.done.send(self.left);
            self.left > 0
        }
    }

    #[test]
    fn a_job_runs_as_long_as_it_has_more_to_do() {
        let (done, finished) = mpsc::channel();
        let task = Task::new(|_| Box::new(Count { left: 3, done }));
        task.schedule();
        let runs: Vec<u32> = (0..3).filter_map(|_| finished.recv().ok()).collect();
        assert_eq!(runs, [2, 1, 0]);
    }

    struct Panics(mpsc::Sender<()>);

    impl Job for Panics {
        fn run(&mut self) -> bool {
            let _ = self.0.send(());
            panic!("on purpose");
        }
    }

    /// Guards: the thread outlives what runs on it.
    #[test]
    fn a_job_that_panics_can_be_run_again() {
        let (ran, runs) = mpsc::channel();
        let task = Task::new(|_| Box::new(Panics(ran)));
        for _ in 0..2 {
            task.schedule();
            runs.recv().unwrap();
            while task.scheduled.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
        }
    }
}
