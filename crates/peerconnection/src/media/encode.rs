//! From raw frames to the senders: each frame encoded once per format, which is a codec, a size and a rate.

mod sound;

use self::sound::AudioCoder;
use super::departure::Departure;
use super::local::{LocalTrackStats, TrackConfig};
use super::pace::FramePace;
use super::source::SourceTally;
use super::worker::Job;
use crate::ConnectionState;
use crate::driver::{Cell, Sending};
use crate::engine::{EncodedReport, EncoderTargets, Limitation, PictureLimits, Resolution, RtpPacket};
use crate::jsep::TransceiverId;
use crate::peer::SourceFigures;
use ortica_codecs::codec::Form;
use ortica_codecs::coder::{self, CoderError, VideoEncoder};
use ortica_codecs::frame::ScalabilityMode;
use ortica_codecs::payload::comfort_noise::ComfortNoise;
use ortica_codecs::{AudioFrame, EncodedFrame, MediaKind, VideoFrame};
use ortica_core::Bitrate;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Pictures that wait for the encoder; the next drops the oldest.
const VIDEO_RING: usize = 3;
/// Frames of sound that wait for the encoder.
const AUDIO_RING: usize = 50;
/// How many sources there were.
static NUMBERS: AtomicU64 = AtomicU64::new(0);
/// Encoders are not asked for less, in bits per second.
const MIN_VIDEO_BITRATE: u32 = 50_000;
const MIN_AUDIO_BITRATE: u32 = 6_000;

/// A raw frame.
#[derive(Debug)]
pub(super) enum Raw {
    Audio(AudioFrame),
    Video(VideoFrame),
}

impl Raw {
    /// Silence or black of the same shape and time; what has none stays.
    fn blank(self) -> Self {
        match self {
            Self::Audio(frame) => {
                let silence = AudioFrame::silence(frame.len(), frame.sample_rate(), frame.channels());
                Self::Audio(silence.map_or(frame.clone(), |it| it.with_pts(frame.pts(), frame.time_base())))
            }
            Self::Video(frame) => {
                let black = VideoFrame::black(frame.width(), frame.height());
                Self::Video(black.map_or(frame.clone(), |it| it.with_pts(frame.pts(), frame.time_base())))
            }
        }
    }
}

impl From<AudioFrame> for Raw {
    fn from(frame: AudioFrame) -> Self {
        Self::Audio(frame)
    }
}

impl From<VideoFrame> for Raw {
    fn from(frame: VideoFrame) -> Self {
        Self::Video(frame)
    }
}

/// What a track and its encoder share: frames that wait, and who sends them.
#[derive(Debug)]
pub(super) struct Source {
    kind: MediaKind,
    /// Tells it from all others of this process.
    pub number: u64,
    capacity: usize,
    state: Mutex<State>,
    /// Of whoever fills it by itself.
    pub departure: Departure,
}

#[derive(Debug, Default)]
struct State {
    ring: VecDeque<(Raw, Instant)>,
    sinks: Vec<Sink>,
    stats: LocalTrackStats,
    tally: SourceTally,
    /// Silence and black pictures stand in for what is written.
    disabled: bool,
    ended: bool,
}

/// A transceiver that sends the track.
#[derive(Clone, Debug)]
struct Sink {
    cell: Weak<Cell>,
    id: TransceiverId,
}

impl Sink {
    fn is(&self, cell: &Weak<Cell>, id: TransceiverId) -> bool {
        self.id == id && self.cell.ptr_eq(cell)
    }
}

impl Source {
    pub fn new(kind: MediaKind) -> Self {
        let capacity = match kind {
            MediaKind::Audio => AUDIO_RING,
            MediaKind::Video => VIDEO_RING,
        };
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Self { kind, number, capacity, state: Mutex::default(), departure: Departure::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, frame: Raw) {
        let written = Instant::now();
        let mut state = self.lock();
        let frame = if state.disabled { frame.blank() } else { frame };
        state.stats.frames_written += 1;
        state.tally.add(written, &frame);
        if state.ring.len() >= self.capacity {
            state.ring.pop_front();
            state.stats.frames_dropped += 1;
        }
        state.ring.push_back((frame, written));
    }

    fn pop(&self) -> Option<(Raw, Instant)> {
        self.lock().ring.pop_front()
    }

    pub fn attach(&self, cell: Weak<Cell>, id: TransceiverId) {
        let mut state = self.lock();
        if !state.sinks.iter().any(|sink| sink.is(&cell, id)) {
            state.sinks.push(Sink { cell, id });
        }
        drop(state);
        self.departure.tell();
    }

    pub fn detach(&self, cell: &Weak<Cell>, id: TransceiverId) {
        self.lock().sinks.retain(|sink| !sink.is(cell, id));
    }

    pub fn set_enabled(&self, enabled: bool) {
        self.lock().disabled = !enabled;
    }

    pub fn is_enabled(&self) -> bool {
        !self.lock().disabled
    }

    pub fn end(&self) {
        self.lock().ended = true;
        self.departure.tell();
    }

    pub fn is_ended(&self) -> bool {
        self.lock().ended
    }

    pub fn stats(&self) -> LocalTrackStats {
        self.lock().stats
    }

    /// The connections that send it and are not over.
    pub fn cells(&self) -> Vec<Arc<Cell>> {
        let cells = self.sinks().into_iter().filter_map(|sink| sink.cell.upgrade());
        let is_over = |cell: &Arc<Cell>| cell.look(|inner| inner.peer.connection_state()) == ConnectionState::Closed;
        cells.filter(|cell| !is_over(cell)).collect()
    }

    /// What was written so far.
    pub fn figures(&self) -> SourceFigures {
        self.lock().tally.figures(self.kind, Instant::now())
    }

    /// The sinks whose connection is alive. The lock is not held while their sessions are asked.
    fn sinks(&self) -> Vec<Sink> {
        let mut state = self.lock();
        state.sinks.retain(|sink| sink.cell.strong_count() > 0);
        state.sinks.clone()
    }

    /// What the senders want of their encoders now.
    pub fn targets(&self) -> Vec<EncoderTargets> {
        self.sending().into_iter().flat_map(|(_, _, targets)| targets).collect()
    }

    fn sending(&self) -> Vec<(Arc<Cell>, TransceiverId, Vec<EncoderTargets>)> {
        let sinks = self.sinks().into_iter();
        sinks
            .filter_map(|Sink { cell, id }| {
                let cell = cell.upgrade()?;
                let targets = cell.look(|inner| inner.peer.encodings_targets(id));
                Some((cell, id, targets))
            })
            .collect()
    }

    /// Hands an encoded frame to every sender of its codec that has such an encoding; gives how many took it.
    pub fn send(&self, encoding: usize, frame: &EncodedFrame) -> usize {
        let sinks = self.sinks();
        let sending = sending_to(sinks.len());
        let send = |cell: &Cell, id| {
            cell.command_sending(sending, |peer, now| peer.send_encoding(now, id, encoding, frame)).is_ok()
        };
        let alive = sinks.into_iter().filter_map(|Sink { cell, id }| Some((cell.upgrade()?, id)));
        alive.filter(|(cell, id)| send(cell, *id)).count()
    }

    /// Hands a packet to every sender of its form that has such an encoding; gives how many took it.
    pub fn send_packet(&self, encoding: usize, packet: &RtpPacket) -> usize {
        let sinks = self.sinks().into_iter();
        sinks
            .filter_map(|Sink { cell, id }| Some((cell.upgrade()?, id)))
            .filter(|(cell, id)| cell.command(|peer, now| peer.send_packet(now, *id, encoding, packet)).is_ok())
            .count()
    }
}

/// How a frame leaves for so many sessions. Where it is for one, the thread that has it sends it, which spares the endpoint a turn;
/// many would keep that thread from the next frame.
fn sending_to(sinks: usize) -> Sending {
    if sinks == 1 { Sending::FrameAtOnce } else { Sending::InTurn }
}

/// Encodes what a track holds, on a worker thread.
pub(super) struct EncodeJob {
    source: Arc<Source>,
    config: TrackConfig,
    /// One for each format that somebody wants.
    audio: Vec<AudioCoder>,
    video: Vec<VideoCoder>,
}

/// What became of a raw frame.
enum Coded {
    Frame(EncodedFrame),
    /// Silence from there on, as the source counts.
    Silence(Duration, ComfortNoise),
}

struct VideoCoder {
    format: Format,
    encoder: Box<dyn VideoEncoder>,
    bitrate: u32,
    pace: FramePace,
    /// The next picture that passes is to be a key frame.
    key_frame: bool,
}

/// What is encoded once, however many send it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Format {
    form: Form,
    picture: PictureLimits,
    scalability: ScalabilityMode,
    /// Silence is described, not sent.
    comfort_noise: bool,
    /// Which one of several encodings that are alike, within one sender.
    copy: usize,
}

/// What all who send one format want together.
struct Merged {
    format: Format,
    sinks: Vec<(Arc<Cell>, TransceiverId, usize)>,
    key_frame: bool,
    max_bitrate: Option<u64>,
    loss_percent: u8,
}

impl EncodeJob {
    pub fn new(source: Arc<Source>, config: TrackConfig) -> Self {
        Self { source, config, audio: Vec::new(), video: Vec::new() }
    }

    /// Encodings by format. The slowest decides on the bitrate, the worst off on protection.
    fn merged(&self) -> Vec<Merged> {
        let mut all: Vec<Merged> = Vec::new();
        for (cell, id, encodings) in self.source.sending() {
            for (at, targets) in encodings.iter().enumerate() {
                let copies = encodings.iter().take(at).filter(|other| Format::of(other, 0) == Format::of(targets, 0));
                let format = Format::of(targets, copies.count());
                let merged = match all.iter().position(|merged| merged.format == format) {
                    Some(at) => &mut all[at],
                    None => {
                        all.push(Merged::new(format));
                        let last = all.len() - 1;
                        &mut all[last]
                    }
                };
                merged.sinks.push((cell.clone(), id, targets.encoding));
                merged.key_frame |= targets.key_frame;
                merged.max_bitrate = merged.max_bitrate.into_iter().chain(targets.max_bitrate).min();
                merged.loss_percent = merged.loss_percent.max(targets.loss_percent);
            }
        }
        all
    }

    fn encode(&mut self, frame: &Raw, merged: &Merged, out: &mut Vec<Coded>) -> Result<(), CoderError> {
        match frame {
            Raw::Audio(frame) => self.audio_coder(merged)?.encode(frame, merged, out),
            Raw::Video(frame) => {
                out.extend(self.video_coder(merged)?.encode(frame)?.map(Coded::Frame));
                Ok(())
            }
        }
    }

    /// Encoders that nobody wants any more go, with the memory they hold.
    fn forget_unwanted(&mut self, wanted: &[Merged]) {
        let is_wanted = |format: Format| wanted.iter().any(|merged| merged.format == format);
        self.audio.retain(|coder| is_wanted(coder.format));
        self.video.retain(|coder| is_wanted(coder.format));
    }

    /// What an encoder says of a frame that it made in `time`.
    fn report(&self, frame: &Raw, format: Format, encoded: &EncodedFrame, time: Duration) -> EncodedReport {
        let size = match frame {
            Raw::Audio(_) => Resolution { width: 0, height: 0 },
            Raw::Video(picture) => {
                format.picture.size_of(Resolution { width: picture.width(), height: picture.height() })
            }
        };
        let video = self.video.iter().find(|coder| coder.format == format);
        let is_limited = video.is_some_and(|coder| coder.bitrate < self.config.video.bitrate());
        EncodedReport {
            key_frame: encoded.key_frame,
            width: size.width,
            height: size.height,
            time,
            target: video.map(|coder| Bitrate::from_bits(coder.bitrate.into())),
            limitation: if is_limited { Limitation::Bandwidth } else { Limitation::None },
            implementation: match (video, self.audio.iter().find(|coder| coder.format == format)) {
                (Some(coder), _) => coder.encoder.implementation(),
                (None, Some(coder)) => coder.encoder.implementation(),
                (None, None) => "",
            },
        }
    }

    fn audio_coder(&mut self, merged: &Merged) -> Result<&mut AudioCoder, CoderError> {
        let most = self.config.audio.bitrate();
        let at = match self.audio.iter().position(|coder| coder.format == merged.format) {
            Some(at) => at,
            None => {
                let encoder = coder::audio_encoder(merged.format.form.codec(), &self.config.audio)?;
                self.audio.push(AudioCoder::new(merged.format, encoder, most)?);
                self.audio.len() - 1
            }
        };
        let coder = &mut self.audio[at];
        let bitrate = merged.bitrate(most, MIN_AUDIO_BITRATE.min(most));
        if bitrate != coder.bitrate {
            coder.bitrate = bitrate;
            coder.encoder.set_bitrate(bitrate)?;
        }
        Ok(coder)
    }

    fn video_coder(&mut self, merged: &Merged) -> Result<&mut VideoCoder, CoderError> {
        let most = self.config.video.bitrate();
        let at = match self.video.iter().position(|coder| coder.format == merged.format) {
            Some(at) => at,
            None => {
                let config = self.config.video.with_scalability_mode(merged.format.scalability);
                let encoder = coder::video_encoder(merged.format.form, &config)?;
                let (format, pace) = (merged.format, FramePace::default());
                self.video.push(VideoCoder { format, encoder, bitrate: most, pace, key_frame: false });
                self.video.len() - 1
            }
        };
        let coder = &mut self.video[at];
        coder.key_frame |= merged.key_frame;
        coder.set_bitrate(merged.bitrate(most, MIN_VIDEO_BITRATE.min(most)))?;
        Ok(coder)
    }
}

impl Format {
    fn of(targets: &EncoderTargets, copy: usize) -> Self {
        let EncoderTargets { form, picture, scalability, comfort_noise, .. } = *targets;
        Self { form, picture, scalability, comfort_noise, copy }
    }
}

impl Merged {
    fn new(format: Format) -> Self {
        Self { format, sinks: Vec::new(), key_frame: false, max_bitrate: None, loss_percent: 0 }
    }

    /// What is allowed, within what the encoder was set up for.
    fn bitrate(&self, most: u32, least: u32) -> u32 {
        self.max_bitrate.map_or(most, |max| u32::try_from(max).unwrap_or(u32::MAX).clamp(least, most))
    }
}

impl VideoCoder {
    /// `None` for a picture that is one too many, or that the encoder dropped.
    fn encode(&mut self, frame: &VideoFrame) -> Result<Option<EncodedFrame>, CoderError> {
        let size = self.format.picture.size_of(Resolution { width: frame.width(), height: frame.height() });
        let at = frame.time_base().duration(frame.pts());
        if self.format.picture.frame_rate_at(size).is_some_and(|rate| !self.pace.admits(at, rate)) {
            return Ok(None);
        }
        let encoded = self.encoder.encode(&frame.scale(size.width, size.height)?, self.key_frame)?;
        self.key_frame &= encoded.is_none();
        Ok(encoded)
    }

    /// Follows what is allowed, but not every breath of it.
    fn set_bitrate(&mut self, bitrate: u32) -> Result<(), CoderError> {
        if bitrate.abs_diff(self.bitrate) <= self.bitrate / 20 {
            return Ok(());
        }
        self.bitrate = bitrate;
        self.encoder.set_bitrate(bitrate)
    }
}

impl Job for EncodeJob {
    /// Encodes one frame for all who send it.
    fn run(&mut self) -> bool {
        let Some((frame, written)) = self.source.pop() else { return false };
        let mut encoded = Vec::new();
        let all = self.merged();
        self.forget_unwanted(&all);
        for merged in &all {
            encoded.clear();
            let started = Instant::now();
            let result = self.encode(&frame, merged, &mut encoded);
            let time = started.elapsed();
            {
                let stats = &mut self.source.lock().stats;
                stats.frames_encoded += encoded.iter().filter(|coded| matches!(coded, Coded::Frame(_))).count() as u64;
                stats.frames_failed += u64::from(result.is_err());
            }
            if let Err(error) = result {
                tracing::debug!(%error, codec = %merged.format.form.codec(), "a frame was not encoded");
            }
            for coded in &encoded {
                let report = match coded {
                    Coded::Frame(encoded) => Some(self.report(&frame, merged.format, encoded, time)),
                    Coded::Silence(..) => None,
                };
                let sending = sending_to(merged.sinks.len());
                for (cell, id, encoding) in &merged.sinks {
                    let sent = cell.command_sending(sending, |peer, now| {
                        if let Some(report) = &report {
                            peer.report_encoded(now, *id, *encoding, report);
                        }
                        let captured = now.saturating_sub(written.elapsed());
                        match coded {
                            Coded::Frame(encoded) => peer.send_encoding(captured, *id, *encoding, encoded),
                            Coded::Silence(time, noise) => {
                                peer.send_comfort_noise(captured, *id, *encoding, (*time, noise))
                            }
                        }
                    });
                    if let Err(error) = sent {
                        tracing::trace!(%error, "a frame was not sent");
                    }
                }
            }
        }
        true
    }
}
