//! A session as its handles and its endpoint share it.

use super::at_once::AtOnce;
use super::endpoint::Shared;
use super::servers::Trust;
use super::socket::is_too_long;
use super::waiters::{Interest, Ticket, Waiters};
use crate::diagnostics::Outlets;
use crate::peer::Peer;
use ortica_core::{Instant, Transmit};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// One session behind its own lock.
#[derive(Debug)]
pub(crate) struct Cell {
    inner: Mutex<Inner>,
    endpoint: Arc<Shared>,
    key: usize,
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct Inner {
    pub peer: Peer,
    pub waiters: Waiters,
    /// Handles are gone, or the connection was closed: the endpoint drops the session once its goodbyes are out.
    pub ending: bool,
    pub at_once: AtOnce,
    /// Where what is recorded of the session goes, if anywhere.
    pub outlets: Option<Box<Outlets>>,
    /// Whom to trust over TLS.
    pub trust: Arc<Trust>,
}

/// When what comes of a command is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sending {
    /// With the endpoint's next turn, together with what else there is by then.
    InTurn,
    /// Here and now, if it would go out alone in any case.
    AtOnce,
    /// Here and now: a frame for this session alone, whose packets are a train by themselves.
    FrameAtOnce,
    /// In turn, if there is something to be sent at all: after a read.
    IfDue,
    /// Nothing comes of it that is sent.
    Nothing,
}

/// What one drain of a session left to do.
#[derive(Debug, Default)]
pub(super) struct Drained {
    /// More is ready to be sent: drain again after others had their turn.
    pub more: bool,
    /// When to call again.
    pub timeout: Option<Instant>,
    /// The session is over.
    pub done: bool,
}

impl Cell {
    pub fn new(peer: Peer, trust: Arc<Trust>, endpoint: Arc<Shared>, key: usize) -> Self {
        Self { inner: Mutex::new(Inner::new(peer, trust)), endpoint, key }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic under the lock is a bug of ours; the others who share the session go on with what it left.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoint's time.
    pub fn now(&self) -> Instant {
        self.endpoint.clock().now()
    }

    /// Looks at the session.
    pub fn look<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.lock())
    }

    /// Runs a command, then has the endpoint send what came of it.
    pub fn command<T>(&self, command: impl FnOnce(&mut Peer, Instant) -> T) -> T {
        self.command_sending(Sending::InTurn, command)
    }

    /// As [`command`](Self::command), with a say in when.
    pub fn command_sending<T>(&self, sending: Sending, command: impl FnOnce(&mut Peer, Instant) -> T) -> T {
        let now = self.endpoint.clock().now();
        let (result, needs_turn) = {
            let inner = &mut *self.lock();
            let result = command(&mut inner.peer, now);
            inner.settle(now);
            (result, self.send(inner, now, sending))
        };
        if needs_turn {
            self.endpoint.wake(self.key);
        }
        result
    }

    /// A place for one future among those who wait for `interest`.
    pub fn place(&self, interest: Interest) -> Place<'_> {
        Place { cell: self, interest, ticket: None }
    }

    /// As [`command`](Self::command), but a `None` leaves the waker in the list for `interest`: for futures written by hand, of
    /// which the last one to ask is woken.
    pub fn poll_command<T>(
        &self,
        interest: Interest,
        waker: &Waker,
        command: impl FnOnce(&mut Peer, Instant) -> Option<T>,
    ) -> Option<T> {
        self.poll_command_at((interest, Ticket::BY_HAND), Sending::InTurn, waker, command)
    }

    /// A place for who waits again and again beside others of the same interest.
    pub fn ticket(&self) -> Ticket {
        self.lock().waiters.ticket()
    }

    /// Gives such a place up.
    pub fn leave(&self, interest: Interest, ticket: Ticket) {
        self.lock().waiters.leave(interest, ticket);
    }

    /// The same at a place of one's own, which is given up when it is woken, with a say in when what comes of it is sent.
    pub fn poll_command_at<T>(
        &self,
        (interest, ticket): (Interest, Ticket),
        sending: Sending,
        waker: &Waker,
        command: impl FnOnce(&mut Peer, Instant) -> Option<T>,
    ) -> Option<T> {
        self.command_or(sending, command, |waiters, result| {
            if result.is_none() {
                waiters.wait(interest, ticket, waker);
            }
        })
    }

    fn command_or<T>(
        &self,
        sending: Sending,
        command: impl FnOnce(&mut Peer, Instant) -> Option<T>,
        then: impl FnOnce(&mut Waiters, &Option<T>),
    ) -> Option<T> {
        let now = self.endpoint.clock().now();
        let (result, needs_turn) = {
            let inner = &mut *self.lock();
            let result = command(&mut inner.peer, now);
            then(&mut inner.waiters, &result);
            inner.settle(now);
            let needs_turn = result.is_some() && self.send(inner, now, sending);
            (result, needs_turn)
        };
        if needs_turn {
            self.endpoint.wake(self.key);
        }
        result
    }

    /// Sends what came of a command, or leaves it; says whether the endpoint has to take its turn.
    fn send(&self, inner: &mut Inner, now: Instant, sending: Sending) -> bool {
        match sending {
            Sending::InTurn => true,
            Sending::IfDue => inner.peer.session().is_control_due(),
            Sending::AtOnce => !inner.at_once.take_leave() || !self.send_at_once(inner, now, (2, 1)),
            Sending::FrameAtOnce => {
                !inner.at_once.may_send_frame() || !self.send_at_once(inner, now, (8, self.endpoint.max_segments()))
            }
            Sending::Nothing => false,
        }
    }

    /// Sends up to `most` transmits of up to `max_segments` packets; `true` if that was all, so that the endpoint can sleep on.
    fn send_at_once(&self, inner: &mut Inner, now: Instant, (most, max_segments): (usize, usize)) -> bool {
        let Some(mut packet) = self.endpoint.packet() else { return false };
        for _ in 0..most {
            packet.clear();
            let Some(transmit) = inner.peer.poll_transmit(now, max_segments, &mut packet) else {
                inner.settle(now);
                return inner.at_once.is_alarm_early(inner.peer.poll_timeout());
            };
            let Transmit { socket, remote, len, segment_size, .. } = transmit;
            if self.endpoint.send_at_once(&transmit, &packet).is_err_and(|error| is_too_long(&error)) {
                inner.peer.handle_too_long(now, socket, remote, segment_size.unwrap_or(len));
            }
            if !inner.at_once.on_sent(socket, remote) {
                return false;
            }
        }
        false
    }

    /// Ends the session: what was sent and goodbyes go out, then the endpoint forgets it. Who waits is told at once, and goes on
    /// waiting only for what is still to be settled.
    pub fn end(&self) {
        let now = self.endpoint.clock().now();
        {
            let inner = &mut *self.lock();
            inner.ending = true;
            inner.peer.close(now);
            inner.settle(now);
            inner.waiters.wake_all();
        }
        self.endpoint.wake(self.key);
    }

    /// The endpoint's side: takes facts in, without drawing anything out.
    pub(super) fn take(&self, now: Instant, take: impl FnOnce(&mut Peer, Instant)) {
        take(&mut self.lock().peer, now);
    }

    /// The endpoint's side: whether somebody who waited for what was taken in was woken, and may answer it at once.
    pub(super) fn tell(&self, now: Instant) -> bool {
        let inner = &mut *self.lock();
        inner.at_once.on_packet() && inner.settle(now)
    }

    /// The endpoint's side: moves up to `budget` transmits out, and says what is left.
    pub(super) fn drain(
        &self,
        now: Instant,
        budget: usize,
        max_segments: usize,
        out: &mut Vec<u8>,
        transmits: &mut Vec<Transmit>,
    ) -> Drained {
        let inner = &mut *self.lock();
        inner.at_once.on_turn();
        let mut drained = Drained { more: true, ..Drained::default() };
        for _ in 0..budget {
            match inner.peer.poll_transmit(now, max_segments, out) {
                Some(transmit) => transmits.push(transmit),
                None => {
                    drained.more = false;
                    break;
                }
            }
        }
        inner.settle(now);
        drained.timeout = inner.peer.poll_timeout();
        inner.at_once.alarm = drained.timeout;
        drained.done = inner.ending && inner.peer.is_closed();
        drained
    }

    /// The driver is gone: everybody who waits is told.
    pub(super) fn stop(&self) {
        let now = self.endpoint.clock().now();
        let inner = &mut *self.lock();
        inner.peer.stop(now);
        inner.waiters.wake_all();
    }
}

/// Where one future waits: taken with its first wait, given up with its last one or when it is dropped.
pub(crate) struct Place<'a> {
    cell: &'a Cell,
    interest: Interest,
    ticket: Option<Ticket>,
}

impl Place<'_> {
    /// As [`Cell::command`], but after a `None` the future is woken when there may be more.
    pub fn poll<T>(&mut self, cx: &Context<'_>, command: impl FnOnce(&mut Peer, Instant) -> Option<T>) -> Poll<T> {
        self.poll_sending(cx, Sending::InTurn, command)
    }

    /// As [`poll`](Self::poll), with a say in when what comes of it is sent.
    pub fn poll_sending<T>(
        &mut self,
        cx: &Context<'_>,
        sending: Sending,
        command: impl FnOnce(&mut Peer, Instant) -> Option<T>,
    ) -> Poll<T> {
        let Self { cell, interest, ticket } = self;
        let result = cell.command_or(sending, command, |waiters, result| match (result, ticket.take()) {
            (None, held) => {
                let held = held.unwrap_or_else(|| waiters.ticket());
                waiters.wait(*interest, held, cx.waker());
                *ticket = Some(held);
            }
            (Some(_), Some(held)) => waiters.leave(*interest, held),
            (Some(_), None) => {}
        });
        result.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.cell.lock().waiters.leave(self.interest, ticket);
        }
    }
}

impl Inner {
    fn new(peer: Peer, trust: Arc<Trust>) -> Self {
        let (waiters, at_once) = (Waiters::default(), AtOnce::default());
        Self { peer, waiters, ending: false, at_once, outlets: None, trust }
    }

    /// Turns what the engine reports into what the handles wait for; whether somebody was woken who waited for a part of it.
    fn settle(&mut self, now: Instant) -> bool {
        let Self { peer, waiters, outlets, .. } = self;
        let mut any = false;
        peer.settle(now, |interest| any |= waiters.wake(interest));
        if let Some(outlets) = outlets {
            outlets.take(peer.session_mut());
        }
        if peer.is_closed() {
            waiters.wake_all();
        }
        any
    }
}
