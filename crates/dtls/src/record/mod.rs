//! The record layer: epoch 0 in the clear, epoch 1 under the keys of the handshake.
//!
//! There are only these two, because nothing is ever renegotiated. DTLS 1.3 will bring more of them, and a header of its
//! own; see RFC 9147 §4.

pub(crate) mod epoch;
pub(crate) mod header;
pub(crate) mod replay;

pub(crate) use epoch::{OpenError, Opener, Sealer};
pub(crate) use header::{ContentType, Header, next_record};

use crate::connection::SealError;

/// The longest plaintext of a record.
///
/// Source: [RFC 5246 §6.2.1](https://www.rfc-editor.org/rfc/rfc5246#section-6.2.1)
pub(crate) const MAX_PLAINTEXT: usize = 1 << 14;

/// Which keys a record is written with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Epoch {
    /// Epoch 0: none.
    Plain,
    /// Epoch 1: those of the handshake.
    Protected,
}

/// What this end writes and reads records with.
#[derive(Default)]
pub(crate) struct Records {
    plain_sequence: u64,
    /// Writes epoch 1, once its keys are there.
    pub sealer: Option<Sealer>,
    /// Reads epoch 1, once its keys are there.
    pub opener: Option<Opener>,
}

impl Records {
    /// How many bytes a record of `epoch` adds to its plaintext.
    pub(crate) fn overhead(&self, epoch: Epoch) -> usize {
        match (epoch, &self.sealer) {
            (Epoch::Protected, Some(sealer)) => sealer.overhead(),
            _ => Header::LEN,
        }
    }

    /// Appends one record whose plaintext `write` appends, at most [`MAX_PLAINTEXT`] bytes.
    pub(crate) fn write(
        &mut self,
        epoch: Epoch,
        content_type: ContentType,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), SealError> {
        let start = out.len();
        match epoch {
            Epoch::Plain => {
                Header::reserve(out);
                write(out);
                let header = Header::new(content_type, 0, self.plain_sequence);
                self.plain_sequence += 1;
                header.fill_in(out, start)
            }
            Epoch::Protected => {
                let sealer = self.sealer.as_mut().ok_or(SealError::NotConnected)?;
                sealer.begin(out);
                write(out);
                sealer.seal(content_type, out, start)
            }
        }
    }
}
