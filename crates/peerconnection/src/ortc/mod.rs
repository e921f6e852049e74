//! ORTC: transports, channels, senders and receivers as objects that are used by hand, without descriptions.
//!
//! Each object is made on the one below it, tells its own side's parameters or capabilities as plain data, and is started with
//! those of the peer. How they get there is the application's: with feature `serde` they are JSON under the names of ORTC.
//!
//! ```text
//! IceGatherer -> IceTransport -> DtlsTransport -> SctpTransport -> DataChannel
//!                                              -> RtpSender, RtpReceiver
//! ```
//!
//! A [`PeerConnection`](crate::PeerConnection) is built from the same objects and lends them: there its descriptions steer them, and they can only
//! be looked at. Who has a loop of their own finds all of this in [`engine`](crate::engine), without tokio.
//!
//! | file | what |
//! |---|---|
//! | `candidate`, `parameters`, `rtp_parameters` | the plain data; without tokio |
//! | `gatherer`, `ice_transport`, `dtls_transport`, `sctp_transport`, `rtp_sender`, `rtp_receiver` | the objects; feature `tokio` |
//!
//! ```no_run
//! # #[cfg(feature = "tokio")] mod example {
//! use ortica::ortc::{DtlsParameters, DtlsTransport, IceCandidate, IceGatherer, IceParameters, IceRole, IceTransport};
//! use ortica::ortc::{SctpCapabilities, SctpTransport};
//! use ortica::{Configuration, DataChannelInit};
//!
//! /// What one side tells the other.
//! struct Signal {
//!     ice: IceParameters,
//!     candidates: Vec<IceCandidate>,
//!     dtls: DtlsParameters,
//!     sctp: SctpCapabilities,
//! }
//!
//! # async fn exchange(_: Signal) -> Signal { unimplemented!() }
//! # pub async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let gatherer = IceGatherer::new(Configuration::default())?;
//! let ice = IceTransport::new(&gatherer);
//! let dtls = DtlsTransport::new(&ice);
//! let sctp = SctpTransport::new(&dtls);
//! gatherer.gather()?;
//! gatherer.gathering_complete().await;
//! let theirs = exchange(Signal {
//!     ice: gatherer.local_parameters(),
//!     candidates: gatherer.local_candidates(),
//!     dtls: dtls.local_parameters(),
//!     sctp: sctp.capabilities(),
//! })
//! .await;
//! // The other side is controlled.
//! ice.start(&theirs.ice, IceRole::Controlling)?;
//! for candidate in &theirs.candidates {
//!     ice.add_remote_candidate(Some(candidate))?;
//! }
//! dtls.start(&theirs.dtls)?;
//! sctp.start(theirs.sctp)?;
//! let channel = sctp.create_data_channel("chat", DataChannelInit::default())?;
//! channel.opened().await;
//! channel.send("hello").await?;
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! Source: [Object RTC (ORTC) API for WebRTC](https://draft.ortc.org/)

mod candidate;
mod error;
mod parameters;
mod rtp_parameters;

#[cfg(feature = "tokio")]
mod dtls_transport;
#[cfg(feature = "tokio")]
mod gatherer;
#[cfg(feature = "tokio")]
mod ice_transport;
#[cfg(feature = "tokio")]
mod rtp_receiver;
#[cfg(feature = "tokio")]
mod rtp_sender;
#[cfg(feature = "tokio")]
mod sctp_transport;

pub use candidate::{IceCandidate, IceCandidatePair, IceCandidateType, IceComponent, IceProtocol, IceTcpCandidateType};
pub use error::ObjectError;
pub use parameters::{DtlsFingerprint, DtlsParameters, DtlsRole, IceParameters, SctpCapabilities};
pub use rtp_parameters::{
    RtcpFeedback, RtcpParameters, RtpCapabilities, RtpCodecParameters, RtpEncodingParameters,
    RtpHeaderExtensionParameters, RtpParameters, RtpRtxParameters,
};

#[cfg(feature = "tokio")]
pub use dtls_transport::DtlsTransport;
#[cfg(feature = "tokio")]
pub use gatherer::{IceGatherer, LocalCandidates};
#[cfg(feature = "tokio")]
pub use ice_transport::IceTransport;
#[cfg(feature = "tokio")]
pub use rtp_receiver::RtpReceiver;
#[cfg(feature = "tokio")]
pub use rtp_sender::RtpSender;
#[cfg(feature = "tokio")]
pub use sctp_transport::SctpTransport;

pub use crate::engine::{DtlsError, DtlsState, SctpState};
pub use ortica_ice::{GatheringState as IceGathererState, Role as IceRole, State as IceTransportState};

/// A closed set of words: `Display` and serde give the standard's.
macro_rules! tokens {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $token:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
        #[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
        pub enum $name {
            #[default]
            $($(#[$vdoc])* #[cfg_attr(feature = "serde", serde(rename = $token))] $variant,)+
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $token,)+
                })
            }
        }
    )+};
}

use tokens;
