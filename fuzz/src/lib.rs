//! What the fuzz targets share: reading a script from the input, and driving machines by it.

pub mod checks;
pub mod dtls;
pub mod h264;
pub mod ice;
pub mod jitter;
pub mod machine;
pub mod payload;
pub mod peer;
pub mod red;
pub mod script;
pub mod sctp;
pub mod srtp;
pub mod turn;

pub use script::Script;

use ortica_core::crypto::{CryptoProvider, rust_crypto};

/// The provider that draws nothing of its own, so that one input is one run.
pub fn provider() -> CryptoProvider {
    rust_crypto::provider()
}
