//! Tracks of RTP packets: for who passes media on without looking inside.

use super::{Frame, KeyFrameRequester, LocalTrack, MediaSource, RemoteSource, RemoteTrack, WriteError};
use crate::driver::Interest;
use crate::engine::RtpPacket;
use crate::peer::Peer;
use ortica_codecs::MediaKind;
use ortica_core::Instant;
use ortica_rtp::Rid;
use std::future::poll_fn;

/// A track of the other side as the packets that come of it, in the order in which they come; a packet that was sent again is given
/// out when it comes. As long as one is there, the track gives out no frames. At most 512 packets wait; beyond, the oldest are
/// dropped.
///
/// Several readers of one track share its packets: two that are to have all of them go through a [`MediaRelay`](super::MediaRelay).
///
/// ```
/// use ortica::media::{Buffering, MediaRelay, RtpReader};
/// use ortica::{LocalTrack, PeerConnection, RemoteTrack};
///
/// /// A server of conferences: what one sends goes to all others, packet by packet. Who joins has the key frame that it needs asked
/// /// for.
/// fn forward(speaker: RemoteTrack, listeners: &[PeerConnection]) -> Result<(), Box<dyn std::error::Error>> {
///     let relay = MediaRelay::new(RtpReader::new(speaker));
///     for listener in listeners {
///         let track = LocalTrack::pulled(relay.subscribe(Buffering::default()), Default::default());
///         listener.add_track(&track, &["speaker"])?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct RtpReader {
    track: RemoteTrack,
    /// The receiver knows of it.
    tapped: bool,
}

impl RtpReader {
    /// The packets of a track; of one with layers (simulcast) those of all, which tell theirs. A
    /// [`layer`](RemoteTrack::layer) has its own alone.
    pub fn new(track: RemoteTrack) -> Self {
        let mut reader = Self { track, tapped: false };
        let (source, rid) = (reader.track.source().clone(), reader.rid());
        reader.tapped = source.cell.command(|peer, now| peer.tap_packets(now, source.id, rid));
        reader
    }

    /// The next packet; `None` once the track has ended. Cancelling loses nothing.
    pub async fn recv(&mut self) -> Option<RtpPacket> {
        let (source, rid) = (self.track.source(), self.rid());
        let tapped = &mut self.tapped;
        let mut place = source.cell.place(Interest::Frame(source.id));
        poll_fn(|cx| place.poll(cx, |peer, now| read(peer, now, (source, rid), tapped))).await
    }

    /// Asks the other side for a key frame.
    pub fn request_key_frame(&self) {
        self.track.request_key_frame();
    }

    fn rid(&self) -> Option<Rid> {
        self.track.source().rid()
    }
}

/// A receiver that was not there when the reader was made is told when it is.
fn read(
    peer: &mut Peer,
    now: Instant,
    (source, rid): (&RemoteSource, Option<Rid>),
    tapped: &mut bool,
) -> Option<Option<RtpPacket>> {
    *tapped = *tapped || peer.tap_packets(now, source.id, rid);
    match peer.read_packet(source.id, rid) {
        Some(packet) => Some(Some(packet)),
        None => peer.is_track_over(source.id).then_some(None),
    }
}

impl Drop for RtpReader {
    fn drop(&mut self) {
        if self.tapped {
            let (source, rid) = (self.track.source(), self.rid());
            source.cell.command(|peer, now| peer.untap_packets(now, source.id, rid));
        }
    }
}

impl MediaSource for RtpReader {
    fn kind(&self) -> MediaKind {
        self.track.kind()
    }

    async fn recv(&mut self) -> Option<Frame> {
        RtpReader::recv(self).await.map(Frame::Rtp)
    }

    fn key_frame_requester(&self) -> Option<KeyFrameRequester> {
        self.track.key_frame_requester()
    }
}

impl LocalTrack {
    /// Sends a packet of another stream, by all senders that agreed on its codec in its form, in their first encoding; gives how many
    /// those are. Each has its own number, payload type and retransmissions; sequence numbers and timestamps go on from what was sent
    /// before, gaps and order stay. Of pictures, a sender waits for a key frame first, which
    /// [`take_key_frame_request`](Self::take_key_frame_request) tells.
    ///
    /// # Errors
    /// [`WriteError::Kind`] for the codec of another kind of track, [`WriteError::Ended`] on one that has ended.
    pub fn write_rtp(&self, packet: &RtpPacket) -> Result<usize, WriteError> {
        self.write_rtp_encoding(0, packet)
    }

    /// The same as one of several encodings (simulcast), counted from zero.
    ///
    /// # Errors
    /// As [`write_rtp`](Self::write_rtp).
    pub fn write_rtp_encoding(&self, encoding: usize, packet: &RtpPacket) -> Result<usize, WriteError> {
        self.check(packet.kind())?;
        if !self.is_enabled() {
            return Ok(0);
        }
        Ok(self.source().send_packet(encoding, packet))
    }
}
