//! The handshake messages, a file each.

pub(crate) mod certificate;
