//! One sender: frames into packets, feedback into what the encoder is told.

mod encoding;
mod forward;
mod noise;
mod packets;
mod redundancy;
mod tones;
mod transform;

use super::appearance::Appearance;
use super::coding::EncodingStats;
use super::parameters::{
    self, MAX_ENCODINGS, RtpCodecParameters, RtpEncodingParameters, RtpParametersError, RtpSendParameters,
};
use super::picture::PictureLimits;
use super::share::{self, Claim};
use super::tones::Tones;
use super::transform::Detour;
use crate::engine::{Priority, SenderStats};
use ortica_codecs::codec::Form;
use ortica_codecs::frame::ScalabilityMode;
use ortica_codecs::payload::{PacketizeError, Packetizer, Payload};
use ortica_codecs::{Codec, MediaKind};
use ortica_core::{Instant, Rng, WallClock};
use ortica_rtp::header_extension::{AudioLevel, ExtensionMap};
use ortica_rtp::repair::history::SentPayload;
use ortica_rtp::repair::key_frame::KeyFrameLimiter;
use ortica_rtp::rtcp::{Goodbye, Remb};
use ortica_rtp::session::sender::SendStream;
use ortica_rtp::{Header, Mid, PayloadType, RtpTimestamp, SequenceNumber, Ssrc};
use redundancy::Redundancy;
use std::collections::VecDeque;
use std::time::Duration;
use thiserror::Error;

pub use forward::{MAX_FORWARDED, SendPacketError};

/// The longest UDP payload that is made of a frame, in bytes: what fits a path MTU of 1,280.
const MAX_PACKET: usize = 1_200;
/// Room for what surrounds a payload beside header extensions: header, the number of a retransmitted packet, the tag of SRTP.
const OVERHEAD: usize = 12 + 2 + 16;
/// Bytes that may wait to be sent while tones go on being played.
const TONE_QUEUE: usize = 4_096;

/// Why a frame was not sent.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SendFrameError {
    /// There is no such sender.
    #[error("there is no such sender")]
    Unknown,
    /// Nothing is agreed, or the transport is not up. Media does not wait.
    #[error("the sender does not send")]
    NotSending,
    /// There is no such encoding.
    #[error("the sender has no such encoding")]
    UnknownEncoding,
    /// The frame is of another codec than was agreed.
    #[error("a frame of {actual} where {expected} was agreed")]
    Codec {
        /// What was agreed.
        expected: Codec,
        /// The frame's.
        actual: Codec,
    },
    /// The receiver cannot decode it: a key frame comes first.
    #[error("waiting for a key frame")]
    NeedsKeyFrame,
    /// A tone is sent in its place.
    #[error("a tone is being sent")]
    Tone,
    /// The peer takes no descriptions of silence beside that codec.
    #[error("no comfort noise was agreed")]
    NoComfortNoise,
    /// More waits to be sent than [`Limits::media_queue`](crate::engine::Limits::media_queue) allows.
    #[error("too much waits to be sent")]
    QueueFull,
    /// The frame has no place in packets.
    #[error(transparent)]
    Packetize(#[from] PacketizeError),
}

/// What the encoder of an encoding is to do: one value, read before each frame.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct EncoderTargets {
    /// Which of the sender's encodings, from zero.
    pub encoding: usize,
    /// What to encode to.
    pub form: Form,
    /// The most that may be spent, in bits per second: by the parameters, and by what the peer said; `None` if neither says.
    pub max_bitrate: Option<u64>,
    /// How large and how many pictures may be.
    pub picture: PictureLimits,
    /// The layers to make.
    pub scalability: ScalabilityMode,
    /// The next frame should be a key frame.
    pub key_frame: bool,
    /// Share of packets lost, in percent.
    pub loss_percent: u8,
    /// Silence may be described in place of being sent
    /// ([`Session::send_comfort_noise`](crate::engine::Session::send_comfort_noise)).
    pub comfort_noise: bool,
}

/// A sender, with or without something agreed.
pub(in crate::engine) struct Sender {
    pub kind: MediaKind,
    /// What is sent, in the order of the parameters.
    pub encodings: Vec<Sending>,
    /// What was sent before. A stream goes on from there if it comes back: numbers that were used once may not be used
    /// again under the same keys (RFC 3711 §9.1). There are no more than the owner's descriptions gave SSRCs to.
    paused: Vec<Sending>,
    /// The most that the peer takes, by its feedback and by its description, in bits per second.
    estimated: Option<u64>,
    agreed: Option<u64>,
    /// Frames that came while nothing was sent, or that a transform was too slow for.
    dropped: u64,
    /// Where frames go first, if the application wants to change them.
    detour: Option<Box<Detour>>,
}

/// One encoding while a sender sends.
pub(in crate::engine) struct Sending {
    /// Which of the sender's encodings it is or was.
    index: u32,
    codec: RtpCodecParameters,
    parameters: RtpEncodingParameters,
    mid: Option<Mid>,
    extensions: ExtensionMap,
    /// The longest payload of a packet, in bytes.
    max_payload: usize,
    stream: SendStream,
    packetizer: Box<dyn Packetizer>,
    redundancy: Redundancy,
    queue: VecDeque<Queued>,
    /// Where packets of another stream go.
    splice: Option<forward::Splice>,
    queued_bytes: usize,
    limiter: KeyFrameLimiter,
    /// Nothing before a key frame can be decoded.
    needs_key_frame: bool,
    /// The encoder is to be told.
    key_frame_wanted: bool,
    /// Its part of what the peer takes.
    share: Option<u64>,
    tones: Tones,
    /// The payload type of tones, where the peer takes some at the clock rate of the codec.
    tone_format: Option<PayloadType>,
    /// Of the beginning of the present tone.
    tone_timestamp: RtpTimestamp,
    /// Reused: payloads of the frame that is being cut, header of the packet that is being sealed.
    payloads: Vec<Payload>,
    header: Vec<u8>,
    frames: u64,
    key_frames: u64,
    dropped: u64,
    header_bytes: u64,
    huge_frames: u64,
    /// Bytes of all frames that were cut.
    frame_bytes: u64,
    send_delay: Duration,
    encoding: EncodingStats,
}

struct Queued {
    since: Instant,
    header: Header,
    payload: SentPayload,
    audio_level: Option<AudioLevel>,
    /// Of the picture that it completes.
    appearance: Appearance,
}

/// What a frame says in its packets beside what its stream does.
#[derive(Clone, Debug, Default)]
struct Marks {
    /// In place of the one that its time gives.
    timestamp: Option<RtpTimestamp>,
    /// Whose media a mixer put into it, at most 15.
    sources: Vec<Ssrc>,
}

/// What is the same for all packets of a transport.
pub(in crate::engine) struct Stamp {
    pub now: Instant,
    pub clock: WallClock,
    /// The next transport-wide number.
    pub number: SequenceNumber,
}

impl Sender {
    pub fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            encodings: Vec::new(),
            paused: Vec::new(),
            estimated: None,
            agreed: None,
            dropped: 0,
            detour: None,
        }
    }

    /// Sends by these parameters. A stream that is there goes on, also after a stop; returns the goodbye of those that are
    /// sent no more.
    pub fn start(
        &mut self,
        now: Instant,
        parameters: &RtpSendParameters,
        rng: &Rng,
        clock: WallClock,
    ) -> Result<Option<Goodbye>, RtpParametersError> {
        parameters::check(self.kind, &parameters.codecs)?;
        let count = parameters.encodings.len();
        if count == 0 || count > MAX_ENCODINGS {
            return Err(RtpParametersError::Encodings(count));
        }
        let mut before = std::mem::take(&mut self.encodings);
        for (index, encoding) in (0..).zip(&parameters.encodings) {
            let codec = parameters.codec_of(encoding).ok_or(RtpParametersError::NoCodec)?;
            let known = take(&mut before, encoding.ssrc).or_else(|| take(&mut self.paused, encoding.ssrc));
            let mut sending = known.unwrap_or_else(|| Sending::new(codec, encoding, rng, clock));
            sending.configure(now, codec, encoding, parameters, rng);
            sending.index = index;
            self.encodings.push(sending);
        }
        self.agreed = parameters.max_bitrate;
        self.share();
        Ok(self.pause(before))
    }

    /// Stops sending and drops what waits; returns the goodbye of the streams.
    pub fn stop(&mut self) -> Option<Goodbye> {
        let encodings = std::mem::take(&mut self.encodings);
        self.pause(encodings)
    }

    fn pause(&mut self, mut encodings: Vec<Sending>) -> Option<Goodbye> {
        encodings.iter_mut().for_each(Sending::halt);
        let sources =
            encodings.iter().flat_map(|sending| sending.stream.goodbye().sources.iter().copied().collect::<Vec<_>>());
        let goodbye = Goodbye { sources: sources.collect(), reason: None };
        self.paused.append(&mut encodings);
        Some(goodbye).filter(|goodbye| !goodbye.sources.is_empty())
    }

    /// The highest of its encodings; `None` while nothing is sent.
    pub fn priority(&self) -> Option<Priority> {
        self.encodings.iter().map(|sending| sending.parameters.priority).max()
    }

    /// The encoding that has this stream.
    pub fn encoding_of(&mut self, ssrc: Ssrc) -> Option<&mut Sending> {
        self.encodings.iter_mut().find(|sending| sending.has(ssrc))
    }

    /// The peer takes so much of all encodings together.
    pub fn handle_remb(&mut self, remb: &Remb) {
        self.estimated = Some(remb.bitrate);
        self.share();
    }

    /// Gives each encoding its part of what the peer takes: by priority and size, since a layer of half the size needs a
    /// quarter.
    fn share(&mut self) {
        let total = self.estimated.into_iter().chain(self.agreed).min();
        let mut active: Vec<&mut Sending> =
            self.encodings.iter_mut().filter(|sending| sending.parameters.active).collect();
        let claim = |sending: &&mut Sending| Claim {
            weight: f64::from(sending.parameters.priority.weight())
                / sending.parameters.picture.scale_down_by.max(1.0).powi(2),
            most: sending.parameters.max_bitrate,
        };
        let claims: Vec<Claim> = active.iter().map(claim).collect();
        let shares = total.map(|total| share::split(total, &claims));
        for (at, sending) in active.iter_mut().enumerate() {
            sending.share = shares.as_ref().and_then(|shares| shares.get(at).copied());
        }
    }

    /// What each encoder is to do now; a wish for a key frame is told once.
    pub fn take_targets(&mut self) -> impl Iterator<Item = EncoderTargets> + '_ {
        // What goes through the application, encrypted it may be, is all there is to be heard.
        let has_transform = self.detour.is_some();
        let active = self.encodings.iter_mut().enumerate().filter(|(_, sending)| sending.parameters.active);
        active.map(move |(at, sending)| {
            let targets = sending.take_targets(at);
            EncoderTargets { comfort_noise: targets.comfort_noise && !has_transform, ..targets }
        })
    }

    /// The streams under which something was sent.
    pub fn used(&self) -> impl Iterator<Item = Ssrc> {
        let streams = self.encodings.iter().chain(&self.paused).map(|sending| &sending.stream);
        let used = streams.filter(|stream| stream.stats().packets > 0);
        used.flat_map(|stream| [Some(stream.ssrc()), stream.rtx_ssrc()]).flatten()
    }

    pub fn count_dropped(&mut self) {
        self.dropped += 1;
    }

    /// Counters of each encoding that is or was sent, those that are sent first and in their order.
    pub fn stats(&self) -> Vec<SenderStats> {
        let mut dropped = self.dropped;
        let active = self.encodings.iter().map(|sending| (sending, sending.parameters.active));
        let all = active.chain(self.paused.iter().map(|sending| (sending, false)));
        let counted = all.map(|(sending, active)| {
            let frames_dropped = std::mem::take(&mut dropped);
            let mut stats = SenderStats { frames_dropped, active, ..SenderStats::default() };
            sending.add_stats(&mut stats);
            stats
        });
        let stats: Vec<SenderStats> = counted.collect();
        if stats.is_empty() {
            return vec![SenderStats { frames_dropped: self.dropped, ..SenderStats::default() }];
        }
        stats
    }
}

/// Takes the stream `ssrc` out of those there are.
fn take(sendings: &mut Vec<Sending>, ssrc: Ssrc) -> Option<Sending> {
    let at = sendings.iter().position(|sending| sending.stream.ssrc() == ssrc)?;
    Some(sendings.swap_remove(at))
}
