//! Addresses of the host that come and go while an endpoint is in use.
//!
//! The system is listened to by one thread for all endpoints of the process, which start it with the first one.

use super::endpoint::Shared;
use super::interfaces::{self, InterfaceFilter};
use ortica_core::Instant;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, Once, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// An address that is new may not be bound before the system has made sure that nobody else has it, which takes IPv6 a second or two
/// (RFC 4862 §5.4).
const RETRY: Duration = Duration::from_millis(500);
const RETRIES: u32 = 6;

/// Who wants to know.
static LISTENERS: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());
static LISTENING: Once = Once::new();

/// What an endpoint does about changes.
#[derive(Debug, Default)]
pub(super) struct Network {
    filter: InterfaceFilter,
    with_loopback: bool,
    retry: Option<Instant>,
    retries: u32,
}

/// What a host has after a change.
#[derive(Debug)]
pub(super) struct Addresses {
    /// All of them.
    pub all: Vec<IpAddr>,
    /// Those that are used.
    pub wanted: Vec<IpAddr>,
}

impl Network {
    /// For an endpoint that is told of no change.
    pub fn ignored() -> Self {
        Self::default()
    }

    /// For one that is told of each, and binds what passes the filter.
    pub fn followed(filter: InterfaceFilter, with_loopback: bool, endpoint: Weak<Shared>) -> Self {
        let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(endpoint);
        drop(listeners);
        LISTENING.call_once(|| {
            let thread = thread::Builder::new().name("ortica-network".to_owned()).spawn(listen);
            let _ = thread.inspect_err(|error| tracing::debug!(%error, "changes of the network go unnoticed"));
        });
        Self { filter, with_loopback, ..Self::default() }
    }

    /// The addresses there are, when they may have changed: `told`, or because one could not be bound before.
    pub fn look(&mut self, now: Instant, told: bool) -> Option<Addresses> {
        let is_time = self.retry.take_if(|at| *at <= now).is_some();
        if told {
            self.retries = 0;
        } else if !is_time {
            return None;
        }
        let all = interfaces::addresses(&InterfaceFilter::default(), true).ok()?;
        let wanted = interfaces::addresses(&self.filter, self.with_loopback).ok()?;
        // Loopback is for hosts that have nothing else when they start.
        let is_wanted = |ip: &IpAddr| self.with_loopback || !ip.is_loopback();
        Some(Addresses { all, wanted: wanted.into_iter().filter(is_wanted).collect() })
    }

    /// A new address could not be bound.
    pub fn on_refused(&mut self, now: Instant) {
        if self.retries < RETRIES {
            self.retries += 1;
            self.retry = Some(now + RETRY);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.retry
    }
}

/// Tells endpoints of changes as long as the system tells.
fn listen() {
    let Err(error) = changes(|| {
        let listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        listeners.iter().filter_map(Weak::upgrade).for_each(|endpoint| endpoint.on_network_change());
        super::mdns::on_network_change();
    });
    tracing::debug!(%error, "changes of the network go unnoticed");
}

/// Calls `tell` with each change of an address, as the kernel reports it.
///
/// Source: rtnetlink(7), `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR`
#[cfg(target_os = "linux")]
fn changes(tell: impl Fn()) -> io::Result<Infallible> {
    use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
    const GROUPS: i32 = libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind(&SocketAddr::new(0, GROUPS.cast_unsigned()))?;
    let mut message = Vec::with_capacity(4096);
    loop {
        // What it says is not looked at: the system is asked for all that there is.
        match socket.recv(&mut message, 0) {
            Err(error) if error.raw_os_error() != Some(libc::ENOBUFS) => return Err(error),
            // Without room for them some were lost, which is as much a change.
            _ => tell(),
        }
        message.clear();
    }
}

/// The same where nothing reports it: looks now and then.
#[cfg(not(target_os = "linux"))]
fn changes(tell: impl Fn()) -> io::Result<Infallible> {
    const INTERVAL: Duration = Duration::from_secs(2);
    let mut known = interfaces::addresses(&InterfaceFilter::default(), true)?;
    loop {
        thread::sleep(INTERVAL);
        let found = interfaces::addresses(&InterfaceFilter::default(), true)?;
        if found != known {
            known = found;
            tell();
        }
    }
}
