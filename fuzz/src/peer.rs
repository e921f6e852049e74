//! A whole peer, without sockets: as a machine, and in negotiation.

use crate::script::Script;
use bytes::Bytes;
use netsim::{Event, Machine, epoch, unix_epoch};
use ortica::Direction;
use ortica::codecs::{Codec, MediaKind};
use ortica::engine::{ChannelId, ChannelMessage, ChannelParameters, Config, Event as EngineEvent};
use ortica::jsep::{BundlePolicy, IceCandidate, SdpType, SessionDescription, SignalingState, TransceiverInit};
use ortica::peer::{Peer, PeerEvent, TransceiverState};
use ortica_core::{Datagram, Instant, Rng, SocketId};
use ortica_dtls::Certificate;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

static CERTIFICATE: LazyLock<Arc<Certificate>> = LazyLock::new(|| {
    let mut rng = Rng::from_number(0);
    Arc::new(Certificate::generate(&crate::provider(), &mut rng, unix_epoch()).expect("the provider makes keys"))
});

const A: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 5_001);
const B: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)), 5_002);

/// A peer with one socket.
pub fn new_peer(seed: u64) -> Peer {
    let provider = crate::provider();
    let config = Config::new(
        ortica_ice::Config::new(provider),
        ortica_dtls::Config::new(provider, Arc::clone(&CERTIFICATE)),
        ortica_sctp::Config::new(provider),
    );
    let mut peer = Peer::new(Arc::new(config), Rng::from_number(seed), epoch());
    peer.set_sockets(vec![(SocketId(0), if seed % 2 == 1 { A } else { B })]);
    peer
}

/// Two peers that have negotiated a channel and know each other's candidates.
pub fn pair() -> (Side, Side) {
    let (mut a, mut b) = (Side::new(1, B), Side::new(2, A));
    let channel = a.peer.create_channel(epoch(), ChannelParameters::default()).expect("the first channel is legal");
    a.channels.push(channel);
    let offer = a.peer.create_offer(epoch()).expect("there is something to offer");
    a.peer.set_local_description(epoch(), offer).expect("our own offer can be set");
    a.drain(epoch());
    let offer = a.peer.local_description().expect("it was set");
    b.peer.set_remote_description(epoch(), offer).expect("our offer can be taken");
    let answer = b.peer.create_answer(epoch()).expect("an offer that was taken can be answered");
    b.peer.set_local_description(epoch(), answer).expect("our own answer can be set");
    b.drain(epoch());
    let answer = b.peer.local_description().expect("it was set");
    a.peer.set_remote_description(epoch(), answer).expect("our answer can be taken");
    (a, b)
}

/// One peer of a pair.
pub struct Side {
    peer: Peer,
    remote: SocketAddr,
    channels: Vec<ChannelId>,
    events: Vec<PeerEvent>,
    told: bool,
}

impl Side {
    fn new(seed: u64, remote: SocketAddr) -> Self {
        Self { peer: new_peer(seed), remote, channels: Vec::new(), events: Vec::new(), told: false }
    }

    fn drain(&mut self, now: Instant) {
        let channels = &mut self.channels;
        self.peer.drain_engine(now, |event| {
            if let EngineEvent::IncomingChannel(id) = event {
                channels.push(id);
            }
        });
        while let Some(event) = self.peer.poll_event() {
            self.events.push(event);
        }
        for id in &self.channels {
            while self.peer.session_mut().read(now, *id).is_some() {}
        }
    }
}

impl Machine for Side {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.peer.handle_datagram(now, Datagram::single(SocketId(0), self.remote, packet));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.peer.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.drain(now);
        self.peer.poll_transmit(now, 1, out).map(|transmit| transmit.len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.peer.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop() {
            return Some(Event::new(format!("{event:?}")));
        }
        let reason = self.peer.close_reason().filter(|_| !self.told)?;
        self.told = true;
        Some(Event::closed(format!("{reason:?}")))
    }

    fn act(&mut self, now: Instant, step: u64) {
        let channel = self.channels.get(step as usize % self.channels.len().max(1)).copied();
        match (step % 16, channel) {
            (15, _) => self.peer.close(now),
            (14, _) => {
                let made = self.peer.create_channel(now, ChannelParameters::default());
                self.channels.extend(made);
                self.channels.truncate(64);
            }
            (13, Some(id)) => self.peer.session_mut().close_channel(now, id),
            (_, Some(id)) => {
                let data = Bytes::from(vec![step as u8; (step as usize * 97) % 5_000]);
                drop(self.peer.session_mut().send(now, id, ChannelMessage { binary: true, data }));
            }
            _ => {}
        }
    }
}

/// Lets two peers make descriptions and set them, in whatever order, changed or not.
pub fn negotiate(input: &[u8]) {
    let mut script = Script::new(input);
    let mut peers = [new_peer(1), new_peer(2)];
    peers.iter_mut().for_each(|peer| peer.set_codecs(vec![Codec::Opus, Codec::Vp8]));
    let policies = [BundlePolicy::Balanced, BundlePolicy::MaxCompat, BundlePolicy::MaxBundle];
    peers[0].set_bundle_policy(policies[input.len() % 3]);
    peers[1].set_bundle_policy(policies[input.len() / 3 % 3]);
    let mut made: Vec<SessionDescription> = Vec::new();
    let mut now = epoch();
    for _ in 0..64 {
        if script.is_empty() {
            break;
        }
        let peer = &mut peers[usize::from(script.u8() & 1)];
        match script.u8() % 10 {
            0 => drop(peer.create_channel(now, ChannelParameters::default())),
            1 => made.extend(peer.create_offer(now)),
            2 => made.extend(peer.create_answer(now)),
            3 => made.extend(peer.local_description()),
            4 => drop(description(&mut script, &made).map(|it| peer.set_local_description(now, it))),
            5 => drop(description(&mut script, &made).map(|it| peer.set_remote_description(now, it))),
            6 => {
                let candidate = IceCandidate {
                    candidate: format!("candidate:1 1 udp {} 192.0.2.3 9 typ host", script.u16()),
                    sdp_mid: Some(usize::from(script.u8() & 3).to_string()),
                    ..IceCandidate::default()
                };
                drop(peer.add_ice_candidate(now, &candidate));
            }
            7 => transceiver(&mut script, peer),
            8 => peer.restart_ice(),
            _ => now += std::time::Duration::from_millis(u64::from(script.u16())),
        }
        peer.drain_engine(now, |_| {});
        while peer.poll_event().is_some() {}
        check(peer);
    }
}

/// What holds in each signaling state (webrtc-pc §4.3.1).
fn check(peer: &Peer) {
    use SignalingState::{HaveLocalOffer, HaveLocalPranswer, HaveRemoteOffer, HaveRemotePranswer, Stable};
    let kinds =
        [peer.pending_local_description().map(|it| it.kind), peer.pending_remote_description().map(|it| it.kind)];
    let wanted = match peer.signaling_state() {
        Stable => [None, None],
        HaveLocalOffer => [Some(SdpType::Offer), None],
        HaveRemoteOffer => [None, Some(SdpType::Offer)],
        HaveLocalPranswer => [Some(SdpType::Pranswer), Some(SdpType::Offer)],
        HaveRemotePranswer => [Some(SdpType::Offer), Some(SdpType::Pranswer)],
        state => panic!("nobody closed it: {state}"),
    };
    assert_eq!(kinds, wanted, "{}", peer.signaling_state());
    let session = peer.session();
    let transceivers = peer.transceivers();
    let transports = transceivers.iter().filter_map(|state| state.transport).chain(peer.data_transport());
    for id in transports {
        assert!(session.ice(id).is_some(), "a section on a transport that is gone");
    }
    for (index, state) in transceivers.iter().enumerate() {
        let same = |other: &TransceiverState| other.mid.is_some() && other.mid == state.mid;
        assert!(!transceivers[..index].iter().any(same), "two transceivers of one section");
    }
}

/// A change of a transceiver.
fn transceiver(script: &mut Script<'_>, peer: &mut Peer) {
    let all = peer.transceivers();
    let id = all.get(script.below(all.len())).map(|state| state.id);
    let kind = if script.u8() & 1 == 0 { MediaKind::Audio } else { MediaKind::Video };
    let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
    let direction = directions[usize::from(script.u8() & 3)];
    match (script.u8() % 4, id) {
        (0, _) => drop(peer.add_track(kind, Vec::new())),
        (1, _) => drop(peer.add_transceiver(kind, TransceiverInit { direction, ..TransceiverInit::default() })),
        (2, Some(id)) => drop(peer.set_direction(id, direction)),
        (_, Some(id)) => drop(peer.stop_transceiver(id)),
        _ => {}
    }
}

/// One of those made, perhaps with its type changed and a line dropped, doubled or bent.
fn description(script: &mut Script<'_>, made: &[SessionDescription]) -> Option<SessionDescription> {
    let mut it = made.get(script.below(made.len()))?.clone();
    let how = script.u8();
    if how & 1 == 1 {
        let kinds = [SdpType::Offer, SdpType::Pranswer, SdpType::Answer, SdpType::Rollback];
        it.kind = kinds[usize::from(how >> 3 & 3)];
    }
    let mut lines: Vec<String> = it.sdp.lines().map(str::to_owned).collect();
    let at = script.below(lines.len());
    match how >> 1 & 3 {
        1 => drop(lines.remove(at)),
        2 => lines.insert(at, lines[at].clone()),
        3 => {
            let to = script.below(lines.len());
            lines.swap(at, to);
        }
        _ => return Some(it),
    }
    it.sdp = lines.iter().map(|line| format!("{line}\r\n")).collect();
    Some(it)
}
