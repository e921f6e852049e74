//! Certificate.

/// The longest list of certificates that is read or sent, in bytes.
pub(crate) const MAX_CHAIN_LEN: usize = 16 * 1024;
