//! Behaviours that the Web Platform Tests' folder `webrtc/` asks of a peer connection: `docs/wpt.md` lists them.
//!
//! Calls are complete when they return, so what those tests say of promises and tasks comes down to the order of events.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod add_ice_candidate;
mod bundling;
mod candidates;
#[cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod certificates;
#[cfg(all(feature = "tokio", feature = "vpx"))]
mod clock_rate;
#[path = "../common/mod.rs"]
mod common;
mod configuration;
mod connection;
mod data_channel_events;
mod data_channels;
mod demuxing;
mod descriptions;
mod dtmf;
mod h264;
mod header_encryption;
mod header_extensions;
mod ice_servers;
mod layers;
#[cfg(all(feature = "tokio", feature = "vpx"))]
mod local_tracks;
mod mute;
mod negotiation_needed;
mod operations;
#[cfg(all(feature = "tokio", feature = "opus"))]
mod opus_stereo;
mod parameters;
#[cfg(feature = "tokio")]
mod policies;
mod preferences;
mod rollback;
mod set_local_description;
mod set_remote_description;
mod simulcast;
#[cfg(all(feature = "tokio", feature = "vpx"))]
mod sizes;
#[cfg(feature = "tokio")]
#[path = "../common/sockets.rs"]
mod sockets;
mod sources;
mod states;
mod stats;
#[cfg(feature = "serde")]
mod stats_members;
#[cfg(feature = "tokio")]
mod stats_of_tracks;
mod stop;
mod streams;
mod tracks;
mod transceivers;
mod transport_objects;
mod vp9_layers;

use common::Side;
use netsim::Pair;
use ortica::Direction;
use ortica::codecs::{Codec, MediaKind};
use ortica::core::Instant;
use ortica::jsep::{DescriptionError, SdpType, SessionDescription, SignalingState, TransceiverId, TransceiverInit};
use ortica::peer::{Peer, PeerEvent, TcpSockets, TransceiverState};
use std::net::SocketAddr;
use std::sync::Arc;

fn now() -> Instant {
    netsim::epoch()
}

/// A peer connection, and what happened to it.
struct Pc {
    side: Side,
}

impl Pc {
    fn new() -> Self {
        Self::seeded(1)
    }

    fn seeded(seed: u64) -> Self {
        Self::at(seed, Pair::<Side>::A)
    }

    /// With codecs for sound and pictures, whatever this build can encode.
    fn at(seed: u64, address: SocketAddr) -> Self {
        let mut side = Side::new(seed, address);
        let tcp = TcpSockets { opens_from: vec![address.ip()], ..TcpSockets::default() };
        side.peer.set_tcp_sockets(Arc::new(tcp));
        side.peer.set_codecs(vec![Codec::Opus, Codec::Pcmu, Codec::Vp8]);
        Self { side }
    }

    /// Two of them.
    fn two() -> (Self, Self) {
        (Self::seeded(1), Self::at(2, Pair::<Side>::B))
    }

    fn peer(&mut self) -> &mut Peer {
        &mut self.side.peer
    }

    fn add_transceiver(&mut self, kind: MediaKind, direction: Direction) -> TransceiverId {
        self.peer().add_transceiver(kind, TransceiverInit { direction, ..TransceiverInit::default() }).unwrap()
    }

    fn add_track(&mut self, kind: MediaKind, streams: &[&str]) -> TransceiverId {
        self.peer().add_track(kind, streams.iter().map(|&stream| stream.to_owned()).collect()).unwrap()
    }

    fn create_channel(&mut self) {
        self.side.create_channel(now(), Default::default());
    }

    fn create_offer(&mut self) -> SessionDescription {
        sound(self.peer().create_offer(now()).unwrap())
    }

    fn create_answer(&mut self) -> SessionDescription {
        sound(self.peer().create_answer(now()).unwrap())
    }

    fn sld(&mut self, description: SessionDescription) -> Result<(), DescriptionError> {
        self.peer().set_local_description(now(), description)
    }

    fn srd(&mut self, description: SessionDescription) -> Result<(), DescriptionError> {
        self.peer().set_remote_description(now(), description)
    }

    /// Sets the description that fits the state, and tells it.
    fn sld_implicit(&mut self) -> SessionDescription {
        let made = sound(self.peer().create_implicit(now()).unwrap());
        self.sld(made.clone()).unwrap();
        made
    }

    fn state(&mut self) -> SignalingState {
        self.peer().signaling_state()
    }

    fn transceivers(&mut self) -> Vec<TransceiverState> {
        self.peer().transceivers()
    }

    fn transceiver(&mut self, id: TransceiverId) -> TransceiverState {
        self.peer().transceiver(id).unwrap()
    }

    fn mid(&mut self, id: TransceiverId) -> Option<String> {
        self.transceiver(id).mid
    }

    /// What was reported since the last call.
    fn events(&mut self) -> Vec<PeerEvent> {
        self.side.peer.drain_engine(now(), |_| ());
        std::iter::from_fn(|| self.side.peer.poll_event()).collect()
    }

    /// The signaling states that were reported since the last call; other events are dropped.
    fn states(&mut self) -> Vec<SignalingState> {
        let state = |event| match event {
            PeerEvent::SignalingStateChange(state) => Some(state),
            _ => None,
        };
        self.events().into_iter().filter_map(state).collect()
    }

    /// Whether `NegotiationNeeded` was reported since the last call; other events are dropped.
    fn is_negotiation_needed(&mut self) -> bool {
        let count = self.events().iter().filter(|event| **event == PeerEvent::NegotiationNeeded).count();
        assert!(count < 2, "once for one change");
        count == 1
    }

    /// The types of the descriptions: current and pending local, current and pending remote.
    fn types(&mut self) -> [Option<SdpType>; 4] {
        let peer = self.peer();
        let local = [peer.current_local_description(), peer.pending_local_description()];
        let remote = [peer.current_remote_description(), peer.pending_remote_description()];
        let [current, pending] = local.map(|it| it.map(|it| it.kind));
        let [current_remote, pending_remote] = remote.map(|it| it.map(|it| it.kind));
        [current, pending, current_remote, pending_remote]
    }
}

/// A description that says nothing it may not.
fn sound(made: SessionDescription) -> SessionDescription {
    sdp_grammar::assert_sound(&made.sdp);
    made
}

/// `a` offers, `b` answers.
fn negotiate(a: &mut Pc, b: &mut Pc) {
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
}

/// The error of a call that does not fit the state.
fn is_invalid_state(outcome: Result<(), DescriptionError>) -> bool {
    matches!(outcome, Err(DescriptionError::InvalidState { .. }))
}
