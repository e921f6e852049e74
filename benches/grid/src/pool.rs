//! Work on two threads.

use std::sync::Mutex;

const THREADS: usize = 2;

/// What `run` makes of each job, in the order of the jobs. The last ones are begun first: put those there that take long, so that
/// neither thread ends up with one of them alone.
pub fn map<J: Sync, R: Send>(jobs: &[J], run: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let left = Mutex::new(jobs.len());
    let results = Mutex::new(jobs.iter().map(|_| None).collect::<Vec<_>>());
    let take = || {
        let mut left = left.lock().expect("no job panics");
        *left = left.checked_sub(1)?;
        Some(*left)
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(at) = take() {
                    let result = run(&jobs[at]);
                    results.lock().expect("no job panics")[at] = Some(result);
                }
            });
        }
    });
    results.into_inner().expect("no job panics").into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_keep_the_order_of_the_jobs() {
        let jobs: Vec<u32> = (0..100).collect();
        assert_eq!(super::map(&jobs, |job| job * job), jobs.iter().map(|job| job * job).collect::<Vec<_>>());
    }
}
