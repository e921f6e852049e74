//! Cameras, microphones, screens and speakers, by FFmpeg.

use ortica_codecs::MediaKind;
use ortica_codecs::coder::CoderError;
use ortica_codecs::container::ContainerError;
use ortica_codecs::ffmpeg::{self, Device};
use std::io;
use std::thread;
use thiserror::Error;
use tokio::sync::oneshot;

/// Why devices cannot be listed, or not played on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// FFmpeg does not start.
    #[error("devices cannot be listed")]
    List(#[source] ContainerError),
    /// The device is not there, is no speaker, or refuses.
    #[error("{device}: cannot be opened")]
    Open {
        /// Its name.
        device: String,
        /// Why.
        #[source]
        source: ContainerError,
    },
    /// A speaker plays no pictures.
    #[error("{device}: takes no {kind}")]
    Kind {
        /// Its name.
        device: String,
        /// Of the track.
        kind: MediaKind,
    },
    /// There is no decoder for what a track gives.
    #[error("{device}: the track cannot be decoded")]
    Decode {
        /// Its name.
        device: String,
        /// Why.
        #[source]
        source: CoderError,
    },
    /// The device plays no longer.
    #[error("{device}: cannot be played on")]
    Play {
        /// Its name.
        device: String,
        /// Why.
        #[source]
        source: ContainerError,
    },
    /// The speaker has failed before, which was told, or its thread is gone.
    #[error("{device}: plays nothing more")]
    Ended {
        /// Its name.
        device: String,
    },
    /// There is no thread for it.
    #[error("no thread for devices")]
    Thread(#[source] io::Error),
}

/// The devices that are there now: cameras of V4L2, microphones and speakers of PulseAudio and ALSA, and the screen of X11 that `DISPLAY`
/// names. W3C: `enumerateDevices`.
///
/// ```no_run
/// use ortica::media::{DeviceKind, MediaPlayer, PlayerOptions, devices};
///
/// # async fn look() -> Result<(), Box<dyn std::error::Error>> {
/// let all = devices().await?;
/// let camera = all.iter().find(|device| device.kind == DeviceKind::Camera).ok_or("there is no camera")?;
/// let options = PlayerOptions::default().with_option("video_size", "640x480").with_option("framerate", "30");
/// let pictures = MediaPlayer::open_device(camera, options).await?.video();
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`DeviceError::List`] or [`DeviceError::Thread`]. Where there are none, none is no error.
pub async fn devices() -> Result<Vec<Device>, DeviceError> {
    let (listed, is_listed) = oneshot::channel();
    let run = move || drop(listed.send(ffmpeg::devices()));
    thread::Builder::new().name("ortica-devices".to_owned()).spawn(run).map_err(DeviceError::Thread)?;
    let devices = is_listed.await.map_err(|_| DeviceError::Thread(io::Error::other("it ended early")))?;
    devices.map_err(DeviceError::List)
}
