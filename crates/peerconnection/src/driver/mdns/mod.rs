//! Names under `.local`: those of others, and our own.
//!
//! One responder and resolver serves all endpoints of the process, on a thread of its own with its own sockets, since several of them
//! on one host would share one port. It starts with the first name and stays.

mod service;
mod sockets;

use super::endpoint::Shared;
use super::lookup::Asker;
use crate::peer::Question;
use std::net::IpAddr;
use std::sync::{OnceLock, Weak};
use tokio::sync::mpsc;

/// What waits to be done for endpoints; what does not fit is refused.
const MAX_ORDERS: usize = 8192;

/// Whom to send orders to. `None` where the thread could not be started.
static SERVICE: OnceLock<Option<mpsc::Sender<Order>>> = OnceLock::new();

/// What an endpoint wants.
#[derive(Debug)]
enum Order {
    Ask {
        of: Weak<Shared>,
        asker: Asker,
        name: String,
    },
    Publish {
        of: Weak<Shared>,
        session: usize,
        name: String,
        address: IpAddr,
    },
    Forget {
        of: Weak<Shared>,
        session: usize,
    },
    /// The host has other interfaces.
    Reopen,
}

/// The host has other addresses.
pub(super) fn on_network_change() {
    // Without a name so far, the first one finds the interfaces that there are then.
    if let Some(Some(service)) = SERVICE.get() {
        let _ = service.try_send(Order::Reopen);
    }
}

/// What an endpoint has of it.
#[derive(Debug)]
pub(super) struct Mdns {
    endpoint: Weak<Shared>,
}

impl Mdns {
    pub fn new(endpoint: Weak<Shared>) -> Self {
        Self { endpoint }
    }

    /// Asks for the address behind a name; the answer comes by [`Shared::on_resolved`].
    pub fn ask(&self, session: usize, question: Question) {
        let Question { transport, id, name } = question;
        let asker = Asker { session, transport, id };
        let of = self.endpoint.clone();
        if !send(Order::Ask { of, asker, name })
            && let Some(endpoint) = self.endpoint.upgrade()
        {
            endpoint.on_resolved(asker, None);
        }
    }

    /// Answers for a name of ours as long as its session lives.
    pub fn publish(&self, session: usize, name: String, address: IpAddr) {
        send(Order::Publish { of: self.endpoint.clone(), session, name, address });
    }

    /// Forgets the questions and the names of a session that is gone.
    pub fn forget(&self, session: usize) {
        if let Some(Some(service)) = SERVICE.get() {
            let _ = service.try_send(Order::Forget { of: self.endpoint.clone(), session });
        }
    }
}

/// `false` when it is not done.
fn send(order: Order) -> bool {
    let start = || {
        let (orders, taken) = mpsc::channel(MAX_ORDERS);
        let started = std::thread::Builder::new().name("ortica-mdns".to_owned()).spawn(move || service::run(taken));
        started.inspect_err(|error| tracing::debug!(%error, "no names of the local network")).ok().map(|_| orders)
    };
    SERVICE.get_or_init(start).as_ref().is_some_and(|service| service.try_send(order).is_ok())
}
