//! What is done about packets that get lost, reordered or late.
//!
//! On the sender's side, a [`history`] keeps what was sent and serves those who ask for it again, either as it was or in a
//! stream of its own ([`rtx`]). On the receiver's side, [`nack`] asks, and a [`jitter_buffer`] waits for the answer as long
//! as it makes sense. Where waiting makes none, [`key_frame`] asks for a picture that needs no other.

pub mod history;
pub mod jitter_buffer;
pub mod key_frame;
pub mod nack;
pub mod rtx;
