//! Header extensions and contributing sources, encrypted like the payload.
//!
//! ```text
//! as sent:    12 bytes | CSRCs, encrypted | 0xc0de, length | extensions and payload, encrypted | tag
//! as sealed:  12 bytes | 0xc0de, length | CSRCs, extensions and payload, encrypted             | tag
//! ```
//!
//! What is encrypted is one piece, so the four bytes in its midst that are not go before it for that time.
//!
//! Source: [RFC 9335](https://www.rfc-editor.org/rfc/rfc9335)

use crate::context::{Cryptex, UnprotectError};

/// Length of a header before contributing sources.
const FIXED: usize = 12;
/// Length of what begins an extension block.
const BLOCK: usize = 4;
const EXTENSION: u8 = 0x10;

/// What an extension block is called in the clear (RFC 8285 §4.2, §4.3), and encrypted.
const NAMES: [([u8; 2], [u8; 2]); 2] = [([0xbe, 0xde], [0xc0, 0xde]), ([0x10, 0x00], [0xc2, 0xde])];

/// Where in a packet the encryption begins.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// The bytes at the front of a packet that is sealed or opened which stay readable.
    pub clear: usize,
    /// Bytes of contributing sources that are encrypted.
    csrcs: usize,
    is_cryptex: bool,
}

impl Layout {
    /// The header stays readable, all of it.
    pub(crate) const fn plain(header_len: usize) -> Self {
        Self { clear: header_len, csrcs: 0, is_cryptex: false }
    }

    const fn cryptex(csrcs: usize) -> Self {
        Self { clear: FIXED + BLOCK, csrcs, is_cryptex: true }
    }

    /// Brings what is encrypted into one piece.
    pub(crate) fn gather(self, packet: &mut [u8]) {
        if let Some(moved) = self.moved(packet) {
            moved.rotate_right(BLOCK);
        }
    }

    /// Brings it into the order in which it is sent.
    pub(crate) fn scatter(self, packet: &mut [u8]) {
        if let Some(moved) = self.moved(packet) {
            moved.rotate_left(BLOCK);
        }
    }

    fn moved(self, packet: &mut [u8]) -> Option<&mut [u8]> {
        packet.get_mut(FIXED..FIXED + BLOCK + self.csrcs).filter(|_| self.csrcs > 0)
    }

    /// Calls the extension block of a packet that was opened what it is called in the clear.
    pub(crate) fn undress(self, packet: &mut [u8]) {
        if let Some(name) = name(packet, self.csrcs).filter(|_| self.is_cryptex)
            && let Some((clear, _)) = NAMES.iter().find(|(_, encrypted)| name == encrypted)
        {
            *name = *clear;
        }
    }
}

/// Prepares the header at the end of `out`, which begins at `start`, to be sealed with what will follow: it has an extension
/// block then if it has something to hide. One that is not of RFC 8285, or says more than its name, stays as it is.
pub(crate) fn dress(cryptex: Cryptex, out: &mut Vec<u8>, start: usize) -> Layout {
    let header = out.get_mut(start..).unwrap_or_default();
    let plain = Layout::plain(header.len());
    let Some(first) = header.first_mut().filter(|_| cryptex != Cryptex::Never) else { return plain };
    let csrcs = csrcs_len(*first);
    match *first & EXTENSION != 0 {
        true => {
            let Some(name) = name(header, csrcs) else { return plain };
            let Some((_, encrypted)) = NAMES.iter().find(|(clear, _)| name == clear) else { return plain };
            *name = *encrypted;
        }
        false if csrcs == 0 => return plain,
        false => {
            *first |= EXTENSION;
            out.extend([0xc0, 0xde, 0, 0]);
        }
    }
    let layout = Layout::cryptex(csrcs);
    layout.gather(out.get_mut(start..).unwrap_or_default());
    layout
}

/// How a received packet with a header of that length is to be opened.
pub(crate) fn layout_of(cryptex: Cryptex, packet: &mut [u8], header_len: usize) -> Result<Layout, UnprotectError> {
    let first = packet.first().copied().unwrap_or_default();
    let (csrcs, has_block) = (csrcs_len(first), first & EXTENSION != 0);
    let name = name(packet, csrcs).filter(|_| has_block);
    let is_encrypted = name.is_some_and(|name| NAMES.iter().any(|(_, encrypted)| name == encrypted));
    match cryptex {
        Cryptex::Never if is_encrypted => Err(UnprotectError::HeaderEncryption),
        Cryptex::Required if !is_encrypted && (has_block || csrcs > 0) => Err(UnprotectError::HeaderEncryption),
        _ if is_encrypted => Ok(Layout::cryptex(csrcs)),
        _ => Ok(Layout::plain(header_len)),
    }
}

const fn csrcs_len(first: u8) -> usize {
    (first & 0x0f) as usize * 4
}

/// What the extension block behind so many bytes of contributing sources is called.
fn name(packet: &mut [u8], csrcs: usize) -> Option<&mut [u8; 2]> {
    packet.get_mut(FIXED + csrcs..)?.first_chunk_mut()
}
