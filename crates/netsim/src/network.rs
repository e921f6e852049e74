//! Nodes, their addresses, and the packets on their way between them.

use crate::flight::{Arrival, Flight, Stage};
use crate::link::{Fate, Lane, Link, Lost};
use crate::nat::{Nat, Translator};
use crate::stream::{Part, Streams};
use crate::trace::{Crossing, Hash, Stats, Tap, Trace, What};
use ortica_core::{Ecn, Instant, Rng, SocketId};
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
/// A packet goes over the *up* link of the interface it is sent from, through that interface's NATs if it has any, and over
/// the *down* link of the interface it is for. Same seed and same calls: same packets at the same times.
pub struct Network {
    seed: u64,
    rng: Rng,
    now: Instant,
    lanes: Vec<Lane>,
    nats: Vec<PlacedNat>,
    interfaces: BTreeMap<(Realm, IpAddr), Interface>,
    /// Per node, by `SocketId`.
    sockets: Vec<Vec<Option<Bound>>>,
    streams: Streams<Flight>,
    flights: BinaryHeap<Flight>,
    next_order: u64,
    filter: Option<Filter>,
    coalesce: Duration,
    trace: Trace,
    spare: Vec<Vec<u8>>,
}

/// The addresses behind one NAT, or the public ones.
pub(crate) type Realm = Option<NatId>;

/// A NAT, and where its outer address is.
#[derive(Debug)]
struct PlacedNat {
    translator: Translator,
    realm: Realm,
}

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
    /// Whether it is for streams.
    stream: bool,
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
            streams: Streams::default(),
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
        self.place_nat(nat, outer, None)
    }

    /// Adds a NAT whose outer address `outer` is one of those behind another NAT.
    pub fn add_nat_behind(&mut self, further_out: NatId, nat: Nat, outer: IpAddr) -> NatId {
        self.place_nat(nat, outer, Some(further_out))
    }

    fn place_nat(&mut self, nat: Nat, outer: IpAddr, realm: Realm) -> NatId {
        let rng = self.rng.fork(&format!("nat {}", self.nats.len()));
        self.nats.push(PlacedNat { translator: Translator::new(nat, outer, rng), realm });
        NatId(self.nats.len() - 1)
    }

    /// The NAT that has this public address.
    pub(crate) fn public_nat(&self, outer: IpAddr) -> Option<NatId> {
        self.nat_at(None, outer)
    }

    fn nat_at(&self, realm: Realm, outer: IpAddr) -> Option<NatId> {
        self.nats.iter().position(|nat| nat.realm == realm && nat.translator.outer == outer).map(NatId)
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
        self.bind_as(node, address, false)
    }

    /// Binds a socket of `node` for streams, as [`bind`](Self::bind) does for UDP: to another socket for streams, what it sends
    /// arrives once and in order, and firewalls let it through. It is sent again where a link loses it, after 200 ms at first.
    ///
    /// Each packet arrives in one piece; that streams have no such bounds is for the caller to play. There is no handshake,
    /// and nobody is told of a connection that is refused or lost.
    ///
    /// # Panics
    ///
    /// If `node` has no interface with that address.
    pub fn bind_stream(&mut self, node: NodeId, address: SocketAddr) -> SocketId {
        self.bind_as(node, address, true)
    }

    fn bind_as(&mut self, node: NodeId, address: SocketAddr, stream: bool) -> SocketId {
        let realm = self.interfaces.iter().find(|((_, ip), it)| *ip == address.ip() && it.node == node);
        let realm = realm.unwrap_or_else(|| panic!("node {} has no interface {}", node.0, address.ip())).0.0;
        let sockets = &mut self.sockets[node.0];
        sockets.push(Some(Bound { realm, address, stream }));
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
        self.nats[nat.0].translator.rebind();
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
        let Some(Bound { realm, address: from, stream }) = self.bound(node, socket) else { return };
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(payload);
        let part = stream.then(|| self.streams.next(node, socket, to));
        let mut flight = Flight { at: self.now, order: 0, stage: Stage::Enter, from, to, realm, ecn, part, bytes };
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
                Stage::End => self.deliver(flight, arrivals),
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

    /// Between the up link and the down link: goes outwards through NATs until the destination is in sight, then inwards.
    fn cross(&mut self, mut flight: Flight) {
        let stream = flight.part.is_some();
        let mut inwards = false;
        loop {
            if let Some(interface) = self.interfaces.get(&(flight.realm, flight.to.ip())) {
                let link = interface.down;
                return self.carry(flight, link, Stage::End);
            }
            if let Some(nat) = self.nat_at(flight.realm, flight.to.ip()) {
                let translator = &mut self.nats[nat.0].translator;
                let Some(inner) = translator.inbound(flight.at, stream, flight.to.port(), flight.from) else {
                    return self.lose(flight, Lost::Nat);
                };
                flight.to = inner;
                flight.realm = Some(nat);
                inwards = true;
            } else if let Some(nat) = flight.realm.filter(|_| !inwards) {
                let PlacedNat { translator, realm } = &mut self.nats[nat.0];
                let is_refused = translator.outer == flight.to.ip() && !translator.nat.hairpin;
                let from =
                    if is_refused { None } else { translator.outbound(flight.at, stream, flight.from, flight.to) };
                let Some(from) = from else { return self.lose(flight, Lost::Nat) };
                flight.from = from;
                flight.realm = *realm;
            } else {
                return self.lose(flight, Lost::Unreachable);
            }
        }
    }

    fn deliver(&mut self, flight: Flight, arrivals: &mut Vec<Arrival>) {
        let Some(interface) = self.interfaces.get(&(flight.realm, flight.to.ip())) else { return };
        if !interface.enabled {
            return self.lose(flight, Lost::Down);
        }
        let node = interface.node;
        let mine = (flight.realm, flight.to, flight.part.is_some());
        let wanted = |bound: &Option<Bound>| bound.is_some_and(|it| (it.realm, it.address, it.stream) == mine);
        let Some(socket) = self.sockets[node.0].iter().position(wanted) else {
            return self.lose(flight, Lost::Unreachable);
        };
        let (at, socket) = (flight.at, SocketId(socket as u32));
        let Some(part) = flight.part else { return arrivals.push(self.hand_over(flight, node, socket)) };
        for flight in self.streams.arrive(part, flight) {
            arrivals.push(self.hand_over(Flight { at, ..flight }, node, socket));
        }
    }

    fn hand_over(&mut self, flight: Flight, node: NodeId, socket: SocketId) -> Arrival {
        self.record(&flight, What::Delivered);
        let Flight { from, ecn, bytes, .. } = flight;
        Arrival { node, socket, from, ecn, bytes }
    }

    fn carry(&mut self, mut flight: Flight, link: LinkId, stage: Stage) {
        let lane = &mut self.lanes[link.0];
        let fate = match flight.part {
            Some(_) => lane.carry_stream(flight.at, flight.bytes.len(), &mut flight.ecn),
            None => lane.carry(flight.at, &mut flight.bytes, &mut flight.ecn),
        };
        match fate {
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

    /// Counts a loss. What belongs to a stream is on its way again, unless whoever took it would always do so.
    fn lose(&mut self, mut flight: Flight, reason: Lost) {
        self.record(&flight, What::Lost(reason));
        let passes = matches!(reason, Lost::Chance | Lost::QueueFull | Lost::Down | Lost::Filtered);
        match flight.part.as_mut().filter(|_| passes).and_then(Part::retry) {
            Some(wait) => {
                flight.at += wait;
                self.launch(flight);
            }
            None => self.recycle(flight.bytes),
        }
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

#[cfg(test)]
mod tests;
