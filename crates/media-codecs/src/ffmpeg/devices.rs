//! Cameras, microphones, screens and speakers.

use std::env;

use super::{Source, init, raw};
use crate::MediaKind;
use crate::container::ContainerError;

/// What a device is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DeviceKind {
    /// Gives pictures. W3C: `videoinput`.
    Camera,
    /// Gives sound. W3C: `audioinput`.
    Microphone,
    /// Gives pictures of what is shown on it.
    Screen,
    /// Takes sound. W3C: `audiooutput`.
    Speaker,
}

impl DeviceKind {
    /// Sound or pictures.
    pub const fn media(self) -> MediaKind {
        match self {
            Self::Camera | Self::Screen => MediaKind::Video,
            Self::Microphone | Self::Speaker => MediaKind::Audio,
        }
    }
}

/// What pictures or sound come from, or go to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Device {
    /// What it is for.
    pub kind: DeviceKind,
    /// What FFmpeg calls the way to it: `v4l2`, `pulse`, `alsa`, `x11grab`.
    pub format: String,
    /// What it is called there: `/dev/video0`, `default`, `:0`.
    pub name: String,
    /// Words for people, such as `USB Camera`.
    pub label: String,
    /// The one to take if nobody chooses.
    pub is_default: bool,
}

impl Device {
    /// One that is known by its name, whether it is there or not.
    pub fn new(kind: DeviceKind, format: impl Into<String>, name: impl Into<String>) -> Self {
        let name = name.into();
        Self { kind, format: format.into(), label: name.clone(), name, is_default: false }
    }

    /// What [`Reader::open`](super::Reader::open) takes. Its options are the device's: `framerate`, `video_size`, `sample_rate`.
    pub fn source(&self, options: Vec<(String, String)>) -> Source {
        Source { url: self.name.clone(), format: Some(self.format.clone()), options }
    }
}

/// Ways to devices, those for desktops first.
const WAYS: [(DeviceKind, &str); 5] = [
    (DeviceKind::Camera, "v4l2"),
    (DeviceKind::Microphone, "pulse"),
    (DeviceKind::Microphone, "alsa"),
    (DeviceKind::Speaker, "pulse"),
    (DeviceKind::Speaker, "alsa"),
];

/// The devices that are there now: V4L2's cameras, microphones and speakers of PulseAudio and ALSA, and the screen of X11 that `DISPLAY`
/// names. A way that this build of FFmpeg or this machine does not have gives none. Asking takes some milliseconds, in which it blocks.
///
/// # Errors
/// [`ContainerError`] if FFmpeg does not start.
pub fn devices() -> Result<Vec<Device>, ContainerError> {
    init()?;
    let mut found = Vec::new();
    for (kind, format) in WAYS {
        match raw::list_devices(format, kind == DeviceKind::Speaker) {
            Ok(listed) => found.extend(listed.into_iter().map(|(name, label, is_default)| Device {
                kind,
                format: format.to_owned(),
                name,
                label,
                is_default,
            })),
            // No sound server, most of the time.
            Err(error) => tracing::debug!(%error, format, "no devices can be listed"),
        }
    }
    found.extend(env::var("DISPLAY").ok().filter(|name| !name.is_empty()).map(screen));
    Ok(found)
}

fn screen(name: String) -> Device {
    Device { is_default: true, ..Device::new(DeviceKind::Screen, "x11grab", name) }
}

#[cfg(test)]
mod tests;
