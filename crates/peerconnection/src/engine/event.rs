//! What a session reports.

use super::{ChannelId, FarEnd, ReceiverId, SctpFailure, SenderId, TransformId, TransportId};
use ortica_core::SocketId;
use ortica_dtls::Alert;
use ortica_ice::{Candidate, GatheringError, GatheringState, LinkId, ResolveId, TurnTransport};
use ortica_rtp::Ssrc;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;

/// A fact about the session. Bulk data is announced and then pulled.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A local candidate to tell the peer.
    LocalCandidate(TransportId, Candidate),
    /// A server could not help to gather.
    GatheringError(TransportId, GatheringError),
    /// Gathering went on; after `Complete` no local candidate follows.
    Gathering(TransportId, GatheringState),
    /// ICE changed its state.
    Ice(TransportId, ortica_ice::State),
    /// ICE sends over another pair: see [`Session::selected_candidate_pair`](super::Session::selected_candidate_pair).
    Selected(TransportId),
    /// DTLS changed its state.
    Dtls(TransportId, DtlsState),
    /// SCTP changed its state.
    Sctp(TransportId, SctpState),
    /// The address of a name is wanted, by multicast DNS if it ends in `.local`, else by DNS; answer with
    /// [`Session::resolved`](super::Session::resolved).
    Resolve {
        /// Whose candidate it is.
        transport: TransportId,
        /// Names the question.
        id: ResolveId,
        /// What to resolve.
        name: String,
    },
    /// Multicast DNS queries for this name, which stands for an address in our candidates, are to be answered while the
    /// session lives.
    Publish {
        /// A random name under `.local`.
        name: String,
        /// What it stands for.
        address: IpAddr,
    },
    /// A TCP connection is wanted from the address of `socket` to `remote`, and from its port where that opens connections and takes
    /// them; answer with [`Session::connected`](super::Session::connected) or
    /// [`Session::connection_lost`](super::Session::connection_lost).
    Connect {
        /// Who wants it.
        transport: TransportId,
        /// Which of our addresses.
        socket: SocketId,
        /// Where to.
        remote: SocketAddr,
        /// Who is there.
        to: FarEnd,
    },
    /// A TCP connection, there or on its way, is not needed any more.
    Disconnect {
        /// Who had it.
        transport: TransportId,
        /// Which of our addresses it is of.
        socket: SocketId,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// A link to a TURN server is wanted; answer with [`Session::server_connected`](super::Session::server_connected) or
    /// [`Session::server_lost`](super::Session::server_lost).
    ConnectServer {
        /// Who wants it.
        transport: TransportId,
        /// Names it among those of the transport.
        link: LinkId,
        /// What is wanted.
        server: TurnLink,
    },
    /// A link to a TURN server is not needed any more, once what was to be sent has gone out.
    DisconnectServer {
        /// Who had it.
        transport: TransportId,
        /// Which.
        link: LinkId,
    },
    /// The encoder of a sender has something to do at once: see [`Session::encoder_targets`](super::Session::encoder_targets).
    EncoderTargets(SenderId),
    /// An encoding of a sender goes on under another number, since the peer sends under the one that it had.
    ///
    /// Source: [RFC 3550 §8.2](https://www.rfc-editor.org/rfc/rfc3550#section-8.2)
    SsrcChanged {
        /// Whose.
        sender: SenderId,
        /// The number that it had.
        before: Ssrc,
        /// The one that it has.
        ssrc: Ssrc,
        /// That of its retransmissions, if they have a stream of their own.
        rtx: Option<Ssrc>,
    },
    /// A sender begins a tone (a comma is a pause), or has played the last one.
    ToneChange(SenderId, Option<char>),
    /// The stream of a receiver began to come (`true`), or ended by the peer's goodbye or because receiving was stopped.
    ReceiverFlow(ReceiverId, bool),
    /// A receiver has frames to read.
    ReceiverReadable(ReceiverId),
    /// The other side held keys of a telephone, to be read by [`Session::read_tone`](super::Session::read_tone).
    ToneReadable(ReceiverId),
    /// Frames of a sender or a receiver wait to be transformed, where none did: see
    /// [`Session::read_untransformed`](super::Session::read_untransformed).
    Untransformed(TransformId),
    /// A data channel is open, one of ours or, when the name is new, one that the peer made.
    ChannelOpen(ChannelId),
    /// The peer made a data channel; `ChannelOpen` follows.
    IncomingChannel(ChannelId),
    /// A data channel has messages to read.
    ChannelReadable(ChannelId),
    /// What a data channel has queued fell to its threshold.
    ChannelBufferedAmountLow(ChannelId),
    /// A data channel can take messages again after one was refused.
    ChannelWritable(ChannelId),
    /// A data channel begins to close, by the peer's will.
    ChannelClosing(ChannelId),
    /// A data channel failed; `ChannelClosed` follows.
    ChannelFailed(ChannelId, SctpFailure),
    /// A data channel is closed. What was received can still be read.
    ChannelClosed(ChannelId),
    /// The session is over. Nothing follows.
    Closed(CloseReason),
}

impl Event {
    /// Which transport it speaks of, if of one.
    pub(crate) fn transport(&self) -> Option<TransportId> {
        match self {
            Self::LocalCandidate(id, _) | Self::Gathering(id, _) | Self::Ice(id, _) => Some(*id),
            Self::Selected(id) | Self::Dtls(id, _) | Self::Sctp(id, _) | Self::GatheringError(id, _) => Some(*id),
            Self::Resolve { transport, .. } | Self::Connect { transport, .. } => Some(*transport),
            Self::Disconnect { transport, .. } | Self::ConnectServer { transport, .. } => Some(*transport),
            Self::DisconnectServer { transport, .. } => Some(*transport),
            _ => None,
        }
    }
}

/// A link to a TURN server: a UDP socket that nothing else uses, with or without DTLS on it, or a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TurnLink {
    /// Where the server is.
    pub remote: SocketAddr,
    /// What the link is.
    pub transport: TurnTransport,
    /// What the server is called: with TLS or DTLS its certificate is to be for that, a name or an address.
    pub name: String,
}

/// State of DTLS on a transport.
///
/// Source: [webrtc-pc §5.5.1](https://www.w3.org/TR/webrtc/#rtcdtlstransportstate-enum)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum DtlsState {
    /// Not started: the peer's fingerprint is not known.
    #[default]
    New,
    /// The handshake runs.
    Connecting,
    /// The peer's certificate matched and keys are in use.
    Connected,
    /// Closed by either side.
    Closed,
    /// The handshake failed, or the certificate did not match.
    Failed,
}

impl fmt::Display for DtlsState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Closed => "closed",
            Self::Failed => "failed",
        })
    }
}

/// State of SCTP on a transport.
///
/// Source: [webrtc-pc §6.1.2](https://www.w3.org/TR/webrtc/#rtcsctptransportstate-enum)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum SctpState {
    /// Not started, or waits for DTLS, or for the peer.
    #[default]
    Connecting,
    /// Data channels can open.
    Connected,
    /// The association ended, by whichever side, or DTLS did.
    Closed,
}

impl fmt::Display for SctpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Closed => "closed",
        })
    }
}

/// Why DTLS failed, with the details that [`RTCError`](https://www.w3.org/TR/webrtc/#rtcerror-interface) has.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum DtlsError {
    /// The peer's certificate is not the one that signaling announced: `fingerprint-failure`.
    #[error("the peer's certificate is not the one that was announced")]
    Fingerprint,
    /// The handshake failed for any other reason: `dtls-failure`.
    #[error("the DTLS handshake failed")]
    Handshake {
        /// What this side did not accept.
        sent_alert: Option<Alert>,
        /// What the peer did not accept, by what it says.
        received_alert: Option<Alert>,
    },
}

impl DtlsError {
    /// `None` where the connection was closed.
    pub(super) fn of(reason: ortica_dtls::CloseReason) -> Option<Self> {
        use ortica_dtls::CloseReason as Reason;
        let (sent_alert, received_alert) = match reason {
            Reason::Local | Reason::Remote => return None,
            Reason::FingerprintMismatch => return Some(Self::Fingerprint),
            Reason::Alert(alert) => (None, Some(alert)),
            Reason::Refused(alert) => (Some(alert), None),
            Reason::Timeout { refused, alert } => (refused, alert),
            _ => (None, None),
        };
        Some(Self::Handshake { sent_alert, received_alert })
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side closed it.
    #[error("closed by this side")]
    Local,
    /// The peer closed it.
    #[error("closed by the peer")]
    Remote,
    /// The driver stopped.
    #[error("the driver stopped")]
    DriverStopped,
}
