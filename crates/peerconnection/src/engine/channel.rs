//! One data channel: its parameters and its state.

use bytes::Bytes;
use ortica_sctp::{StreamId, Undelivered};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// How hard a channel tries to deliver a message.
///
/// Source: [RFC 8831 §6.4](https://www.rfc-editor.org/rfc/rfc8831#section-6.4)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Reliability {
    /// Until it arrives.
    #[default]
    Reliable,
    /// At most this many retransmissions.
    MaxRetransmits(u16),
    /// For this long after it was sent; whole milliseconds, at most 65,535.
    MaxPacketLifeTime(Duration),
}

/// What share of what can be sent a channel or an encoding gets, beside others that have something to send.
///
/// Source: [RFC 8831 §6.4](https://www.rfc-editor.org/rfc/rfc8831#section-6.4), by the names of
/// [webrtc-priority](https://www.w3.org/TR/webrtc-priority/#rtcprioritytype-enum)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Priority {
    /// Half of the usual share.
    VeryLow,
    /// The usual share.
    #[default]
    Low,
    /// Twice the usual share.
    Medium,
    /// Four times the usual share.
    High,
}

impl Priority {
    /// As a weight, which is also what OPEN carries.
    pub(in crate::engine) fn weight(self) -> u16 {
        match self {
            Self::VeryLow => 128,
            Self::Low => 256,
            Self::Medium => 512,
            Self::High => 1_024,
        }
    }

    /// The priority that a weight of the peer's stands for: the next above it.
    pub(super) fn from_weight(weight: u16) -> Self {
        match weight {
            0..=128 => Self::VeryLow,
            129..=256 => Self::Low,
            257..=512 => Self::Medium,
            513.. => Self::High,
        }
    }
}

/// What a channel is made with.
///
/// Source: [RFC 8832 §5.1](https://www.rfc-editor.org/rfc/rfc8832#section-5.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChannelParameters {
    /// A name for the application, up to 65,535 bytes of UTF-8.
    pub label: String,
    /// The subprotocol, up to 65,535 bytes of UTF-8.
    pub protocol: String,
    /// Messages arrive in the order they were sent. Default `true`.
    pub ordered: bool,
    /// How hard it tries to deliver. Default reliable.
    pub reliability: Reliability,
    /// Its share in what is sent. Default low, which is the usual one.
    pub priority: Priority,
    /// The stream to use when both sides agreed on the channel beforehand: then no OPEN is sent.
    pub negotiated: Option<u16>,
}

impl ChannelParameters {
    /// Bytes of the label and the protocol.
    pub(super) fn names_len(&self) -> usize {
        self.label.len() + self.protocol.len()
    }
}

impl Default for ChannelParameters {
    fn default() -> Self {
        Self {
            label: String::new(),
            protocol: String::new(),
            ordered: true,
            reliability: Reliability::Reliable,
            priority: Priority::Low,
            negotiated: None,
        }
    }
}

/// State of a data channel.
///
/// Source: [webrtc-pc §6.2](https://www.w3.org/TR/webrtc/#rtcdatachannelstate)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ChannelState {
    /// The transport is not up yet.
    #[default]
    Connecting,
    /// Messages flow.
    Open,
    /// What is queued goes out, then it closes.
    Closing,
    /// Over.
    Closed,
}

impl fmt::Display for ChannelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        })
    }
}

/// A message of a data channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChannelMessage {
    /// `false` for text, which is UTF-8.
    pub binary: bool,
    /// The bytes; may be empty.
    pub data: Bytes,
}

/// What ended a data channel that nobody closed: the association under it failed, or the peer dropped it. The W3C calls it
/// `sctp-failure`.
///
/// Source: [webrtc-pc §6.2](https://www.w3.org/TR/webrtc/#announcing-a-data-channel-as-closed) (RTCErrorDetailType `sctp-failure`)
#[derive(Clone, Copy, Debug, Default, Eq, Error, Hash, PartialEq)]
#[error("the association ended under the channel")]
#[non_exhaustive]
pub struct SctpFailure {
    /// The error cause that the peer gave (RFC 9260 §3.3.10; 12 where its application closed), if it gave one.
    pub cause: Option<u16>,
}

impl SctpFailure {
    /// `None` where both sides wanted it, or this one did.
    pub(super) fn of(reason: ortica_sctp::CloseReason) -> Option<Self> {
        use ortica_sctp::CloseReason as Reason;
        match reason {
            Reason::Shutdown | Reason::Aborted => None,
            Reason::AbortedByPeer(cause) => Some(Self { cause: Some(cause).filter(|cause| *cause != 0) }),
            _ => Some(Self::default()),
        }
    }
}

/// A channel in the session's table.
#[derive(Debug)]
pub(super) struct Channel {
    pub parameters: ChannelParameters,
    pub state: ChannelState,
    pub stream: Option<StreamId>,
    /// Messages that came before the peer's OPEN did.
    pub early: VecDeque<ChannelMessage>,
    /// Until the peer's ACK, everything is sent in order, so that nothing overtakes the OPEN (RFC 8832 §6).
    pub acknowledged: bool,
    /// Our outgoing stream has been reset.
    pub reset_out: bool,
    /// The peer has reset its outgoing stream.
    pub reset_in: bool,
    pub stats: super::ChannelStats,
    /// What did not arrive, once it is closed.
    pub undelivered: Undelivered,
    /// Bytes that were never sent, once it is closed.
    pub unsent: usize,
    pub failure: Option<SctpFailure>,
}

impl Channel {
    pub fn new(parameters: ChannelParameters) -> Self {
        let acknowledged = parameters.negotiated.is_some();
        Self {
            stream: parameters.negotiated.map(StreamId),
            parameters,
            state: ChannelState::Connecting,
            early: VecDeque::new(),
            acknowledged,
            reset_out: false,
            reset_in: false,
            stats: super::ChannelStats::default(),
            undelivered: Undelivered::default(),
            unsent: 0,
            failure: None,
        }
    }
}
