//! CPU time of a process, by the names of its threads.

use std::collections::BTreeMap;
use std::fs;
use std::process::Child;
use std::time::Duration;

/// CPU time so far, by what threads are called without their numbers. What threads spent that have ended is not in it.
#[derive(Clone, Debug, Default)]
pub struct CpuTimes(BTreeMap<String, Duration>);

impl CpuTimes {
    /// Of this process.
    pub fn own() -> Self {
        Self::of("self")
    }

    /// Of another one that was started here.
    pub fn of_child(process: &Child) -> Self {
        Self::of(&process.id().to_string())
    }

    fn of(process: &str) -> Self {
        let mut times = BTreeMap::<String, Duration>::new();
        for task in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            let name = name.trim().trim_end_matches(|it: char| it.is_ascii_digit()).trim_end_matches('-');
            *times.entry(name.to_owned()).or_default() += on_cpu(&task.path().join("schedstat"));
        }
        Self(times)
    }

    /// What was spent since `before`.
    pub fn since(&self, before: &Self) -> Self {
        let spent = |(name, time): (&String, &Duration)| {
            let time = time.saturating_sub(before.of_threads(name));
            (!time.is_zero()).then(|| (name.clone(), time))
        };
        Self(self.0.iter().filter_map(spent).collect())
    }

    /// Adds what was spent in another stretch of time.
    pub fn add(&mut self, other: &Self) {
        for (name, time) in &other.0 {
            *self.0.entry(name.clone()).or_default() += *time;
        }
    }

    /// Without the threads of other names.
    pub fn only(mut self, name: &str) -> Self {
        self.0.retain(|other, _| other == name);
        self
    }

    /// Of the threads of that name.
    pub fn of_threads(&self, name: &str) -> Duration {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Of all threads.
    pub fn total(&self) -> Duration {
        self.0.values().sum()
    }

    /// Shares of a core that were used over this time, the largest first.
    pub fn shares(&self, time: Duration) -> String {
        let mut shares: Vec<_> = self.0.iter().map(|(name, spent)| (percent(*spent, time), name)).collect();
        shares.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let told = shares.into_iter().filter(|(share, _)| *share >= 0.05);
        told.map(|(share, name)| format!("{name} {share:.1} %")).collect::<Vec<_>>().join(", ")
    }
}

/// A share of a core.
pub fn percent(spent: Duration, time: Duration) -> f64 {
    spent.as_secs_f64() / time.as_secs_f64() * 100.0
}

/// Time that a thread ran.
///
/// Source: proc(5), `/proc/[pid]/schedstat`, first field, in nanoseconds.
fn on_cpu(schedstat: &std::path::Path) -> Duration {
    let text = fs::read_to_string(schedstat).unwrap_or_default();
    let first = text.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(first.unwrap_or_default())
}
