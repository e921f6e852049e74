//! Statistics of a connection, of a sender, of a receiver, of a track.

use crate::jsep::TransceiverId;
use crate::media::{LocalTrack, RemoteTrack};
use crate::peer_connection::{Handle, PeerConnection};
use crate::rtp_transceiver::{RtpReceiver, RtpSender};
use crate::stats::{Stats, StatsKind, StatsReport};
use thiserror::Error;

/// A track whose statistics are asked for.
#[derive(Clone, Copy, Debug)]
pub enum TrackSelector<'a> {
    /// One that is sent.
    Local(&'a LocalTrack),
    /// One that is received.
    Remote(&'a RemoteTrack),
}

impl<'a> From<&'a LocalTrack> for TrackSelector<'a> {
    fn from(track: &'a LocalTrack) -> Self {
        Self::Local(track)
    }
}

impl<'a> From<&'a RemoteTrack> for TrackSelector<'a> {
    fn from(track: &'a RemoteTrack) -> Self {
        Self::Remote(track)
    }
}

/// Why there are no statistics of a track.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SelectorError {
    /// No sender and no receiver of the connection has it.
    #[error("the track is none of this connection's")]
    Foreign,
    /// Several senders send it: ask one of them.
    #[error("several senders send the track")]
    Ambiguous,
}

/// # Statistics
impl PeerConnection {
    /// All there is to know of the connection now. Complete when it returns, and still answered after a close, with all but streams:
    /// see [`Peer::stats`](crate::peer::Peer::stats).
    ///
    /// Source: [webrtc-pc §8.2](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-getstats)
    pub fn get_stats(&self) -> StatsReport {
        self.handle().get_stats()
    }

    /// What [`RtpSender::get_stats`] or [`RtpReceiver::get_stats`] says of the one that has a track.
    ///
    /// # Errors
    /// See [`SelectorError`].
    pub fn get_stats_of<'a>(&self, track: impl Into<TrackSelector<'a>>) -> Result<StatsReport, SelectorError> {
        let handle = self.handle();
        match track.into() {
            TrackSelector::Local(track) => {
                let senders = handle.senders_of(track);
                let [sender] = senders.as_slice() else {
                    return Err(if senders.is_empty() { SelectorError::Foreign } else { SelectorError::Ambiguous });
                };
                Ok(handle.sender_stats(*sender))
            }
            TrackSelector::Remote(track) => {
                let receiver = track.receiver_in(&handle.cell).ok_or(SelectorError::Foreign)?;
                Ok(handle.receiver_stats(receiver))
            }
        }
    }
}

impl RtpSender {
    /// Statistics of the streams that it sends, and of all that they name.
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-getstats)
    pub fn get_stats(&self) -> StatsReport {
        let (handle, id) = self.handle();
        handle.sender_stats(id)
    }
}

impl RtpReceiver {
    /// Statistics of the streams that it receives, and of all that they name.
    ///
    /// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#dom-rtcrtpreceiver-getstats)
    pub fn get_stats(&self) -> StatsReport {
        let (handle, id) = self.handle();
        handle.receiver_stats(id)
    }
}

impl Handle {
    fn get_stats(&self) -> StatsReport {
        let now = self.cell.now();
        // Tracks have a lock of their own, which is let go before the session's is taken.
        let sources: Vec<_> = self.each_track(|id, track| track.source_report(id));
        self.cell.look(|inner| inner.peer.stats_with(now, &sources))
    }

    fn sender_stats(&self, id: TransceiverId) -> StatsReport {
        let sender = self.cell.look(|inner| inner.peer.transceiver(id)).and_then(|state| state.sender);
        let Some(sender) = sender else { return StatsReport::default() };
        let prefix = format!("outbound-{sender}-");
        self.get_stats()
            .select(|entry| matches!(entry.kind, StatsKind::OutboundRtp(_)) && entry.id.starts_with(&prefix))
    }

    fn receiver_stats(&self, id: TransceiverId) -> StatsReport {
        let receiver = self.cell.look(|inner| inner.peer.transceiver(id)).and_then(|state| state.receiver);
        let Some(receiver) = receiver else { return StatsReport::default() };
        let prefix = format!("inbound-{receiver}-");
        let is_it = |entry: &Stats| matches!(entry.kind, StatsKind::InboundRtp(_)) && entry.id.starts_with(&prefix);
        self.get_stats().select(is_it)
    }
}
