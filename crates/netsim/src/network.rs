//! Nodes, their addresses, and the packets on their way between them.

use crate::link::{Fate, Lane, Link, Lost};
use crate::nat::{Nat, Translator};
use crate::trace::{Crossing, Hash, Stats, Tap, Trace, What};
use ortica_core::{Ecn, Instant, Rng, SocketId};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Names a node: something with sockets of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NodeId(pub usize);

/// Names a link. Several interfaces may share one, which makes it their common bottleneck.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LinkId(usize);

/// Names a NAT.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NatId(usize);

/// What a test's filter does with a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// It enters the network.
    Pass,
    /// It is lost.
    Drop,
    /// It enters the network after this time.
    Delay(Duration),
    /// It enters the network twice.
    Twice,
}

/// A filter: sees every packet as it is sent and may change its bytes or cut them off.
pub type Filter = Box<dyn FnMut(Instant, SocketAddr, SocketAddr, &mut Vec<u8>) -> Verdict>;

/// A network with a virtual clock.
///
/// A packet goes over the *up* link of the interface it is sent from, through that interface's NAT if it has one, and over
/// the *down* link of the interface it is for. Same seed and same calls: same packets at the same times.
pub struct Network {
    seed: u64,
    rng: Rng,
    now: Instant,
    lanes: Vec<Lane>,
    nats: Vec<Translator>,
    interfaces: BTreeMap<(Realm, IpAddr), Interface>,
    /// Per node, by `SocketId`.
    sockets: Vec<Vec<Option<Bound>>>,
    flights: BinaryHeap<Flight>,
    next_order: u64,
    filter: Option<Filter>,
    coalesce: Duration,
    trace: Trace,
    spare: Vec<Vec<u8>>,
}

/// The addresses behind one NAT, or the public ones.
type Realm = Option<NatId>;

#[derive(Debug)]
struct Interface {
    node: NodeId,
    up: LinkId,
    down: LinkId,
    enabled: bool,
}

#[derive(Clone, Copy, Debug)]
struct Bound {
    realm: Realm,
    address: SocketAddr,
}

/// A packet on its way.
#[derive(Debug)]
struct Flight {
    at: Instant,
    order: u64,
    stage: Stage,
    from: SocketAddr,
    to: SocketAddr,
    realm: Realm,
    ecn: Ecn,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// It waits to enter the up link.
    Enter,
    /// It has crossed the up link.
    Middle,
    /// It has crossed the down link.
    End,
}

/// A packet that has come to a socket.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) node: NodeId,
    pub(crate) socket: SocketId,
    pub(crate) from: SocketAddr,
    pub(crate) ecn: Ecn,
    pub(crate) bytes: Vec<u8>,
}

impl Network {
    /// An empty network at [`epoch`](crate::epoch).
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            rng: Rng::from_number(seed),
            now: crate::epoch(),
            lanes: Vec::new(),
            nats: Vec::new(),
            interfaces: BTreeMap::new(),
            sockets: Vec::new(),
            flights: BinaryHeap::new(),
            next_order: 0,
            filter: None,
            coalesce: Duration::ZERO,
            trace: Trace::default(),
            spare: Vec::new(),
        }
    }

    /// The seed it was made from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Adds a node without interfaces. Nodes are numbered from 0 in the order of these calls.
    pub fn add_node(&mut self) -> NodeId {
        self.sockets.push(Vec::new());
        NodeId(self.sockets.len() - 1)
    }

    /// Adds a link.
    pub fn add_link(&mut self, link: Link) -> LinkId {
        let rng = self.rng.fork(&format!("link {}", self.lanes.len()));
        self.lanes.push(Lane::new(link, rng));
        LinkId(self.lanes.len() - 1)
    }

    /// Adds a NAT whose outer address is `outer`. It has no links of its own.
    pub fn add_nat(&mut self, nat: Nat, outer: IpAddr) -> NatId {
        self.nats.push(Translator::new(nat, outer));
        NatId(self.nats.len() - 1)
    }

    /// Gives `node` the public address `ip`.
    pub fn add_interface(&mut self, node: NodeId, ip: IpAddr, up: LinkId, down: LinkId) {
        self.interfaces.insert((None, ip), Interface { node, up, down, enabled: true });
    }

    /// Gives `node` the address `ip` behind `nat`. Two NATs may have the same addresses behind them.
    pub fn add_interface_behind(&mut self, nat: NatId, node: NodeId, ip: IpAddr, up: LinkId, down: LinkId) {
        self.interfaces.insert((Some(nat), ip), Interface { node, up, down, enabled: true });
    }

    /// Binds a socket of `node`. Sockets are numbered from 0 in the order of these calls.
    ///
    /// # Panics
    ///
    /// If `node` has no interface with that address.
    pub fn bind(&mut self, node: NodeId, address: SocketAddr) -> SocketId {
        let realm = self.interfaces.iter().find(|((_, ip), it)| *ip == address.ip() && it.node == node);
        let realm = realm.unwrap_or_else(|| panic!("node {} has no interface {}", node.0, address.ip())).0.0;
        let sockets = &mut self.sockets[node.0];
        sockets.push(Some(Bound { realm, address }));
        SocketId(sockets.len() as u32 - 1)
    }

    /// Closes a socket: what comes for it is lost.
    pub fn unbind(&mut self, node: NodeId, socket: SocketId) {
        self.sockets[node.0][socket.0 as usize] = None;
    }

    /// The address a socket is bound to.
    pub fn address(&self, node: NodeId, socket: SocketId) -> Option<SocketAddr> {
        Some(self.bound(node, socket)?.address)
    }

    /// A link, to be changed while the network runs.
    pub fn link_mut(&mut self, link: LinkId) -> &mut Link {
        &mut self.lanes[link.0].link
    }

    /// Switches an interface off or on. While it is off, nothing enters or leaves through it.
    pub fn set_interface(&mut self, node: NodeId, ip: IpAddr, enabled: bool) {
        for ((_, address), interface) in &mut self.interfaces {
            if *address == ip && interface.node == node {
                interface.enabled = enabled;
            }
        }
    }

    /// Makes a NAT forget its mappings: whoever is behind it appears from a new port next.
    pub fn rebind_nat(&mut self, nat: NatId) {
        self.nats[nat.0].rebind();
    }

    /// Has `filter` decide about every packet as it is sent, before any link sees it.
    pub fn set_filter(
        &mut self,
        filter: impl FnMut(Instant, SocketAddr, SocketAddr, &mut Vec<u8>) -> Verdict + 'static,
    ) {
        self.filter = Some(Box::new(filter));
    }

    /// Removes the filter.
    pub fn clear_filter(&mut self) {
        self.filter = None;
    }

    /// Shows `tap` every packet when it is sent and when it is delivered or lost.
    pub fn set_tap(&mut self, tap: impl FnMut(&Crossing<'_>) + 'static) {
        let tap: Tap = Box::new(tap);
        self.trace.tap = Some(tap);
    }

    /// Delivers at multiples of `period` only, so that packets arrive together as they do under interrupt coalescing; those
    /// from one source then come as one datagram. Zero, the default, delivers each at its own time.
    ///
    /// Which of several nodes gets its packets first is drawn anew each time: all come within 1/64 of the period. If it were
    /// always the same one, its answers would always find room in a queue that they share, and the others' would not.
    pub fn set_coalescing(&mut self, period: Duration) {
        self.coalesce = period;
    }

    /// Counters since the start.
    pub fn stats(&self) -> &Stats {
        &self.trace.stats
    }

    /// A hash over every packet sent and delivered so far: time, addresses, mark and bytes.
    pub fn hash(&self) -> u64 {
        self.trace.hash()
    }

    /// How many packets are on their way.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Sends one packet from a socket.
    pub fn send(&mut self, node: NodeId, socket: SocketId, to: SocketAddr, ecn: Ecn, payload: &[u8]) {
        let Some(Bound { realm, address: from }) = self.bound(node, socket) else { return };
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(payload);
        let mut flight = Flight { at: self.now, order: 0, stage: Stage::Enter, from, to, realm, ecn, bytes };
        self.record(&flight, What::Sent);
        match self.filter.as_mut().map(|filter| filter(self.now, from, to, &mut flight.bytes)) {
            None | Some(Verdict::Pass) => self.enter(flight),
            Some(Verdict::Drop) => self.lose(flight, Lost::Filtered),
            Some(Verdict::Delay(delay)) => {
                flight.at += delay;
                self.launch(flight);
            }
            Some(Verdict::Twice) => {
                self.enter(Flight { bytes: flight.bytes.clone(), ..flight });
                self.enter(flight);
            }
        }
    }

    /// When the next packet moves on.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.flights.peek().map(|flight| flight.at)
    }

    /// Moves the clock to `now` and appends what has arrived by then.
    pub(crate) fn advance(&mut self, now: Instant, arrivals: &mut Vec<Arrival>) {
        while self.flights.peek().is_some_and(|flight| flight.at <= now) {
            let Some(flight) = self.flights.pop() else { break };
            self.now = self.now.max(flight.at);
            match flight.stage {
                Stage::Enter => self.enter(flight),
                Stage::Middle => self.cross(flight),
                Stage::End => arrivals.extend(self.deliver(flight)),
            }
        }
        self.now = self.now.max(now);
    }

    /// Takes back the buffer of an arrival.
    pub(crate) fn recycle(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < 256 {
            self.spare.push(bytes);
        }
    }

    fn enter(&mut self, flight: Flight) {
        match self.interfaces.get(&(flight.realm, flight.from.ip())) {
            Some(interface) if interface.enabled => {
                let link = interface.up;
                self.carry(flight, link, Stage::Middle);
            }
            _ => self.lose(flight, Lost::Down),
        }
    }

    /// Between the up link and the down link: translates addresses and finds who has the destination.
    fn cross(&mut self, mut flight: Flight) {
        let stays_inside = self.interfaces.contains_key(&(flight.realm, flight.to.ip()));
        if let Some(nat) = flight.realm.filter(|_| !stays_inside) {
            let translator = &mut self.nats[nat.0];
            if translator.outer == flight.to.ip() && !translator.nat.hairpin {
                return self.lose(flight, Lost::Nat);
            }
            flight.from = translator.outbound(flight.at, flight.from, flight.to);
            flight.realm = None;
        }
        if !stays_inside && let Some(nat) = self.nats.iter().position(|nat| nat.outer == flight.to.ip()) {
            let Some(inner) = self.nats[nat].inbound(flight.at, flight.to.port(), flight.from) else {
                return self.lose(flight, Lost::Nat);
            };
            flight.to = inner;
            flight.realm = Some(NatId(nat));
        }
        match self.interfaces.get(&(flight.realm, flight.to.ip())) {
            Some(interface) => {
                let link = interface.down;
                self.carry(flight, link, Stage::End);
            }
            None => self.lose(flight, Lost::Unreachable),
        }
    }

    fn deliver(&mut self, flight: Flight) -> Option<Arrival> {
        let interface = self.interfaces.get(&(flight.realm, flight.to.ip()))?;
        if !interface.enabled {
            self.lose(flight, Lost::Down);
            return None;
        }
        let node = interface.node;
        let wanted = |bound: &Option<Bound>| {
            bound.is_some_and(|bound| bound.realm == flight.realm && bound.address == flight.to)
        };
        let Some(socket) = self.sockets[node.0].iter().position(wanted) else {
            self.lose(flight, Lost::Unreachable);
            return None;
        };
        self.record(&flight, What::Delivered);
        let Flight { from, ecn, bytes, .. } = flight;
        Some(Arrival { node, socket: SocketId(socket as u32), from, ecn, bytes })
    }

    fn carry(&mut self, mut flight: Flight, link: LinkId, stage: Stage) {
        match self.lanes[link.0].carry(flight.at, &mut flight.bytes, &mut flight.ecn) {
            Fate::Lost(reason) => self.lose(flight, reason),
            Fate::Arrives { at, again } => {
                flight.stage = stage;
                let copy = again.map(|at| Flight { at, bytes: flight.bytes.clone(), ..flight });
                flight.at = at;
                self.launch(flight);
                if let Some(copy) = copy {
                    self.trace.stats.duplicated += 1;
                    self.launch(copy);
                }
            }
        }
    }

    fn launch(&mut self, mut flight: Flight) {
        let period = self.coalesce.as_nanos() as u64;
        if matches!(flight.stage, Stage::End) && period > 0 {
            let spread = period / 64;
            let tick = flight.at.as_nanos().saturating_sub(spread).div_ceil(period);
            let drawn = tick * period + self.lot(tick, flight.to) % (spread + 1);
            flight.at = flight.at.max(Instant::from_nanos(drawn));
        }
        flight.order = self.next_order;
        self.next_order += 1;
        self.flights.push(flight);
    }

    /// A number by chance, the same for all packets to `to` in one tick.
    fn lot(&self, tick: u64, to: SocketAddr) -> u64 {
        let mut hash = Hash::default();
        hash.number(self.seed);
        hash.address(to);
        // Numbers that follow each other differ in their last bits, which take some steps to reach all others.
        for number in [tick, 1, 2] {
            hash.number(number);
        }
        hash.0
    }

    fn lose(&mut self, flight: Flight, reason: Lost) {
        self.record(&flight, What::Lost(reason));
        self.recycle(flight.bytes);
    }

    fn record(&mut self, flight: &Flight, what: What) {
        let Flight { at, from, to, ecn, ref bytes, .. } = *flight;
        self.trace.record(&Crossing { at, from, to, ecn, what, bytes });
    }

    fn bound(&self, node: NodeId, socket: SocketId) -> Option<Bound> {
        *self.sockets.get(node.0)?.get(socket.0 as usize)?
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("in_flight", &self.flights.len())
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

/// The flight that moves first is the greatest, as the heap wants it; ties go to the one launched first.
impl Ord for Flight {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Flight {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;

    const MS: Duration = Duration::from_millis(1);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn run(network: &mut Network) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        while let Some(at) = network.next_at() {
            network.advance(at, &mut arrivals);
        }
        arrivals
    }

    #[test]
    fn a_packet_takes_both_links() {
        let mut network = Network::new(1);
        let (a, b) = (network.add_node(), network.add_node());
        let up = network.add_link(Link::with_delay(5 * MS));
        let down = network.add_link(Link::with_delay(7 * MS));
        network.add_interface(a, ip("192.0.2.1"), up, down);
        network.add_interface(b, ip("192.0.2.2"), up, down);
        let from = network.bind(a, address("192.0.2.1:1"));
        network.bind(b, address("192.0.2.2:2"));
        network.send(a, from, address("192.0.2.2:2"), Ecn::Ect0, b"hello");
        network.send(a, from, address("192.0.2.2:3"), Ecn::Ect0, b"nobody");
        let arrivals = run(&mut network);
        assert_eq!(arrivals.len(), 1);
        assert_eq!((arrivals[0].node, arrivals[0].socket, arrivals[0].from), (b, SocketId(0), address("192.0.2.1:1")));
        assert_eq!((&arrivals[0].bytes[..], arrivals[0].ecn), (&b"hello"[..], Ecn::Ect0));
        assert_eq!(network.now(), epoch() + 12 * MS);
        assert_eq!(network.stats().lost[&Lost::Unreachable], 1);
    }

    #[test]
    fn two_nats_may_hide_the_same_address() {
        let mut network = Network::new(1);
        let (a, b) = (network.add_node(), network.add_node());
        let link = network.add_link(Link::default());
        let nat_a = network.add_nat(Nat::full_cone(), ip("198.51.100.1"));
        let nat_b = network.add_nat(Nat::full_cone(), ip("198.51.100.2"));
        network.add_interface_behind(nat_a, a, ip("10.0.0.2"), link, link);
        network.add_interface_behind(nat_b, b, ip("10.0.0.2"), link, link);
        let socket_a = network.bind(a, address("10.0.0.2:5"));
        let socket_b = network.bind(b, address("10.0.0.2:5"));
        network.send(a, socket_a, address("198.51.100.2:40000"), Ecn::NotEct, b"too early");
        assert!(run(&mut network).is_empty());
        network.send(b, socket_b, address("198.51.100.1:40000"), Ecn::NotEct, b"open now");
        let arrivals = run(&mut network);
        assert_eq!((arrivals[0].node, arrivals[0].from), (a, address("198.51.100.2:40000")));
        network.rebind_nat(nat_b);
        network.send(b, socket_b, address("198.51.100.1:40000"), Ecn::NotEct, b"moved");
        assert_eq!(run(&mut network)[0].from, address("198.51.100.2:41001"));
    }

    #[test]
    fn an_interface_that_is_off_carries_nothing() {
        let mut network = Network::new(1);
        let a = network.add_node();
        let link = network.add_link(Link::default());
        network.add_interface(a, ip("192.0.2.1"), link, link);
        let socket = network.bind(a, address("192.0.2.1:1"));
        network.set_interface(a, ip("192.0.2.1"), false);
        network.send(a, socket, address("192.0.2.1:1"), Ecn::NotEct, b"");
        assert!(run(&mut network).is_empty());
        network.set_interface(a, ip("192.0.2.1"), true);
        network.send(a, socket, address("192.0.2.1:1"), Ecn::NotEct, b"");
        assert_eq!(run(&mut network).len(), 1);
    }

    #[test]
    fn a_filter_may_drop_change_delay_and_double() {
        let mut network = Network::new(1);
        let a = network.add_node();
        let link = network.add_link(Link::default());
        network.add_interface(a, ip("192.0.2.1"), link, link);
        let socket = network.bind(a, address("192.0.2.1:1"));
        network.set_filter(|_, _, _, bytes| match bytes[0] {
            b'd' => Verdict::Drop,
            b'l' => Verdict::Delay(MS),
            b't' => Verdict::Twice,
            _ => {
                bytes.truncate(2);
                Verdict::Pass
            }
        });
        for packet in [&b"drop"[..], b"late", b"twice", b"short"] {
            network.send(a, socket, address("192.0.2.1:1"), Ecn::NotEct, packet);
        }
        let arrivals: Vec<Vec<u8>> = run(&mut network).into_iter().map(|arrival| arrival.bytes).collect();
        assert_eq!(arrivals, [&b"twice"[..], b"twice", b"sh", b"late"]);
    }
}
