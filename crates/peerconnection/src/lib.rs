//! WebRTC and ORTC: peer connections and data channels, on tokio or on a loop of your own.
//!
//! | module | what |
//! |---|---|
//! | crate root | [`PeerConnection`], [`DataChannel`], tracks and what they speak of; feature `tokio` |
//! | [`jsep`] | descriptions and candidates as signaling carries them |
//! | [`ortc`] | transports as objects, looked at or used by hand, without descriptions |
//! | [`parameters`] | parameters and capabilities of senders and receivers |
//! | [`peer`] | a peer connection as a sans-IO machine |
//! | [`engine`] | the same without descriptions, shaped as ORTC has it |
//! | `transform` | encoded frames in the application's hands, on their way out or in; feature `tokio` |
//! | `media` | players, recorders and relays, and what tracks carry between them; feature `tokio` |
//! | [`stats`] | what a connection reports about itself |
//! | `diagnostics` | for who looks for a fault: event log, captured packets, key log; feature `tokio` |
//! | `signaling` | ways for two programs to find each other; feature `signaling` |
//! | [`driver`] | endpoints: sockets, timers, and many connections on one port |
#![forbid(unsafe_code)]

pub mod engine;
mod ice_server;
pub mod jsep;
pub mod ortc;
pub mod parameters;
pub mod peer;
mod states;
pub mod stats;
#[cfg(any(feature = "websocket-tls", feature = "whip", feature = "turn-tls"))]
mod tls;

#[cfg(feature = "tokio")]
pub mod diagnostics;
#[cfg(feature = "tokio")]
pub mod driver;
#[cfg(feature = "tokio")]
pub mod media;
#[cfg(feature = "tokio")]
pub mod transform;

#[cfg(feature = "signaling")]
pub mod signaling;

#[cfg(feature = "tokio")]
mod certificate;
#[cfg(feature = "tokio")]
mod channel_stream;
#[cfg(feature = "tokio")]
mod configuration;
#[cfg(feature = "tokio")]
mod data_channel;
#[cfg(feature = "tokio")]
mod dtmf_sender;
#[cfg(feature = "tokio")]
mod event;
#[cfg(feature = "tokio")]
mod get_stats;
#[cfg(feature = "tokio")]
mod ip_handling;
#[cfg(feature = "tokio")]
mod peer_connection;
#[cfg(feature = "tokio")]
mod rtp_transceiver;

pub use engine::Undelivered;
pub use ice_server::{IceScheme, IceServer, IceServerError, IceUrl, IceUrlError, IceUrlTransport};
pub use jsep::{BundlePolicy, RtpHeaderEncryptionPolicy};
pub use peer::{ConfigurationError, IceCandidateErrorEvent};
pub use states::{ConnectionState, IceConnectionState, IceGatheringState};

#[cfg(feature = "tokio")]
pub use certificate::Certificate;
#[cfg(feature = "tokio")]
pub use channel_stream::DataChannelStream;
#[cfg(feature = "tokio")]
pub use configuration::Configuration;
#[cfg(feature = "tokio")]
pub use data_channel::{DataChannel, DataChannelInit, Message, SendError, TrySendError};
#[cfg(feature = "tokio")]
pub use driver::{Endpoint, EndpointConfig, NatBehaviorError, NetworkInterface, TcpCandidates, nat_behavior};
#[cfg(feature = "tokio")]
pub use dtmf_sender::DtmfSender;
#[cfg(feature = "tokio")]
pub use event::{Event, Events, TrackEvent};
#[cfg(feature = "tokio")]
pub use get_stats::{SelectorError, TrackSelector};
#[cfg(feature = "tokio")]
pub use ip_handling::IpHandling;
#[cfg(feature = "tokio")]
pub use media::{LocalTrack, LocalTrackStats, RemoteTrack, RemoteTrackStats, TrackConfig, WriteError};
#[cfg(feature = "tokio")]
pub use peer_connection::{NewError, PeerConnection, TrackOrKind};
#[cfg(feature = "tokio")]
pub use rtp_transceiver::{ReplaceTrackError, RtpReceiver, RtpSender, RtpTransceiver};

pub use ortica_codecs as codecs;
pub use ortica_core as core;
pub use ortica_dtls as dtls;
pub use ortica_dtls::{CertificateOptions, SrtpProfile};
pub use ortica_ice as ice;
pub use ortica_ice::{HostCandidates, TransportPolicy as IceTransportPolicy};
pub use ortica_rtp as rtp;
pub use ortica_sctp as sctp;
pub use ortica_sdp::{Direction, RtcpMuxPolicy};

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../../docs/guide/from-aiortc.md")]
struct FromAiortc;
