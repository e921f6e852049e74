//! SCTP, as an object.

use super::{DtlsTransport, ObjectError, SctpCapabilities, SctpState};
use crate::driver::Interest;
use crate::engine::ChannelError;
use crate::peer::Peer;
use crate::peer_connection::Handle;
use crate::{DataChannel, DataChannelInit};
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

/// What data channels run on. Of a connection it can be looked at and waited for; one on a transport made by hand is started by
/// hand.
///
/// Clones name the same transport, and so do equal ones. It keeps its connection alive.
///
/// Source: [webrtc-pc §6.1](https://www.w3.org/TR/webrtc/#rtcsctptransport-interface),
/// [ORTC `RTCSctpTransport`](https://draft.ortc.org/#rtcsctptransport*)
#[derive(Clone)]
pub struct SctpTransport {
    handle: Arc<Handle>,
}

impl SctpTransport {
    pub(crate) fn of(handle: Arc<Handle>) -> Self {
        Self { handle }
    }

    /// SCTP over that transport. There is one: further ones are the same.
    pub fn new(dtls: &DtlsTransport) -> Self {
        Self { handle: dtls.handle().clone() }
    }

    /// What it runs over: in a connection `None` until a description of this side says so.
    pub fn transport(&self) -> Option<DtlsTransport> {
        self.look(Peer::data_transport).map(|id| DtlsTransport::of(self.handle.clone(), id))
    }

    /// Its state.
    pub fn state(&self) -> SctpState {
        self.look(Peer::sctp_state)
    }

    /// Bytes of the longest message that can be sent: what the peer takes, 64 KiB until it has said, and what this side holds
    /// of one.
    pub fn max_message_size(&self) -> usize {
        self.look(|peer| peer.session().max_message_size())
    }

    /// How many data channels there can be at a time, once it is connected.
    pub fn max_channels(&self) -> Option<usize> {
        self.look(Peer::max_channels)
    }

    /// What the peer is to know of this side.
    pub fn capabilities(&self) -> SctpCapabilities {
        let bytes = self.look(|peer| peer.session().max_received_message_size());
        SctpCapabilities { max_message_size: bytes as u64 }
    }

    /// Starts as soon as DTLS is connected.
    ///
    /// # Errors
    /// [`ObjectError::Started`], [`ObjectError::Negotiated`], [`ObjectError::Closed`].
    pub fn start(&self, remote: SctpCapabilities) -> Result<(), ObjectError> {
        self.handle.cell.command(|peer, now| peer.start_sctp(now, remote))
    }

    /// Closes it for good, with its channels; what is queued is dropped. DTLS goes on.
    ///
    /// # Errors
    /// [`ObjectError::Negotiated`].
    pub fn stop(&self) -> Result<(), ObjectError> {
        self.handle.cell.command(|peer, now| peer.stop_sctp(now))
    }

    /// Makes a data channel, which opens when the transport is connected.
    ///
    /// # Errors
    /// See [`ChannelError`].
    pub fn create_data_channel(&self, label: &str, init: DataChannelInit) -> Result<DataChannel, ChannelError> {
        let id = self.handle.cell.command(|peer, now| peer.create_channel(now, init.parameters(label)))?;
        Ok(DataChannel::new(self.handle.clone(), id))
    }

    /// Waits for the next channel that the peer makes; `None` once the transport is closed. Each is given out once. Those of a
    /// connection come as its [`Event::DataChannel`](crate::Event::DataChannel), and none here. Cancelling loses nothing.
    pub async fn accept(&self) -> Option<DataChannel> {
        let id = self.wait(Peer::accept_channel).await?;
        Some(DataChannel::new(self.handle.clone(), id))
    }

    /// Waits until its state is another than `seen`, or everything is closed. What it was in between may be missed.
    pub async fn state_change(&self, seen: SctpState) -> SctpState {
        self.wait(|peer| Some(peer.sctp_state()).filter(|state| *state != seen || peer.is_ended())).await
    }

    async fn wait<T>(&self, mut look: impl FnMut(&mut Peer) -> Option<T>) -> T {
        let mut place = self.handle.cell.place(Interest::Transport);
        poll_fn(|cx| place.poll(cx, |peer, _| look(peer))).await
    }

    fn look<T>(&self, look: impl FnOnce(&Peer) -> T) -> T {
        self.handle.cell.look(|inner| look(&inner.peer))
    }
}

impl PartialEq for SctpTransport {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.handle, &other.handle)
    }
}

impl Eq for SctpTransport {}

impl fmt::Debug for SctpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SctpTransport").field("state", &self.state()).finish_non_exhaustive()
    }
}
