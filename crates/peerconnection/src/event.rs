//! What a connection reports.

use crate::engine::{CloseReason, DtlsState};
use crate::jsep::TransceiverId;
use crate::jsep::{IceCandidate, SignalingState};
use crate::ortc::DtlsTransport;
use crate::peer_connection::Handle;
use crate::states::{ConnectionState, IceConnectionState, IceGatheringState};
use crate::{DataChannel, IceCandidateErrorEvent, RemoteTrack, RtpSender, RtpTransceiver, peer::PeerEvent};
use ortica_codecs::MediaKind;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use crate::driver::{Cell, Interest};

/// A fact about a connection.
///
/// Source: [webrtc-pc §4.4.2](https://www.w3.org/TR/webrtc/#interface-definition) and its events
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A negotiation is wanted: make an offer.
    NegotiationNeeded,
    /// A local candidate to tell the other side. One without text ends those of its transport, and is told too; `None` comes after
    /// the last of all, when nothing is left to be told.
    IceCandidate(Option<IceCandidate>),
    /// A server could not help to gather candidates, or a socket could not be bound; gathering goes on without it.
    IceCandidateError(IceCandidateErrorEvent),
    /// The signaling state changed.
    SignalingStateChange(SignalingState),
    /// The gathering state changed.
    IceGatheringStateChange(IceGatheringState),
    /// The ICE connection state changed.
    IceConnectionStateChange(IceConnectionState),
    /// The connection state changed.
    ConnectionStateChange(ConnectionState),
    /// The DTLS state of a transport changed. [`DtlsState::Closed`] is the other side's goodbye: it closed its connection,
    /// long before the loss of consent would tell. This side is still to be closed.
    ///
    /// Source: [webrtc-pc §5.5](https://www.w3.org/TR/webrtc/#rtcdtlstransport-interface), `onstatechange`
    DtlsStateChange {
        /// Which transport.
        transport: DtlsTransport,
        /// What it is at.
        state: DtlsState,
    },
    /// The other side made a data channel; it is open.
    DataChannel(DataChannel),
    /// The other side sends a track.
    Track(TrackEvent),
    /// The other side ceased to send what this transceiver received. It may go on later, with another [`Event::Track`].
    TrackRemoved(RtpTransceiver),
    /// A sender begins a tone of those that [`DtmfSender::insert_dtmf`](crate::DtmfSender::insert_dtmf) was given, a comma among
    /// them, or has played the last one.
    ///
    /// Source: [webrtc-pc §7.3](https://www.w3.org/TR/webrtc/#rtcdtmftonechangeevent)
    ToneChange {
        /// Which sender.
        sender: RtpSender,
        /// The tone; `None` after the last, where the W3C has an empty one.
        tone: Option<char>,
    },
    /// Nothing of the track comes any more that this transceiver receives, for now: its sender said goodbye, or the other side
    /// no longer sends it.
    ///
    /// Source: [mediacapture-streams `mute`](https://www.w3.org/TR/mediacapture-streams/#event-mediastreamtrack-mute)
    TrackMute(RtpTransceiver),
    /// The track that this transceiver receives has begun to come.
    ///
    /// Source: [mediacapture-streams `unmute`](https://www.w3.org/TR/mediacapture-streams/#event-mediastreamtrack-unmute)
    TrackUnmute(RtpTransceiver),
    /// The connection is over. Nothing follows.
    Closed(CloseReason),
}

/// A track of the other side.
///
/// Source: [webrtc-pc §5.7](https://www.w3.org/TR/webrtc/#rtctrackevent)
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrackEvent {
    /// What is received.
    pub track: RemoteTrack,
    /// What receives it. A track can be sent back over it too.
    pub transceiver: RtpTransceiver,
    /// The media streams that the other side says it is part of.
    pub streams: Vec<String>,
}

impl TrackEvent {
    fn new(handle: &Arc<Handle>, id: TransceiverId) -> Option<Self> {
        let state = handle.cell.look(|inner| inner.peer.transceiver(id))?;
        let transceiver = RtpTransceiver::new(handle.clone(), id, state.kind);
        Some(Self { track: transceiver.receiver().track(), transceiver, streams: state.remote_streams })
    }
}

/// The events of one connection, in order. They wait here, coalesced where only the last state counts.
#[derive(Debug)]
pub struct Events {
    pub(crate) cell: Arc<Cell>,
    pub(crate) handle: Weak<Handle>,
    pub(crate) over: bool,
}

impl Events {
    /// The next event; `None` after [`Event::Closed`]. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        let cell = self.cell.clone();
        let mut place = cell.place(Interest::Event);
        while !self.over {
            let event = poll_fn(|cx| place.poll(cx, |peer, _| peer.poll_event())).await;
            if let Some(event) = self.translate(event) {
                return Some(event);
            }
        }
        None
    }

    /// As [`next`](Self::next), for futures written by hand.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        while !self.over {
            let Some(event) = self.cell.poll_command(Interest::Event, cx.waker(), |peer, _| peer.poll_event()) else {
                return Poll::Pending;
            };
            if let Some(event) = self.translate(event) {
                return Poll::Ready(Some(event));
            }
        }
        Poll::Ready(None)
    }

    fn transceiver(&self, id: TransceiverId) -> Option<RtpTransceiver> {
        let kind = self.cell.look(|inner| inner.peer.transceiver(id))?.kind;
        Some(RtpTransceiver::new(self.handle.upgrade()?, id, kind))
    }

    fn translate(&mut self, event: PeerEvent) -> Option<Event> {
        Some(match event {
            PeerEvent::NegotiationNeeded => Event::NegotiationNeeded,
            PeerEvent::IceCandidate(candidate) => Event::IceCandidate(candidate),
            PeerEvent::IceCandidateError(error) => Event::IceCandidateError(error),
            PeerEvent::SignalingStateChange(state) => Event::SignalingStateChange(state),
            PeerEvent::IceGatheringStateChange(state) => Event::IceGatheringStateChange(state),
            PeerEvent::IceConnectionStateChange(state) => Event::IceConnectionStateChange(state),
            PeerEvent::ConnectionStateChange(state) => Event::ConnectionStateChange(state),
            PeerEvent::DtlsStateChange(id, state) => {
                let transport = DtlsTransport::of(self.handle.upgrade()?, id);
                Event::DtlsStateChange { transport, state }
            }
            // Without a handle left the connection is ending, and nobody could use the channel.
            PeerEvent::DataChannel(id) => Event::DataChannel(DataChannel::new(self.handle.upgrade()?, id)),
            PeerEvent::Track(id) => Event::Track(TrackEvent::new(&self.handle.upgrade()?, id)?),
            PeerEvent::TrackRemoved(id, kind) => {
                Event::TrackRemoved(RtpTransceiver::new(self.handle.upgrade()?, id, kind))
            }
            PeerEvent::ToneChange(id, tone) => {
                let sender = RtpSender::new(self.handle.upgrade()?, id, MediaKind::Audio);
                Event::ToneChange { sender, tone }
            }
            PeerEvent::TrackMute(id) => Event::TrackMute(self.transceiver(id)?),
            PeerEvent::TrackUnmute(id) => Event::TrackUnmute(self.transceiver(id)?),
            PeerEvent::Closed(reason) => {
                self.over = true;
                Event::Closed(reason)
            }
        })
    }
}
