//! What the system knows of this process.
#![expect(unsafe_code, reason = "sets options of sockets that belong to the stack under test")]

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use socket2::SockRef;
use std::collections::HashSet;
use std::fs;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

/// CPU time of all threads, in user and kernel mode.
///
/// Source: getrusage(2)
pub fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF);
    let micros = usage.map_or(0, |usage| usage.user_time().num_microseconds() + usage.system_time().num_microseconds());
    Duration::from_micros(micros.unsigned_abs())
}

/// The most memory that was resident, in KiB.
pub fn peak_memory() -> u64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss().unsigned_abs())
}

/// Sets the buffers of every UDP socket of this process, as far as the system allows.
pub(crate) fn set_buffers(bytes: usize) {
    for (fd, inode) in sockets() {
        if udp_sockets().iter().any(|(udp, _)| *udp == inode) {
            // SAFETY: found open a moment ago; a stack keeps its sockets while its connection lasts.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            let socket = SockRef::from(&fd);
            let _ = socket.set_recv_buffer_size(bytes);
            let _ = socket.set_send_buffer_size(bytes);
        }
    }
}

/// Datagrams that the UDP sockets of this process dropped because their receive buffer was full: this process's share of
/// `RcvbufErrors` in /proc/net/snmp.
pub(crate) fn receive_buffer_errors() -> u64 {
    let own: HashSet<u64> = sockets().into_iter().map(|(_, inode)| inode).collect();
    udp_sockets().into_iter().filter(|(inode, _)| own.contains(inode)).map(|(_, drops)| drops).sum()
}

/// Descriptor and inode of each socket.
fn sockets() -> Vec<(RawFd, u64)> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let socket = |entry: fs::DirEntry| {
        let target = fs::read_link(entry.path()).ok()?;
        let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, inode))
    };
    entries.flatten().filter_map(socket).collect()
}

/// Inode and drops of each UDP socket of the network namespace.
///
/// Source: Linux, Documentation/networking/proc_net_tcp.rst; `drops` is the last column of /proc/net/udp
fn udp_sockets() -> Vec<(u64, u64)> {
    let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let row = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        Some((columns.get(9)?.parse().ok()?, columns.last()?.parse().ok()?))
    };
    tables.iter().flat_map(|table| table.lines().skip(1).filter_map(row)).collect()
}
