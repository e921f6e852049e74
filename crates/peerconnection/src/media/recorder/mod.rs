//! Tracks into a file.
//!
//! ```text
//! MediaSource -> a task each: when it came -> bounded queue -> one thread per recorder: Lane (codec), Timeline, file
//! ```
//!
//! A full queue holds up its own sources alone: what a peer sends waits in the receiver's ring, which drops its oldest.

mod error;
mod file;
mod gapless;
mod lane;
#[cfg(feature = "ffmpeg")]
mod muxed;
mod opening;
mod pictures;
mod timeline;
mod worker;

pub use error::RecorderError;

use super::{Frame, KeyFrameRequester, MediaSource};
use file::Files;
use lane::Coding;
use ortica_codecs::MediaKind;
use ortica_codecs::coder::{AudioEncoderConfig, VideoEncoderConfig};
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use worker::{Input, Message, Worker};

/// Frames between the tracks and the thread that writes.
const QUEUE: usize = 64;
/// A track that gives nothing for this long has what came so far written.
const FLUSH_AFTER: Duration = Duration::from_secs(1);

/// What kind of file is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordingFormat {
    /// Sound and pictures, any number of tracks: Opus, VP8 and VP9.
    Webm,
    /// The same, and H.264, G.711 and G.722.
    Matroska,
    /// One track of sound, as Opus.
    Ogg,
    /// One track of sound, uncompressed.
    Wav,
    /// One track of pictures, each in a file of its own: `shot-0001.png`, and so on.
    Png,
    /// Sound and pictures, any number of tracks: H.264, VP9 and Opus. In pieces of a second, so that it can be played however it ends.
    #[cfg(feature = "ffmpeg")]
    Mp4,
    /// Sound and pictures, any number of tracks: H.264 and, encoded anew, AAC.
    #[cfg(feature = "ffmpeg")]
    MpegTs,
    /// One track of sound, as MP3.
    #[cfg(feature = "ffmpeg")]
    Mp3,
}

impl RecordingFormat {
    /// By the end of a file's name: `webm`, `mkv`, `mka`, `ogg`, `opus`, `wav`, `png`, in letters of either case; with FFmpeg also `mp4`,
    /// `m4a`, `ts` and `mp3`.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "webm" => Some(Self::Webm),
            "mkv" | "mka" => Some(Self::Matroska),
            "ogg" | "opus" => Some(Self::Ogg),
            "wav" => Some(Self::Wav),
            "png" => Some(Self::Png),
            #[cfg(feature = "ffmpeg")]
            "mp4" | "m4a" => Some(Self::Mp4),
            #[cfg(feature = "ffmpeg")]
            "ts" => Some(Self::MpegTs),
            #[cfg(feature = "ffmpeg")]
            "mp3" => Some(Self::Mp3),
            _ => None,
        }
    }

    #[cfg(feature = "ffmpeg")]
    fn is_of_ffmpeg(self) -> bool {
        matches!(self, Self::Mp4 | Self::MpegTs | Self::Mp3)
    }

    fn takes(self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Audio => self != Self::Png,
            MediaKind::Video => self == Self::Png || self.takes_many(),
        }
    }

    fn takes_many(self) -> bool {
        match self {
            Self::Webm | Self::Matroska => true,
            Self::Ogg | Self::Wav | Self::Png => false,
            #[cfg(feature = "ffmpeg")]
            Self::Mp4 | Self::MpegTs => true,
            #[cfg(feature = "ffmpeg")]
            Self::Mp3 => false,
        }
    }
}

/// How a [`MediaRecorder`] records.
#[derive(Clone, Debug, Default)]
pub struct RecorderOptions {
    format: Option<RecordingFormat>,
    segment_duration: Option<Duration>,
    segment_size: Option<u64>,
    coding: Coding,
    #[cfg(feature = "ffmpeg")]
    options: Vec<(String, String)>,
}

impl RecorderOptions {
    /// Writes this kind of file. Default: by the file's name.
    #[must_use]
    pub fn with_format(mut self, format: RecordingFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Begins a new file whenever one lasts this long. Where there are pictures it begins with the next key frame, which is
    /// asked for. Files are numbered then: `call-0001.webm`, and so on. Default: one file.
    #[must_use]
    pub fn with_segment_duration(mut self, duration: Duration) -> Self {
        self.segment_duration = Some(duration);
        self
    }

    /// Begins a new file whenever one has this many bytes, in the same way. Default: one file.
    #[must_use]
    pub fn with_segment_size(mut self, bytes: u64) -> Self {
        self.segment_size = Some(bytes);
        self
    }

    /// Sets an option of FFmpeg's writer of such files, by its name: `movflags`. One that it does not know ends the recording as soon as
    /// something is to be written. Other kinds of files take none, which
    /// [`MediaRecorder::new`] says.
    #[cfg(feature = "ffmpeg")]
    #[must_use]
    pub fn with_option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }

    /// Encodes sound like this, where the file does not take it as it comes.
    #[must_use]
    pub fn with_audio_encoder(mut self, config: AudioEncoderConfig) -> Self {
        self.coding.audio = config;
        self
    }

    /// Encodes pictures like this, where the file does not take them as they come.
    #[must_use]
    pub fn with_video_encoder(mut self, config: VideoEncoderConfig) -> Self {
        self.coding.video = config;
        self
    }
}

/// What was recorded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Recording {
    /// The files, in their order; of a sequence of pictures the first.
    pub files: Vec<PathBuf>,
    /// How long they last together.
    pub duration: Duration,
    /// Frames written.
    pub frames: u64,
    /// Frames that were left out: pictures before the first key frame, and what could not be encoded or decoded.
    pub left_out: u64,
}

/// Writes tracks to a file: what its kind takes as it comes, the rest encoded anew, on a thread of its own.
///
/// The file begins with the first frame. Tracks are aligned by the clock of who sent them, for whose first reports they wait up to
/// three seconds before anything is written; without reports they are aligned by when they came. Pictures may change their size
/// and come at any rate; gaps stay gaps. From then on a recording can be played up to its last second however it ends;
/// [`stop`](Self::stop) ends it properly, and dropping the recorder does the same without waiting. A file that cannot be written
/// any more ends the recording and nothing else.
///
/// ```no_run
/// use ortica::media::{MediaRecorder, RecorderOptions};
/// use ortica::{Event, Events};
/// use std::time::Duration;
///
/// # async fn record(mut events: Events) -> Result<(), Box<dyn std::error::Error>> {
/// let mut recorder = MediaRecorder::new("call.webm", RecorderOptions::default())?;
/// recorder.start().await?;
/// while let Some(event) = events.next().await {
///     if let Event::Track(event) = event {
///         recorder.add_track(event.track)?;
///     }
/// }
/// let recorded = recorder.stop().await?;
/// println!("{} s", recorded.duration.as_secs());
/// # Ok(())
/// # }
/// ```
pub struct MediaRecorder {
    files: Files,
    state: State,
    /// How many tracks there are.
    tracks: usize,
}

enum State {
    /// Tracks that wait for the start.
    Idle(Vec<Track>),
    Recording(Running),
    Stopped,
}

/// Takes a track's frames to where they go, until it ends.
type Pull = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Track {
    requester: Option<KeyFrameRequester>,
    kind: MediaKind,
    pull: Box<dyn FnOnce(Sink) -> Pull + Send>,
}

struct Running {
    tasks: JoinSet<()>,
    to: mpsc::Sender<Message>,
    start: Instant,
    done: oneshot::Receiver<Result<Recording, RecorderError>>,
}

/// Where the frames of a track go.
struct Sink {
    track: usize,
    start: Instant,
    to: mpsc::Sender<Message>,
}

impl MediaRecorder {
    /// A recorder into the file at `path`, which is written over. Nothing is touched before [`start`](Self::start).
    ///
    /// # Errors
    /// [`RecorderError::Format`] if neither the name nor the options say what kind of file it is to be; with the feature `ffmpeg`
    /// `RecorderError::Option` for an option of a file that FFmpeg does not write.
    pub fn new(path: impl Into<PathBuf>, options: RecorderOptions) -> Result<Self, RecorderError> {
        let path = path.into();
        let Some(format) = options.format.or_else(|| RecordingFormat::of_path(&path)) else {
            return Err(RecorderError::Format { path });
        };
        #[cfg(feature = "ffmpeg")]
        if let Some((name, _)) = options.options.first().filter(|_| !format.is_of_ffmpeg()) {
            return Err(RecorderError::Option { path, name: name.clone() });
        }
        let files = Files::new(path, format, options);
        Ok(Self { files, state: State::Idle(Vec::new()), tracks: 0 })
    }

    /// Adds a track, before or after the start. One that gives packets of RTP cannot be recorded: whole frames can.
    ///
    /// # Errors
    /// [`RecorderError::Kind`] for pictures where the file takes sound alone, [`RecorderError::TooManyTracks`] beyond one where
    /// it takes one, [`RecorderError::Stopped`] after the end.
    pub fn add_track(&mut self, source: impl MediaSource) -> Result<(), RecorderError> {
        let (kind, format) = (source.kind(), self.files.format());
        if !format.takes(kind) {
            return Err(RecorderError::Kind { path: self.files.path().to_owned(), kind });
        }
        if self.tracks > 0 && !format.takes_many() {
            return Err(RecorderError::TooManyTracks { path: self.files.path().to_owned() });
        }
        let track = Track {
            requester: source.key_frame_requester(),
            kind,
            pull: Box::new(|sink| Box::pin(pull(source, sink))),
        };
        match &mut self.state {
            State::Idle(tracks) => tracks.push(track),
            State::Recording(running) => running.begin(self.tracks, track),
            State::Stopped => return Err(RecorderError::Stopped),
        }
        self.tracks += 1;
        Ok(())
    }

    /// Creates the file and begins to record all tracks. On a recorder that records already nothing happens.
    ///
    /// # Errors
    /// [`RecorderError::Create`] if the file cannot be made, [`RecorderError::Thread`] without a thread to write it,
    /// [`RecorderError::Stopped`] after the end.
    pub async fn start(&mut self) -> Result<(), RecorderError> {
        let tracks = match &mut self.state {
            State::Recording(_) => return Ok(()),
            State::Stopped => return Err(RecorderError::Stopped),
            State::Idle(tracks) => std::mem::take(tracks),
        };
        let (to, from) = mpsc::channel(QUEUE);
        let created = Worker::spawn(self.files.clone(), tracks.len(), from);
        let done = match created.await {
            Ok(done) => done,
            Err(error) => {
                self.state = State::Idle(tracks);
                return Err(error);
            }
        };
        let mut running = Running { tasks: JoinSet::new(), to, start: Instant::now(), done };
        for (number, track) in tracks.into_iter().enumerate() {
            running.begin(number, track);
        }
        self.state = State::Recording(running);
        Ok(())
    }

    /// Writes what has come, and no further, and ends the file. On a recorder that was never started nothing is written.
    ///
    /// # Errors
    /// [`RecorderError::Write`] if the file could not be written to its end; what was written stays.
    pub async fn stop(&mut self) -> Result<Recording, RecorderError> {
        match std::mem::replace(&mut self.state, State::Stopped) {
            State::Idle(_) => Ok(Recording::default()),
            State::Stopped => Err(RecorderError::Stopped),
            State::Recording(mut running) => {
                running.tasks.shutdown().await;
                drop(running.to);
                running.done.await.unwrap_or(Err(RecorderError::Stopped))
            }
        }
    }

    /// Waits for all tracks to end, or for the file to fail, and ends the file.
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    pub async fn finished(&mut self) -> Result<Recording, RecorderError> {
        if let State::Recording(running) = &mut self.state {
            while running.tasks.join_next().await.is_some() {}
        }
        self.stop().await
    }

    /// `false` before the start, after the end, and once the file could not be written any more.
    pub fn is_recording(&self) -> bool {
        matches!(&self.state, State::Recording(running) if !running.to.is_closed())
    }
}

impl fmt::Debug for MediaRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_recording = self.is_recording();
        f.debug_struct("MediaRecorder").field("path", &self.files.path()).field("is_recording", &is_recording).finish()
    }
}

impl Running {
    fn begin(&mut self, number: usize, track: Track) {
        let sink = Sink { track: number, start: self.start, to: self.to.clone() };
        let input = Input::Begin { kind: track.kind, requester: track.requester };
        let begun = Message { track: number, arrived: self.start.elapsed(), input };
        let to = self.to.clone();
        let pull = (track.pull)(sink);
        self.tasks.spawn(async move {
            if to.send(begun).await.is_ok() {
                pull.await;
            }
        });
    }
}

async fn pull(mut source: impl MediaSource, sink: Sink) {
    while let Some(frame) = sink.next(&mut source).await {
        if !sink.put(Input::Frame(frame)).await {
            return;
        }
    }
    sink.put(Input::End).await;
}

impl Sink {
    /// The next frame. What came before is written if that takes long.
    async fn next(&self, source: &mut impl MediaSource) -> Option<Frame> {
        let mut frame = pin!(source.recv());
        tokio::select! {
            frame = &mut frame => return frame,
            () = sleep(FLUSH_AFTER) => {}
        }
        if !self.put(Input::Flush).await {
            return None;
        }
        tokio::select! {
            frame = &mut frame => frame,
            // The file has failed, and nobody takes frames any more.
            () = self.to.closed() => None,
        }
    }

    /// `false` once nobody writes any more.
    async fn put(&self, input: Input) -> bool {
        self.to.send(Message { track: self.track, arrived: self.start.elapsed(), input }).await.is_ok()
    }
}

#[cfg(test)]
mod tests;
