//! What the tests of aiortc assert of its codecs, of ours; `docs/aiortc.md` says which is which.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "audio.rs"]
mod audio;
#[cfg(feature = "opus")]
#[path = "opus.rs"]
mod opus;
#[cfg(feature = "vpx")]
#[path = "vp8.rs"]
mod vp8;
