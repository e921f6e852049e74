//! The FFmpeg of the system.

use std::sync::OnceLock;

/// Registers its devices and keeps it from writing to the standard error, once.
///
/// # Errors
/// What the library says, where it cannot be used.
pub fn init() -> Result<(), ffmpeg_next::Error> {
    static STARTED: OnceLock<Result<(), ffmpeg_next::Error>> = OnceLock::new();
    *STARTED.get_or_init(|| {
        ffmpeg_next::init()?;
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
        Ok(())
    })
}
