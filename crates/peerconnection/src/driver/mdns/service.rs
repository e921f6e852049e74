//! The thread that asks and answers.

use super::{Order, sockets};
use crate::driver::clock::Clock;
use crate::driver::endpoint::Shared;
use crate::driver::lookup::Asker;
use ortica_core::{Datagram, Instant, Rng, SocketId};
use ortica_ice::mdns::{Config, Event, Limits, Resolver};
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Sleep, sleep_until};

/// Questions that wait for an answer, over all endpoints; a later one gets none.
const MAX_QUESTIONS: usize = 1024;
/// Names of our own, over all endpoints; a later one is not answered for.
const MAX_NAMES: usize = 4096;
/// Done for endpoints before the sockets have their turn.
const ORDERS_PER_TURN: usize = 64;
/// Read from one socket before the others have their turn.
const READS_PER_TURN: usize = 16;

/// Whose something is: an endpoint's session.
#[derive(Debug)]
struct Owner {
    of: Weak<Shared>,
    session: usize,
}

impl Owner {
    fn is(&self, of: &Weak<Shared>, session: usize) -> bool {
        self.session == session && self.of.ptr_eq(of)
    }
}

struct Service {
    clock: Clock,
    resolver: Resolver,
    sockets: Vec<(SocketId, UdpSocket)>,
    next_socket: u32,
    asked: Vec<(Owner, Asker, String)>,
    published: Vec<(Owner, String)>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Serves until the process ends.
pub(super) fn run(mut orders: Receiver<Order>) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async {
            let mut service = Service::new();
            poll_fn(|cx| service.poll(cx, &mut orders)).await;
        }),
        Err(error) => tracing::debug!(%error, "no names of the local network"),
    }
}

impl Service {
    fn new() -> Self {
        let clock = Clock::start();
        let limits = Limits { questions: MAX_QUESTIONS, names: MAX_NAMES, ..Limits::default() };
        let config = Arc::new(Config::default().with_limits(limits));
        let mut service = Self {
            resolver: Resolver::new(config, Rng::from_seed([0; 32]), clock.now()),
            clock,
            sockets: Vec::new(),
            next_socket: 0,
            asked: Vec::new(),
            published: Vec::new(),
            sleep: None,
        };
        service.open();
        service
    }

    /// Opens sockets on the interfaces that there are, in place of those of before.
    fn open(&mut self) {
        let now = self.clock.now();
        for (id, _) in self.sockets.drain(..) {
            self.resolver.remove_socket(now, id);
        }
        for socket in sockets::open_all() {
            let id = SocketId(self.next_socket);
            self.next_socket = self.next_socket.wrapping_add(1);
            if let Ok(address) = socket.local_addr() {
                self.resolver.add_socket(now, id, address);
            }
            self.sockets.push((id, socket));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, orders: &mut Receiver<Order>) -> Poll<()> {
        let mut again = false;
        for turn in 0..ORDERS_PER_TURN {
            match orders.poll_recv(cx) {
                Poll::Ready(Some(order)) => self.obey(order),
                // Nobody can send orders any more.
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => break,
            }
            again |= turn + 1 == ORDERS_PER_TURN;
        }
        again |= self.receive(cx);
        let now = self.clock.now();
        if self.resolver.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.resolver.handle_timeout(now);
        }
        self.transmit(now);
        self.tell();
        if again {
            cx.waker().wake_by_ref();
        } else {
            self.set_alarm(cx);
        }
        Poll::Pending
    }

    fn obey(&mut self, order: Order) {
        let now = self.clock.now();
        match order {
            Order::Ask { of, asker, name } => {
                if self.asked.len() >= MAX_QUESTIONS {
                    return tell(&of, asker, None);
                }
                self.resolver.resolve(now, &name);
                self.asked.push((Owner { of, session: asker.session }, asker, name));
            }
            Order::Publish { of, session, name, address } => {
                self.forget(now, |owner| owner.of.strong_count() == 0);
                if self.published.len() < MAX_NAMES {
                    self.resolver.register(now, &name, address);
                    self.published.push((Owner { of, session }, name));
                }
            }
            Order::Forget { of, session } => {
                self.forget(now, |owner| owner.is(&of, session));
                self.asked.retain(|(owner, ..)| !owner.is(&of, session));
            }
            Order::Reopen => self.open(),
        }
    }

    /// Answers for names of these no more.
    fn forget(&mut self, now: Instant, are_gone: impl Fn(&Owner) -> bool) {
        for (_, name) in self.published.extract_if(.., |(owner, _)| are_gone(owner)) {
            self.resolver.unregister(now, &name);
        }
    }

    /// Reads the sockets; `true` when one of them may hold more.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let mut bytes = [0; 9000];
        let mut more = false;
        let now = self.clock.now();
        for (id, socket) in &self.sockets {
            for turn in 0..READS_PER_TURN {
                let mut buffer = ReadBuf::new(&mut bytes);
                match socket.poll_recv_from(cx, &mut buffer) {
                    Poll::Ready(Ok(remote)) => {
                        self.resolver.handle_datagram(now, Datagram::single(*id, remote, buffer.filled_mut()));
                    }
                    Poll::Ready(Err(_)) => {}
                    Poll::Pending => break,
                }
                more |= turn + 1 == READS_PER_TURN;
            }
        }
        more
    }

    fn transmit(&mut self, now: Instant) {
        let mut out = Vec::new();
        while let Some(transmit) = self.resolver.poll_transmit(now, 1, &mut out) {
            let socket = self.sockets.iter().find(|(id, _)| *id == transmit.socket);
            let sent = socket.map(|(_, socket)| socket.try_send_to(&out, transmit.remote));
            tracing::trace!(?sent, "mDNS");
            out.clear();
        }
    }

    /// Says who gets which answer; `None` is a name that nobody knows.
    fn tell(&mut self) {
        while let Some(event) = self.resolver.poll_event() {
            let Event::Resolved { name, address } = event else { continue };
            for (owner, asker, _) in self.asked.extract_if(.., |(.., asked)| asked.eq_ignore_ascii_case(&name)) {
                tell(&owner.of, asker, address);
            }
        }
    }

    fn set_alarm(&mut self, cx: &mut Context<'_>) {
        self.sleep = self.resolver.poll_timeout().map(|at| Box::pin(sleep_until(self.clock.deadline(at))));
        if let Some(sleep) = &mut self.sleep
            && sleep.as_mut().poll(cx).is_ready()
        {
            cx.waker().wake_by_ref();
        }
    }
}

fn tell(of: &Weak<Shared>, asker: Asker, answer: Option<IpAddr>) {
    if let Some(endpoint) = of.upgrade() {
        endpoint.on_resolved(asker, answer);
    }
}
