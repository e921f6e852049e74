//! The two ends of a stream and the reports they exchange.
//!
//! A [`SendStream`] numbers packets, keeps them for retransmission and hears from reports how they fare. A [`ReceiveStream`]
//! counts what arrives and asks for what does not. A [`Reporter`] says when reports are due and packs them, with other
//! feedback, into datagrams. They know nothing of each other: who owns them carries the reports between them.

pub mod circuit_breaker;
pub mod receiver;
pub mod reports;
pub mod sender;

pub use receiver::ReceiveStream;
pub use reports::Reporter;
pub use sender::SendStream;
