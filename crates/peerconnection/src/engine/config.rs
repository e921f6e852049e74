//! What a session is made with.

use super::CaptureConfig;
use ortica_core::{Instant, NtpTime, WallClock};
use std::sync::Arc;
use std::time::Duration;

/// Settings of a [`Session`](super::Session), shared by all that are made with them.
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) ice: Arc<ortica_ice::Config>,
    pub(super) dtls: Arc<ortica_dtls::Config>,
    pub(super) sctp: Arc<ortica_sctp::Config>,
    pub(super) limits: Limits,
    pub(super) wall_clock: WallClock,
    pub(super) signalled_sctp: bool,
    pub(super) linger: Duration,
    pub(super) event_log: Option<usize>,
    pub(super) capture: Option<CaptureConfig>,
}

impl Config {
    /// The default of [`with_linger`](Self::with_linger): five seconds.
    pub const DEFAULT_LINGER: Duration = Duration::from_secs(5);

    /// Settings from those of the layers.
    pub fn new(ice: ortica_ice::Config, dtls: ortica_dtls::Config, sctp: ortica_sctp::Config) -> Self {
        Self {
            ice: Arc::new(ice),
            dtls: Arc::new(dtls),
            sctp: Arc::new(sctp),
            limits: Limits::default(),
            wall_clock: WallClock::new(Instant::from_nanos(0), NtpTime(0)),
            signalled_sctp: true,
            linger: Self::DEFAULT_LINGER,
            event_log: None,
            capture: None,
        }
    }

    /// Tells the time of day that reports on media carry. Default: as if the session's clock had started in 1900, which is
    /// as good for synchronising streams and says nothing about this side.
    #[must_use]
    pub fn with_wall_clock(mut self, clock: WallClock) -> Self {
        self.wall_clock = clock;
        self
    }

    /// Whether to let SCTP start from what was signalled, without its handshake, where the peer does too. Default: `true`.
    ///
    /// Source: [draft-hancke-tsvwg-snap](https://datatracker.ietf.org/doc/draft-hancke-tsvwg-snap/)
    #[must_use]
    pub fn with_signalled_sctp(mut self, offer: bool) -> Self {
        self.signalled_sctp = offer;
        self
    }

    /// How long a session that is closed goes on with what was sent on its data channels and is not acknowledged yet.
    /// Default: [`DEFAULT_LINGER`](Self::DEFAULT_LINGER). With zero it is dropped at once; with nothing left to be sent, a
    /// session ends at once anyway.
    #[must_use]
    pub fn with_linger(mut self, most: Duration) -> Self {
        self.linger = most;
        self
    }

    /// Records what happens, for [`Session::poll_log`](super::Session::poll_log); at most so many records wait to be taken, later
    /// ones are dropped and counted. Default: nothing is recorded.
    #[must_use]
    pub fn with_event_log(mut self, records: usize) -> Self {
        self.event_log = Some(records);
        self
    }

    /// Captures packets, for [`Session::poll_captured`](super::Session::poll_captured). Default: none are captured.
    #[must_use]
    pub fn with_capture(mut self, capture: CaptureConfig) -> Self {
        self.capture = Some(capture);
        self
    }

    /// Whether somebody wants to see what lies inside SRTP and DTLS.
    pub(super) fn looks_inside(&self) -> bool {
        self.event_log.is_some() || self.capture.is_some_and(|capture| capture.is_decrypted())
    }

    /// Replaces the bounds of the session's own queues.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The certificates that may be shown.
    pub(crate) fn certificates(&self) -> &[Arc<ortica_dtls::Certificate>] {
        self.dtls.certificates()
    }

    /// Settings of ICE.
    pub(crate) fn ice(&self) -> &ortica_ice::Config {
        &self.ice
    }

    /// The port inside SCTP of this side.
    pub(crate) fn sctp_port(&self) -> u16 {
        self.sctp.local_port()
    }

    /// Bytes of the longest message that is taken from the peer.
    pub(crate) fn max_message_size(&self) -> usize {
        self.sctp.limits().max_message_size
    }
}

/// Bounds of a session's own queues and tables; those of the layers are in the layers' settings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Transports at a time; another one is refused. Default 64.
    pub transports: usize,
    /// Data channels at a time, those of the peer included. Beyond it, `create_channel` fails and the peer's streams
    /// are reset. Default 1,024.
    pub channels: usize,
    /// Bytes of the labels and protocols of all data channels together. Beyond it, `create_channel` fails and the peer's
    /// streams are reset. Default 1 MiB.
    pub channel_names: usize,
    /// Bytes of DTLS kept while the peer's fingerprint is not known yet; later packets are dropped, and the peer sends
    /// its flight again. Default 8 KiB.
    pub early_dtls: usize,
    /// Bytes of messages kept for streams whose OPEN has not arrived; later ones stay in SCTP, which closes its window.
    /// Default 64 KiB.
    pub early_messages: usize,
    /// Senders and receivers of media at a time, each. Beyond it, another one is refused. Default 1,024.
    pub tracks: usize,
    /// Bytes of encoded frames of one sender that wait to be sent. A frame beyond it is dropped, and video starts over
    /// with a key frame. Default 5 MiB, which holds the largest frame ([`MAX_FRAME`](super::MAX_FRAME)).
    pub media_queue: usize,
    /// Frames of one receiver that nobody has read. Beyond it, the oldest sound is dropped; of video everything, until
    /// the next key frame, which is asked for once somebody reads. Default 64.
    pub received_frames: usize,
    /// Packets of one layer of a receiver that somebody reads as such, and has not read. Beyond it, the oldest are dropped.
    /// Default 512.
    pub received_packets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            transports: 64,
            channels: 1024,
            channel_names: 1 << 20,
            early_dtls: 8 * 1024,
            early_messages: 64 * 1024,
            tracks: 1024,
            media_queue: 5 << 20,
            received_frames: 64,
            received_packets: 512,
        }
    }
}
