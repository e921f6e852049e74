//! What the system knows of this process.

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use std::time::Duration;

/// CPU time of this process so far, in user and kernel mode.
pub fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the system counts");
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| Duration::from_secs(time.tv_sec() as u64) + Duration::from_micros(time.tv_usec() as u64))
        .sum()
}

/// Lets this process open as many files as it ever may. Returns how many that are.
pub fn raise_open_files() -> u64 {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    // It is told in time where this is too little.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(now, _)| now)
}
