//! What a connection reports.

use crate::engine::CloseReason;
use crate::jsep::{IceCandidate, SignalingState};
use crate::peer_connection::Handle;
use crate::states::{ConnectionState, IceConnectionState, IceGatheringState};
use crate::{DataChannel, peer::PeerEvent};
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
    /// A local candidate to tell the other side; `None` ends them.
    IceCandidate(Option<IceCandidate>),
    /// The signaling state changed.
    SignalingStateChange(SignalingState),
    /// The gathering state changed.
    IceGatheringStateChange(IceGatheringState),
    /// The ICE connection state changed.
    IceConnectionStateChange(IceConnectionState),
    /// The connection state changed.
    ConnectionStateChange(ConnectionState),
    /// The other side made a data channel; it is open.
    DataChannel(DataChannel),
    /// The connection is over. Nothing follows.
    Closed(CloseReason),
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
        poll_fn(|cx| self.poll_next(cx)).await
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

    fn translate(&mut self, event: PeerEvent) -> Option<Event> {
        Some(match event {
            PeerEvent::NegotiationNeeded => Event::NegotiationNeeded,
            PeerEvent::IceCandidate(candidate) => Event::IceCandidate(candidate),
            PeerEvent::SignalingStateChange(state) => Event::SignalingStateChange(state),
            PeerEvent::IceGatheringStateChange(state) => Event::IceGatheringStateChange(state),
            PeerEvent::IceConnectionStateChange(state) => Event::IceConnectionStateChange(state),
            PeerEvent::ConnectionStateChange(state) => Event::ConnectionStateChange(state),
            // Without a handle left the connection is ending, and nobody could use the channel.
            PeerEvent::DataChannel(id) => Event::DataChannel(DataChannel::new(self.handle.upgrade()?, id)),
            PeerEvent::Track(_) | PeerEvent::TrackRemoved(_) => return None,
            PeerEvent::Closed(reason) => {
                self.over = true;
                Event::Closed(reason)
            }
        })
    }
}
