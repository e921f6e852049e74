//! Test sources whose content a program can read back, to prove that what arrived is what was sent.
//!
//! [`MovingPicture`] carries a number in every picture that survives lossy coding and scaling; [`frame_counter`] reads it.
//! [`Tone`] is a sine; [`tone_level`] and [`tone_purity`] find it again.
//!
//! ```
//! use ortica_codecs::synthetic::{MovingPicture, frame_counter};
//!
//! let mut source = MovingPicture::new(320, 240, 30)?;
//! let picture = source.nth(41).expect("the source never ends");
//! assert_eq!(frame_counter(&picture), Some(41));
//! # Ok::<(), ortica_codecs::FrameError>(())
//! ```

mod picture;
mod tone;

pub use picture::{MIN_HEIGHT, MIN_WIDTH, MovingPicture, frame_counter};
pub use tone::{Tone, tone_level, tone_purity};
