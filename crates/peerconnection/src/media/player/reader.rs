//! The thread that reads and decodes.

use super::file::{Demuxer, Stream};
use super::shared::{Order, Origin, Shared, Want};
use super::{Interest, PlayerError, PlayerOptions};
use crate::media::Frame;
use ortica_codecs::MediaKind;
use ortica_codecs::coder::{self, AudioDecoder, CoderError, DecoderLimits, VideoDecoder};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// Bytes of one stream that are kept while frames of another are looked for; then the oldest go.
const MOST_PENDING: usize = 16 << 20;
/// The same of raw pictures, which are half a second of 4096x2304.
const MOST_RAW: usize = 256 << 20;
/// The same for a stream that nobody asked for yet.
const MOST_IDLE: usize = 2 << 20;
/// How much of such a stream is kept, by its time.
const IDLE_SPAN: Duration = Duration::from_secs(1);
/// What a picture lasts that none follows.
const LAST_PICTURE: Duration = Duration::from_millis(33);

/// Opens a file on a thread of its own, which then reads what is asked for.
pub(super) async fn open(
    path: PathBuf,
    options: PlayerOptions,
    interest: Interest,
) -> Result<Arc<Shared>, PlayerError> {
    let (opened, is_opened) = oneshot::channel();
    let thread = thread::Builder::new().name("ortica-player".to_owned());
    let missing = path.clone();
    let run = move || match Reader::open(path, options, interest) {
        Ok(mut reader) => {
            if opened.send(Ok(reader.shared.clone())).is_ok() {
                reader.run();
            }
        }
        Err(error) => drop(opened.send(Err(error))),
    };
    thread.spawn(run).map_err(PlayerError::Thread)?;
    // Without an answer the thread has panicked.
    is_opened.await.unwrap_or(Err(PlayerError::Format { path: missing }))
}

struct Reader {
    shared: Arc<Shared>,
    options: PlayerOptions,
    demuxer: Demuxer,
    lanes: Vec<Lane>,
    /// From the file's time to that of what is given out, in nanoseconds.
    offset: i64,
    /// Where what was read ends, in the file's time.
    end: Duration,
    /// What is before is left out.
    from: Duration,
}

impl Pending {
    /// When it is given out, in the time of that.
    fn due(&self) -> Duration {
        let due = nanos(self.position).saturating_add(self.offset);
        Duration::from_nanos(u64::try_from(due).unwrap_or(0))
    }
}

/// What the thread knows of a stream.
struct Lane {
    /// Frames that were read and are still to be decoded.
    pending: VecDeque<Pending>,
    pending_bytes: usize,
    decoder: Decoder,
    /// Where the one before stands in the file.
    last: Option<Duration>,
    /// Frames were left out: those that refer to them are, too.
    needs_key_frame: bool,
}

struct Pending {
    frame: Frame,
    /// In the file.
    position: Duration,
    /// From there to the time that is given out, in nanoseconds.
    offset: i64,
}

enum Decoder {
    None,
    Audio(Box<dyn AudioDecoder>),
    Video(Box<dyn VideoDecoder>),
}

impl Reader {
    fn open(path: PathBuf, options: PlayerOptions, interest: Interest) -> Result<Self, PlayerError> {
        let demuxer = Demuxer::open(&path, &options, &interest)?;
        let streams = demuxer.streams();
        if streams.is_empty() {
            return Err(PlayerError::NoStream { path, codecs: demuxer.unknown_codecs() });
        }
        let lanes = streams.iter().map(|_| Lane::new()).collect();
        let origin = Origin { path, streams, duration: demuxer.duration(), is_live: demuxer.is_live() };
        let shared = Arc::new(Shared::new(origin, &options, interest));
        Ok(Self { shared, options, demuxer, lanes, offset: 0, end: Duration::ZERO, from: Duration::ZERO })
    }

    fn run(&mut self) {
        loop {
            let done = match self.shared.order() {
                Order::Leave => return,
                Order::Read(stream) => self.read(stream),
                Order::ReadAny => self.read_any(),
                Order::Seek { to, resume_at } => self.seek(to, resume_at),
            };
            if let Err(error) = done {
                self.shared.fail(error);
                (0..self.lanes.len()).for_each(|stream| self.shared.end(stream));
            }
        }
    }

    /// One frame of a stream more, or its end.
    fn read(&mut self, stream: usize) -> Result<(), PlayerError> {
        match self.next_of(stream)? {
            Some(next) => self.give(stream, next),
            None => self.shared.end(stream),
        }
        Ok(())
    }

    /// Whatever comes next, with what was kept of streams that somebody asked for; the end of all at the end.
    fn read_any(&mut self) -> Result<(), PlayerError> {
        if !self.read_one()? {
            (0..self.lanes.len()).for_each(|stream| self.shared.end(stream));
        }
        for stream in 0..self.lanes.len() {
            while let (Want::All, Some(next)) = (self.shared.want(stream), self.lanes[stream].pop()) {
                self.give(stream, next);
            }
        }
        Ok(())
    }

    /// Decodes a frame, if that is wanted, and hands it over.
    fn give(&mut self, stream: usize, Pending { frame, position, offset }: Pending) {
        match self.decode(stream, frame) {
            Ok(Some(frame)) if position >= self.from || !self.options.decode => {
                self.shared.put(stream, frame.later(offset), position);
            }
            Ok(_) => {}
            Err(source @ (CoderError::NotCompiledIn(_) | CoderError::WrongCodec(_))) => {
                self.shared.fail(PlayerError::Decode { path: self.shared.origin.path.clone(), stream, source });
                self.shared.end(stream);
            }
            // The next key frame mends it.
            Err(error) => tracing::debug!(%error, stream, "a frame of a file was not decoded"),
        }
    }

    /// The next frame of a stream as the file holds it; those of others that come before it are kept.
    fn next_of(&mut self, stream: usize) -> Result<Option<Pending>, PlayerError> {
        loop {
            if let Some(next) = self.lanes[stream].pop() {
                return Ok(Some(next));
            }
            if !self.read_one()? && !self.rewind()? {
                return Ok(None);
            }
        }
    }

    /// `false` at the end of the file.
    fn read_one(&mut self) -> Result<bool, PlayerError> {
        let unread = |source| PlayerError::Read { path: self.shared.origin.path.clone(), source };
        let Some((stream, frame)) = self.demuxer.next().map_err(unread)? else { return Ok(false) };
        let position = frame.time();
        let Some(lane) = self.lanes.get_mut(stream) else { return Ok(true) };
        let step = lane.last.replace(position).map(|last| position.saturating_sub(last));
        let lasts = frame.duration().or(step).unwrap_or(LAST_PICTURE);
        self.end = self.end.max(position + lasts);
        let is_early = position < self.from;
        // What is sought is decoded from the key frame before it.
        let is_useful = !is_early || self.options.decode && frame.is_of_chain();
        match self.shared.want(stream) {
            Want::All if is_useful => {
                let most = if matches!(frame, Frame::Video(_)) { MOST_RAW } else { MOST_PENDING };
                lane.push(Pending { frame, position, offset: self.offset }, is_early, most)
            }
            Want::Recent(given) if is_useful => {
                lane.push(Pending { frame, position, offset: self.offset }, is_early, MOST_IDLE);
                lane.forget_before(given);
            }
            _ => lane.needs_key_frame = true,
        }
        Ok(true)
    }

    /// Begins anew; `false` where that is not wanted, or of no use.
    fn rewind(&mut self) -> Result<bool, PlayerError> {
        let is_empty = self.end.is_zero();
        if !self.options.looped || is_empty {
            return Ok(false);
        }
        // Beyond the end nothing was given out.
        self.offset = self.offset.saturating_add(nanos(self.end.max(self.from)));
        self.reopen(Duration::ZERO)?;
        Ok(true)
    }

    fn seek(&mut self, to: Duration, resume_at: Duration) -> Result<(), PlayerError> {
        self.offset = nanos(resume_at).saturating_sub(nanos(to));
        self.reopen(to)?;
        for lane in &mut self.lanes {
            *lane = Lane::new();
        }
        Ok(())
    }

    fn reopen(&mut self, from: Duration) -> Result<(), PlayerError> {
        if !self.demuxer.seek(from) {
            self.demuxer = Demuxer::open(&self.shared.origin.path, &self.options, &self.shared.interest)?;
        }
        (self.end, self.from) = (Duration::ZERO, from);
        self.lanes.iter_mut().for_each(|lane| lane.last = None);
        Ok(())
    }

    fn decode(&mut self, stream: usize, frame: Frame) -> Result<Option<Frame>, CoderError> {
        let encoded = match &frame {
            Frame::Encoded { frame, .. } if self.options.decode => frame,
            _ => return Ok(Some(frame)),
        };
        match self.lanes[stream].decoder(self.shared.origin.streams[stream])? {
            Decoder::None => Ok(None),
            Decoder::Audio(decoder) => Ok(Some(decoder.decode(encoded)?.into())),
            Decoder::Video(decoder) => Ok(decoder.decode(encoded)?.map(Frame::Video)),
        }
    }
}

impl Lane {
    fn new() -> Self {
        Self { pending: VecDeque::new(), pending_bytes: 0, decoder: Decoder::None, last: None, needs_key_frame: true }
    }

    /// An early one is decoded for those that follow alone: a key frame makes those before it useless.
    fn push(&mut self, next: Pending, is_early: bool, most_bytes: usize) {
        let is_of_chain = next.frame.is_of_chain();
        if is_of_chain && self.needs_key_frame && !next.frame.is_key_frame() {
            return;
        }
        self.needs_key_frame = false;
        if is_early && next.frame.is_key_frame() {
            self.clear();
        }
        self.pending_bytes += size(&next.frame);
        self.pending.push_back(next);
        while self.pending_bytes > most_bytes && self.pending.len() > 1 {
            if is_of_chain {
                self.clear();
                self.needs_key_frame = true;
            } else {
                self.pop();
            }
        }
    }

    /// Drops what was due long before this. Pictures go up to a key frame, from which the others can be decoded.
    fn forget_before(&mut self, given: Duration) {
        let is_due = |pending: &Pending| pending.due() + IDLE_SPAN < given;
        match self.pending.back() {
            Some(last) if last.frame.is_of_chain() => {
                if last.frame.is_key_frame() {
                    let start =
                        self.pending.iter().rposition(|pending| pending.frame.is_key_frame() && is_due(pending));
                    (0..start.unwrap_or(0)).for_each(|_| drop(self.pop()));
                }
            }
            _ => {
                while self.pending.front().is_some_and(is_due) {
                    self.pop();
                }
            }
        }
    }

    fn pop(&mut self) -> Option<Pending> {
        let next = self.pending.pop_front()?;
        self.pending_bytes -= size(&next.frame);
        Some(next)
    }

    fn clear(&mut self) {
        self.pending.clear();
        self.pending_bytes = 0;
    }

    fn decoder(&mut self, stream: Stream) -> Result<&mut Decoder, CoderError> {
        if let (Decoder::None, Some(codec)) = (&self.decoder, stream.codec) {
            self.decoder = match stream.kind {
                MediaKind::Audio => Decoder::Audio(coder::audio_decoder(codec)?),
                MediaKind::Video => Decoder::Video(coder::video_decoder(codec, DecoderLimits::default())?),
            };
        }
        Ok(&mut self.decoder)
    }
}

/// Of what waits, in bytes.
fn size(frame: &Frame) -> usize {
    match frame {
        Frame::Encoded { frame, .. } => frame.data.len(),
        Frame::Rtp(packet) => packet.payload.len(),
        Frame::Audio(sound) => sound.len() * usize::from(sound.channels()) * size_of::<f32>(),
        Frame::Video(picture) => picture.format().byte_len(picture.width(), picture.height()),
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
