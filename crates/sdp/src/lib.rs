//! Session descriptions (RFC 8866) as WebRTC uses them: parse, edit, write.
//!
//! Text in, text out: no state, no I/O, no other crate of ours. It knows the lines and attributes that Chromium, Firefox,
//! Safari and aiortc write, gives each a type, and keeps all others as they stand. What an offer should hold and how it
//! is answered is decided elsewhere; the few decisions that two texts settle between them are here as pure functions.
//!
//! ```
//! use ortica_sdp::{Direction, Session};
//!
//! let mut offer: Session = "v=0\r\n\
//!     o=- 4019421729790745759 2 IN IP4 127.0.0.1\r\n\
//!     s=-\r\n\
//!     t=0 0\r\n\
//!     m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\n\
//!     c=IN IP4 0.0.0.0\r\n\
//!     a=mid:0\r\n\
//!     a=sendrecv\r\n\
//!     a=rtpmap:111 opus/48000/2\r\n\
//!     a=fmtp:111 minptime=10;useinbandfec=1\r\n\
//!     a=x-unknown:kept\r\n"
//!     .parse()?;
//!
//! let section = offer.section_by_mid("0").expect("the offer has a section of that name");
//! assert_eq!(section.direction(), Direction::SendRecv);
//! assert!(section.payloads()[0].is("opus"));
//!
//! offer.media[0].remove_codec("opus");
//! offer.media[0].set(Direction::RecvOnly);
//! offer.origin.session_version += 1;
//! assert!(offer.to_string().ends_with("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n\
//!     c=IN IP4 0.0.0.0\r\n\
//!     a=mid:0\r\n\
//!     a=recvonly\r\n\
//!     a=x-unknown:kept\r\n"));
//! # Ok::<(), ortica_sdp::SdpError>(())
//! ```
//!
//! | module | what |
//! |---|---|
//! | `session`, `media` | [`Session`] and [`Media`]: fields for the lines, a list of [`Attribute`], getters, builders |
//! | `section` | [`Section`]: a media section with what it takes over from its session |
//! | `payload` | [`Payload`]: all about a payload type; adding and removing codecs |
//! | `attribute` | a type for each attribute |
//! | `fragment` | [`Fragment`]: a piece of a description that tells candidates |
//! | `negotiate` | [`Session::check_answer`], policies |
//! | `parse`, `limits`, `error` | from text, within [`Limits`], or an [`SdpError`] that names line and column |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::todo
    )
)]

mod attribute;
pub mod base64;
mod cursor;
mod error;
mod fragment;
mod level;
mod limits;
mod line;
mod media;
mod negotiate;
mod parse;
mod payload;
mod section;
mod session;
mod write;

pub use attribute::{
    Attribute, Connection, Direction, DtlsRole, Extmap, Feedback, Fingerprint, FingerprintError, Fmtp, Format, Group,
    GroupSemantics, HashAlgorithm, IceOptions, MaxMessageSize, Msid, PacketTime, Parameters, Rid, RidDirection, Rtcp,
    RtcpFeedback, RtcpMuxPolicy, RtpMap, SctpInit, SctpMap, Setup, SetupError, Simulcast, SimulcastRid,
    SimulcastStreams, SsrcAttribute, SsrcGroup, SsrcSemantics, UnknownDirection, strongest_fingerprints,
};
pub use error::{SdpError, SdpErrorKind};
pub use fragment::Fragment;
pub use limits::Limits;
pub use line::{Address, AddressKind, Bandwidth, Origin, Timing};
pub use media::{Media, MediaKind, Protocol};
pub use negotiate::AnswerError;
pub use payload::Payload;
pub use section::Section;
pub use session::Session;
