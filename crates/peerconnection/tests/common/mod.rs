//! A peer in the simulator: pumps what the engine reports and keeps what the tests look at.
#![allow(dead_code, reason = "each test uses its part")]

pub mod streams;
pub mod stun_server;
#[cfg(feature = "serde")]
pub mod watch;

use netsim::{Endpoint, Link, NodeId, Pair};
use ortica::core::crypto::rust_crypto;
use ortica::core::{Datagram, Instant, NtpTime, Rng, SocketId, Transmit, WallClock};
use ortica::engine::{ChannelId, ChannelMessage, ChannelParameters, Config, Event, Limits};
use ortica::jsep::SessionDescription;
use ortica::peer::{Peer, PeerEvent};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One side of a simulated call.
pub struct Side {
    pub peer: Peer,
    pub channels: Vec<ChannelId>,
    pub opened: Vec<ChannelId>,
    pub closed: Vec<ChannelId>,
    /// How often a channel said that what it has queued is low.
    pub low: usize,
    pub received: Vec<ChannelMessage>,
    pub events: Vec<PeerEvent>,
    /// What the engine said of transports.
    pub transport_events: Vec<Event>,
    /// What it said of the numbers of streams and of what encoders are to do.
    pub sender_events: Vec<Event>,
    /// What is still to be sent on the first open channel.
    pub queue: VecDeque<ChannelMessage>,
    /// Sockets for transports beside the first one.
    pub spare: Vec<(SocketId, SocketAddr)>,
    /// Takes checks and drops the rest, as Firefox does until it has the answer to its offer.
    pub takes_checks_alone: bool,
    /// Its socket refuses longer datagrams, and says so.
    pub refuses_above: usize,
    /// How many transmits it refused.
    pub refused: usize,
}

impl Side {
    pub fn new(seed: u64, address: SocketAddr) -> Self {
        Self::with(seed, ortica_ice::Config::new(rust_crypto::provider()), vec![(SocketId(0), address)])
    }

    /// With ICE and sockets of the test's choice.
    ///
    /// In [`call`]s of even seeds SCTP starts from the descriptions and interleaves messages; in those of odd ones it does as
    /// older peers do.
    pub fn with(seed: u64, ice: ortica_ice::Config, sockets: Vec<(SocketId, SocketAddr)>) -> Self {
        Self::with_limits(seed, ice, sockets, Limits::default())
    }

    /// The same with bounds of the test's choice.
    pub fn with_limits(
        seed: u64,
        ice: ortica_ice::Config,
        sockets: Vec<(SocketId, SocketAddr)>,
        limits: Limits,
    ) -> Self {
        let is_new = matches!(seed % 4, 1 | 2);
        let sctp = ortica_sctp::Config::new(rust_crypto::provider()).with_interleaving(is_new);
        Self::configured(seed, ice, sctp, sockets, |config| config.with_signalled_sctp(is_new).with_limits(limits))
    }

    /// With all settings of the test's choice.
    pub fn configured(
        seed: u64,
        ice: ortica_ice::Config,
        sctp: ortica_sctp::Config,
        sockets: Vec<(SocketId, SocketAddr)>,
        change: impl FnOnce(Config) -> Config,
    ) -> Self {
        let provider = rust_crypto::provider();
        let rng = Rng::from_number(seed);
        let wall = Duration::from_secs(1_800_000_000);
        let certificate = ortica_dtls::Certificate::generate(&provider, &mut rng.fork("certificate"), wall)
            .expect("the provider makes certificates");
        let config = Config::new(
            ice,
            ortica_dtls::Config::new(provider, Arc::new(certificate))
                .with_srtp_profiles(&[ortica_dtls::SrtpProfile::AEAD_AES_128_GCM]),
            sctp,
        )
        .with_wall_clock(WallClock::new(netsim::epoch(), NtpTime::from_unix(wall)));
        let mut peer = Peer::new(Arc::new(change(config)), rng, netsim::epoch());
        peer.set_sockets(sockets);
        Self {
            peer,
            channels: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            low: 0,
            received: Vec::new(),
            events: Vec::new(),
            transport_events: Vec::new(),
            sender_events: Vec::new(),
            queue: VecDeque::new(),
            spare: Vec::new(),
            takes_checks_alone: false,
            refuses_above: usize::MAX,
            refused: 0,
        }
    }

    pub fn create_channel(&mut self, now: Instant, parameters: ChannelParameters) -> ChannelId {
        let id = self.peer.create_channel(now, parameters).expect("the channel is legal");
        self.channels.push(id);
        id
    }

    fn pump(&mut self, now: Instant) {
        let mut happened = Vec::new();
        self.peer.drain_engine(now, |event| happened.push(event));
        let mut readable = BTreeSet::new();
        for event in happened {
            match event {
                Event::ChannelReadable(id) => drop(readable.insert(id)),
                Event::IncomingChannel(id) => self.channels.push(id),
                Event::ChannelOpen(id) => self.opened.push(id),
                Event::ChannelClosed(id) => self.closed.push(id),
                Event::ChannelBufferedAmountLow(_) => self.low += 1,
                Event::Ice(..) | Event::Gathering(..) | Event::Selected(_) | Event::Dtls(..) | Event::Sctp(..) => {
                    self.transport_events.push(event);
                }
                Event::SsrcChanged { .. } | Event::EncoderTargets(_) => self.sender_events.push(event),
                _ => {}
            }
        }
        self.serve_sockets(now);
        while let Some(event) = self.peer.poll_event() {
            self.events.push(event);
        }
        for id in readable {
            while let Some(message) = self.peer.session_mut().read(now, id) {
                self.received.push(message);
            }
        }
        while let (Some(id), Some(message)) = (self.opened.first().copied(), self.queue.front().cloned()) {
            if self.peer.session_mut().send(now, id, message).is_err() {
                break;
            }
            self.queue.pop_front();
        }
    }
}

impl Side {
    /// Gives each transport that waits for sockets one of its own.
    pub fn serve_sockets(&mut self, now: Instant) {
        for id in self.peer.take_socket_wishes() {
            let socket = self.spare.pop().into_iter().collect();
            self.peer.provide_sockets(now, id, socket);
        }
    }
}

/// A pair whose sides have a socket for each transport, eight in all.
pub fn pair_with_sockets(seed: u64, link: Link, mut a: Side, mut b: Side) -> Pair<Side> {
    let spare = |base: SocketAddr| {
        let bound = |number: u32| (SocketId(number), SocketAddr::new(base.ip(), base.port() + 10 * number as u16));
        (1..8).map(bound).collect::<Vec<_>>()
    };
    (a.spare, b.spare) = (spare(Pair::<Side>::A), spare(Pair::<Side>::B));
    let bound = [a.spare.clone(), b.spare.clone()];
    a.peer.allow_more_sockets();
    b.peer.allow_more_sockets();
    let mut pair = Pair::new(seed, link, a, b);
    for (node, sockets) in bound.into_iter().enumerate() {
        for (id, address) in sockets {
            assert_eq!(pair.network.bind(NodeId(node), address), id);
        }
    }
    pair
}

/// Each description of each test goes before a judge: those there were at the end here, those on the way in
/// [`exchange`].
impl Drop for Side {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let made = [self.peer.current_local_description(), self.peer.pending_local_description()];
        made.into_iter().flatten().for_each(|it| sdp_grammar::assert_sound(&it.sdp));
    }
}

impl Endpoint for Side {
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        // The first byte of STUN is less than 4 (RFC 7983 §7).
        let is_check = datagram.contents.first().is_some_and(|first| *first < 4);
        if is_check || !self.takes_checks_alone {
            self.peer.handle_datagram(now, datagram);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.peer.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.pump(now);
        loop {
            let start = out.len();
            let transmit = self.peer.poll_transmit(now, max_segments, out)?;
            let Transmit { socket, remote, len, segment_size, .. } = transmit;
            let longest = segment_size.unwrap_or(len);
            if longest <= self.refuses_above {
                return Some(transmit);
            }
            out.truncate(start);
            self.refused += 1;
            self.peer.handle_too_long(now, socket, remote, longest);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.peer.poll_timeout()
    }

    fn react(&mut self, now: Instant) {
        self.pump(now);
    }
}

/// Two sides with a link between them; `a` has a channel and has offered, `b` has answered, and both know all candidates.
pub fn call(seed: u64, link: Link) -> Pair<Side> {
    let mut pair =
        Pair::new(seed, link, Side::new(seed * 2 + 1, Pair::<Side>::A), Side::new(seed * 2 + 2, Pair::<Side>::B));
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters { label: "chat".to_owned(), ..ChannelParameters::default() });
    negotiate(&mut pair);
    pair
}

/// `a` offers, `b` answers.
pub fn negotiate(pair: &mut Pair<Side>) {
    exchange(pair.now(), &mut pair.a, &mut pair.b);
}

/// Offer and answer, each with the candidates that there are.
pub fn exchange(now: Instant, offerer: &mut Side, answerer: &mut Side) -> [SessionDescription; 2] {
    let offer = offerer.peer.create_offer(now).expect("an offer");
    sdp_grammar::assert_sound(&offer.sdp);
    offerer.peer.set_local_description(now, offer).expect("the offer is ours");
    let offer = offerer.peer.local_description().expect("it was set");
    answerer.peer.set_remote_description(now, offer.clone()).expect("the offer is legal");
    let answer = answerer.peer.create_answer(now).expect("an answer");
    sdp_grammar::assert_sound(&answer.sdp);
    answerer.peer.set_local_description(now, answer).expect("the answer is ours");
    let answer = answerer.peer.local_description().expect("it was set");
    offerer.peer.set_remote_description(now, answer.clone()).expect("the answer is legal");
    [&offer, &answer].into_iter().for_each(|it| sdp_grammar::assert_sound(&it.sdp));
    [offer, answer]
}
