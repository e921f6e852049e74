//! Files as tracks.
//!
//! ```text
//! file -> one thread per player: demultiplex, decode -> a bounded ring per stream -> PlayerTrack::recv, each frame at its time
//! ```
//!
//! The thread reads only what a ring has room for, so nothing is read or decoded before somebody asks. Of streams that nobody asked
//! for, what was due in the last second is kept as it is in the file. A device, or a stream that somebody sends, cannot wait: from the first
//! frame that somebody asks for it is read on, and what nobody takes in time is dropped, the oldest first.

mod error;
mod file;
#[cfg(feature = "ffmpeg")]
mod foreign;
mod reader;
mod shared;

pub use error::PlayerError;

use super::{Frame, MediaSource};
#[cfg(feature = "ffmpeg")]
use ortica_codecs::ffmpeg::Device;
use ortica_codecs::{Codec, MediaKind};
use shared::{Lease, Next, Shared};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// What kind of file is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PlayerFormat {
    /// WebM or Matroska.
    Webm,
    /// Opus in Ogg.
    Ogg,
    /// VP8 or VP9 in IVF.
    Ivf,
    /// Uncompressed sound.
    Wav,
    /// Uncompressed pictures.
    Y4m,
    /// H.264 in the byte stream format (`.h264`, `.264`), 25 pictures a second.
    AnnexB,
}

/// How a [`MediaPlayer`] plays.
#[derive(Clone, Debug)]
pub struct PlayerOptions {
    format: Option<PlayerFormat>,
    timeout: Option<Duration>,
    looped: bool,
    decode: bool,
    #[cfg(feature = "ffmpeg")]
    source: foreign::SourceOptions,
}

impl Default for PlayerOptions {
    /// Decoded, once, by what the file itself says, with all patience.
    fn default() -> Self {
        Self {
            format: None,
            timeout: None,
            looped: false,
            decode: true,
            #[cfg(feature = "ffmpeg")]
            source: foreign::SourceOptions::default(),
        }
    }
}

impl PlayerOptions {
    /// Takes the file for one of this kind. Default: by its first bytes.
    #[must_use]
    pub fn with_format(mut self, format: PlayerFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Gives up when opening, or one frame, takes longer: for pipes and file systems of other machines. Default: never.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Begins anew at the end, whose times follow on without a gap. Default: once.
    #[must_use]
    pub fn with_loop(mut self, looped: bool) -> Self {
        self.looped = looped;
        self
    }

    /// Gives raw frames, or encoded ones as the file holds them. Default: raw.
    #[must_use]
    pub fn with_decode(mut self, decode: bool) -> Self {
        self.decode = decode;
        self
    }

    /// Has FFmpeg read it, as a file or device of the kind that it calls so: `mpegts`, `v4l2`, `alsa`, `pulse`, `x11grab`, `lavfi`; which is
    /// an error beside a [format](Self::with_format) that needs no FFmpeg. Default: what is not known here, and whatever has an address
    /// such as `rtsp://camera.example/1`, by its first bytes.
    #[cfg(feature = "ffmpeg")]
    #[must_use]
    pub fn with_input_format(mut self, name: impl Into<String>) -> Self {
        self.source.format = Some(name.into());
        self
    }

    /// Has FFmpeg read it, with an option of the file, the device or the protocol, by FFmpeg's name: `framerate`, `video_size`,
    /// `rtsp_transport`. One that is not known there is an error, and so is each beside a [format](Self::with_format) that needs no FFmpeg.
    #[cfg(feature = "ffmpeg")]
    #[must_use]
    pub fn with_option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.source.options.push((name.into(), value.into()));
        self
    }
}

/// Whether anybody still wants what takes long: not so once it is `true`. Clones are the same.
#[derive(Clone, Debug, Default)]
struct Interest(Arc<AtomicBool>);

impl Interest {
    fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    #[cfg(feature = "ffmpeg")]
    fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ends it unless it is kept.
struct Opening(Option<Interest>);

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(interest) = &self.0 {
            interest.end();
        }
    }
}

/// Plays a file: each of its streams is a track, whose frames come at their times.
///
/// It begins with the first frame that somebody asks for, goes on as long as the player or one of its tracks is there, and can
/// be paused and sought in. Times of frames rise over all of that.
///
/// ```no_run
/// use ortica::LocalTrack;
/// use ortica::media::{MediaPlayer, PlayerOptions};
///
/// # async fn play() -> Result<(), Box<dyn std::error::Error>> {
/// // As it is in the file, again and again.
/// let player = MediaPlayer::open("film.webm", PlayerOptions::default().with_decode(false).with_loop(true)).await?;
/// let picture = player.video().map(|stream| LocalTrack::pulled(stream, Default::default()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MediaPlayer {
    lease: Arc<Lease>,
}

impl MediaPlayer {
    /// Opens a file, on a thread of the player's own; with the feature `ffmpeg` an address or a device just as well.
    ///
    /// # Errors
    /// [`PlayerError`] if it cannot be opened, is of no known kind, or holds nothing that is known, and if that takes too long.
    pub async fn open(path: impl Into<PathBuf>, options: PlayerOptions) -> Result<Self, PlayerError> {
        let path = path.into();
        let patience = options.timeout;
        let interest = Interest::default();
        // Who gives up leaves no thread that waits for ever.
        let mut opening = Opening(Some(interest.clone()));
        let opened = reader::open(path.clone(), options, interest);
        let shared = match patience {
            Some(patience) => timeout(patience, opened).await.unwrap_or(Err(PlayerError::TimedOut { path }))?,
            None => opened.await?,
        };
        opening.0 = None;
        Ok(Self { lease: Arc::new(Lease::new(shared)) })
    }

    /// Opens a camera, a microphone or a screen, as [`devices`](super::devices()) lists them; its settings are
    /// [options](PlayerOptions::with_option). Its frames come as soon as they are there. It cannot be sought in, and gives nothing of the
    /// time in which it was paused.
    ///
    /// # Errors
    /// As [`open`](Self::open); what it names is the device.
    #[cfg(feature = "ffmpeg")]
    pub async fn open_device(device: &Device, options: PlayerOptions) -> Result<Self, PlayerError> {
        Self::open(&device.name, options.with_input_format(&device.format)).await
    }

    /// All streams, in the order of the file.
    pub fn tracks(&self) -> Vec<PlayerTrack> {
        (0..self.shared().origin.streams.len()).map(|index| self.track(index)).collect()
    }

    /// The first stream of sound.
    pub fn audio(&self) -> Option<PlayerTrack> {
        self.first(MediaKind::Audio)
    }

    /// The first stream of pictures.
    pub fn video(&self) -> Option<PlayerTrack> {
        self.first(MediaKind::Video)
    }

    /// How long the file lasts, where it says so.
    pub fn duration(&self) -> Option<Duration> {
        self.shared().origin.duration
    }

    /// Where in the file it is: of the last frame that was given out.
    pub fn position(&self) -> Duration {
        self.shared().position()
    }

    /// Gives no frames out until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.shared().pause(Instant::now());
    }

    /// Goes on where it was paused.
    pub fn resume(&self) {
        self.shared().resume(Instant::now());
    }

    /// Goes on from another place in the file: decoded, with the first frame at `time` or after it; pictures as they are in the
    /// file, with the first key frame from there on. Beyond the end it ends, or begins anew. Of no effect on what cannot wait: devices, and
    /// streams that somebody sends.
    pub fn seek(&self, time: Duration) {
        self.shared().seek(time);
    }

    /// Ends all tracks. What was not given out is dropped.
    pub fn stop(&self) {
        self.shared().close();
    }

    /// What ended it early, if something did.
    pub fn error(&self) -> Option<Arc<PlayerError>> {
        self.shared().error()
    }

    fn shared(&self) -> &Shared {
        self.lease.shared()
    }

    fn first(&self, kind: MediaKind) -> Option<PlayerTrack> {
        let index = self.shared().origin.streams.iter().position(|stream| stream.kind == kind)?;
        Some(self.track(index))
    }

    fn track(&self, index: usize) -> PlayerTrack {
        let stream = self.shared().origin.streams[index];
        PlayerTrack { lease: self.lease.clone(), index, kind: stream.kind, codec: stream.codec }
    }
}

/// A stream of a file that is played. Clones share what it gives out.
#[derive(Clone, Debug)]
pub struct PlayerTrack {
    lease: Arc<Lease>,
    index: usize,
    kind: MediaKind,
    codec: Option<Codec>,
}

impl PlayerTrack {
    /// What the file holds; `None` for raw frames.
    pub fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// Ends this track; others go on.
    pub fn stop(&self) {
        self.lease.shared().stop(self.index);
    }
}

/// Cancelling loses nothing.
impl MediaSource for PlayerTrack {
    fn kind(&self) -> MediaKind {
        self.kind
    }

    async fn recv(&mut self) -> Option<Frame> {
        let shared = self.lease.shared();
        let arrival = shared.arrival(self.index);
        loop {
            match shared.next(self.index, Instant::now()) {
                Next::Frame(frame) => return Some(frame),
                Next::End => return None,
                Next::Paused => arrival.notified().await,
                Next::Due(due) => {
                    tokio::select! {
                        () = sleep_until(due) => {}
                        () = arrival.notified() => {}
                    }
                }
                Next::Empty => match shared.patience {
                    None => arrival.notified().await,
                    Some(patience) if timeout(patience, arrival.notified()).await.is_err() => shared.time_out(),
                    Some(_) => {}
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
