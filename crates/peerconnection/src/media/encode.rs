//! From raw frames to the senders: each frame encoded once per codec.

use super::local::{LocalTrackStats, TrackConfig};
use super::source::SourceTally;
use super::worker::Job;
use crate::driver::Cell;
use crate::engine::{EncodedReport, EncoderTargets, Limitation};
use crate::jsep::TransceiverId;
use crate::peer::SourceFigures;
use ortica_codecs::coder::{self, AudioEncoder, CoderError, VideoEncoder};
use ortica_codecs::frame::AudioAdapter;
use ortica_codecs::{AudioFrame, Codec, EncodedFrame, MediaKind, VideoFrame};
use ortica_core::Bitrate;
use std::collections::{BTreeMap, VecDeque};
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

/// A raw frame.
#[derive(Debug)]
pub(super) enum Raw {
    Audio(AudioFrame),
    Video(VideoFrame),
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
}

#[derive(Debug, Default)]
struct State {
    ring: VecDeque<(Raw, Instant)>,
    sinks: Vec<Sink>,
    stats: LocalTrackStats,
    tally: SourceTally,
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
        Self { kind, number, capacity, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, frame: Raw) {
        let written = Instant::now();
        let mut state = self.lock();
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
    }

    pub fn detach(&self, cell: &Weak<Cell>, id: TransceiverId) {
        self.lock().sinks.retain(|sink| !sink.is(cell, id));
    }

    pub fn stats(&self) -> LocalTrackStats {
        self.lock().stats
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

    /// What each sender wants of its encoder now.
    pub fn targets(&self) -> Vec<(Arc<Cell>, EncoderTargets)> {
        self.sending().into_iter().map(|(cell, _, targets)| (cell, targets)).collect()
    }

    fn sending(&self) -> Vec<(Arc<Cell>, TransceiverId, EncoderTargets)> {
        let sinks = self.sinks().into_iter();
        sinks
            .filter_map(|Sink { cell, id }| {
                let cell = cell.upgrade()?;
                let targets = cell.look(|inner| inner.peer.encoder_targets(id))?;
                Some((cell, id, targets))
            })
            .collect()
    }

    /// Hands an encoded frame to every sender of its codec; gives how many took it.
    pub fn send(&self, frame: &EncodedFrame) -> usize {
        let sinks = self.sinks().into_iter();
        sinks
            .filter_map(|Sink { cell, id }| Some((cell.upgrade()?, id)))
            .filter(|(cell, id)| cell.command(|peer, now| peer.send_frame(now, *id, frame)).is_ok())
            .count()
    }
}

/// Encodes what a track holds, on a worker thread.
pub(super) struct EncodeJob {
    source: Arc<Source>,
    config: TrackConfig,
    audio: BTreeMap<&'static str, AudioCoder>,
    video: BTreeMap<&'static str, VideoCoder>,
}

struct AudioCoder {
    encoder: Box<dyn AudioEncoder>,
    adapter: AudioAdapter,
    /// Reused.
    shaped: Vec<AudioFrame>,
    expected_loss: u8,
}

struct VideoCoder {
    encoder: Box<dyn VideoEncoder>,
    bitrate: u32,
}

/// What all senders of one codec want together.
struct Merged {
    codec: Codec,
    sinks: Vec<(Arc<Cell>, TransceiverId)>,
    key_frame: bool,
    max_bitrate: Option<u64>,
    loss_percent: u8,
}

impl EncodeJob {
    pub fn new(source: Arc<Source>, config: TrackConfig) -> Self {
        Self { source, config, audio: BTreeMap::new(), video: BTreeMap::new() }
    }

    /// Senders by codec. The slowest decides on the bitrate, the worst off on protection.
    fn merged(&self) -> Vec<Merged> {
        let mut all: Vec<Merged> = Vec::new();
        for (cell, id, targets) in self.source.sending() {
            let at = all.iter().position(|merged| merged.codec == targets.codec).unwrap_or_else(|| {
                all.push(Merged {
                    codec: targets.codec,
                    sinks: Vec::new(),
                    key_frame: false,
                    max_bitrate: None,
                    loss_percent: 0,
                });
                all.len() - 1
            });
            let merged = &mut all[at];
            merged.sinks.push((cell, id));
            merged.key_frame |= targets.key_frame;
            merged.max_bitrate = merged.max_bitrate.into_iter().chain(targets.max_bitrate).min();
            merged.loss_percent = merged.loss_percent.max(targets.loss_percent);
        }
        all
    }

    fn encode(&mut self, frame: &Raw, merged: &Merged, out: &mut Vec<EncodedFrame>) -> Result<(), CoderError> {
        match frame {
            Raw::Audio(frame) => self.audio_coder(merged)?.encode(frame, merged, out),
            Raw::Video(frame) => {
                out.extend(self.video_coder(merged)?.encode(frame, merged)?);
                Ok(())
            }
        }
    }

    /// What an encoder says of a frame that it made in `time`.
    fn report(&self, frame: &Raw, merged: &Merged, encoded: &EncodedFrame, time: Duration) -> EncodedReport {
        let (width, height) = match frame {
            Raw::Audio(_) => (0, 0),
            Raw::Video(picture) => (picture.width(), picture.height()),
        };
        let video = self.video.get(merged.codec.name());
        let is_limited = video.is_some_and(|coder| coder.bitrate < self.config.video.bitrate());
        EncodedReport {
            key_frame: encoded.key_frame,
            width,
            height,
            time,
            target: video.map(|coder| Bitrate::from_bits(coder.bitrate.into())),
            limitation: if is_limited { Limitation::Bandwidth } else { Limitation::None },
            implementation: coder::implementation(merged.codec),
        }
    }

    fn audio_coder(&mut self, merged: &Merged) -> Result<&mut AudioCoder, CoderError> {
        let name = merged.codec.name();
        if !self.audio.contains_key(name) {
            let encoder = coder::audio_encoder(merged.codec, &self.config.audio)?;
            let adapter = AudioAdapter::new(encoder.sample_rate(), encoder.channels(), encoder.frame_len())?;
            self.audio.insert(name, AudioCoder { encoder, adapter, shaped: Vec::new(), expected_loss: 0 });
        }
        self.audio.get_mut(name).ok_or(CoderError::NotCompiledIn(merged.codec))
    }

    fn video_coder(&mut self, merged: &Merged) -> Result<&mut VideoCoder, CoderError> {
        let name = merged.codec.name();
        if !self.video.contains_key(name) {
            let encoder = coder::video_encoder(merged.codec, &self.config.video)?;
            self.video.insert(name, VideoCoder { encoder, bitrate: self.config.video.bitrate() });
        }
        let most = self.config.video.bitrate();
        let coder = self.video.get_mut(name).ok_or(CoderError::NotCompiledIn(merged.codec))?;
        let allowed = merged.max_bitrate.map_or(most, |max| u32::try_from(max).unwrap_or(u32::MAX).min(most));
        coder.set_bitrate(allowed.max(MIN_VIDEO_BITRATE))?;
        Ok(coder)
    }
}

impl AudioCoder {
    fn encode(&mut self, frame: &AudioFrame, merged: &Merged, out: &mut Vec<EncodedFrame>) -> Result<(), CoderError> {
        if self.expected_loss != merged.loss_percent {
            self.expected_loss = merged.loss_percent;
            self.encoder.set_expected_loss(merged.loss_percent)?;
        }
        self.shaped.clear();
        self.adapter.push(frame, &mut self.shaped)?;
        for shaped in &self.shaped {
            if let Some(mut encoded) = self.encoder.encode(shaped)? {
                encoded.audio_level = encoded.audio_level.or_else(|| Some(shaped.level()));
                out.push(encoded);
            }
        }
        Ok(())
    }
}

impl VideoCoder {
    fn encode(&mut self, frame: &VideoFrame, merged: &Merged) -> Result<Option<EncodedFrame>, CoderError> {
        self.encoder.encode(frame, merged.key_frame)
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
        for merged in self.merged() {
            encoded.clear();
            let started = Instant::now();
            let result = self.encode(&frame, &merged, &mut encoded);
            let time = started.elapsed();
            {
                let stats = &mut self.source.lock().stats;
                stats.frames_encoded += encoded.len() as u64;
                stats.frames_failed += u64::from(result.is_err());
            }
            if let Err(error) = result {
                tracing::debug!(%error, codec = %merged.codec, "a frame was not encoded");
            }
            for encoded in &encoded {
                let report = self.report(&frame, &merged, encoded, time);
                for (cell, id) in &merged.sinks {
                    let sent = cell.command(|peer, now| {
                        peer.report_encoded(now, *id, &report);
                        peer.send_frame(now.saturating_sub(written.elapsed()), *id, encoded)
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
