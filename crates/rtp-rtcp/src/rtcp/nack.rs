//! Asks for packets again.
//!
//! Source: [RFC 4585 §6.2.1](https://www.rfc-editor.org/rfc/rfc4585#section-6.2.1)

use super::list::List;
use crate::id::Ssrc;
use crate::sequence::SequenceNumber;
use ortica_core::{DecodeError, Reader};

/// Generic negative acknowledgement: these packets did not arrive.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Nack {
    /// Who asks.
    pub sender: Ssrc,
    /// The stream that has gaps.
    pub media: Ssrc,
    /// The packets. Received lists are cut here: 253 entries fill a packet of 1,024 bytes.
    pub entries: List<NackEntry, 4, 253>,
}

/// A missing packet and which of the 16 behind it are missing too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NackEntry {
    /// The first missing packet.
    pub first: SequenceNumber,
    /// Bit `i` stands for the packet `i + 1` behind the first.
    pub following: u16,
}

impl NackEntry {
    /// The packets that this entry asks for: 1 to 17.
    pub fn numbers(self) -> impl Iterator<Item = SequenceNumber> {
        let following = (0..16u16).filter(move |bit| self.following >> bit & 1 == 1);
        std::iter::once(self.first).chain(following.map(move |bit| self.first + bit + 1))
    }
}

impl Nack {
    /// Asks for `numbers`, which should be in sending order. What does not fit into the entries is left out; the answer
    /// says how many numbers fit.
    pub fn ask(sender: Ssrc, media: Ssrc, numbers: impl IntoIterator<Item = SequenceNumber>) -> (Self, usize) {
        let mut nack = Self { sender, media, entries: List::new() };
        let mut current: Option<NackEntry> = None;
        let mut taken = 0;
        for number in numbers {
            let bit = current.map(|entry| entry.first.distance(number) - 1);
            match (&mut current, bit) {
                (Some(entry), Some(bit @ 0..16)) => entry.following |= 1 << bit,
                _ => {
                    // The one that is being filled counts as an entry too.
                    if let Some(done) = current.take() {
                        let _ = nack.entries.push(done);
                    }
                    if nack.entries.is_full() {
                        return (nack, taken);
                    }
                    current = Some(NackEntry { first: number, following: 0 });
                }
            }
            taken += 1;
        }
        if let Some(done) = current {
            let _ = nack.entries.push(done);
        }
        (nack, taken)
    }

    /// The packets asked for, in the order of the entries. At most 17 for each entry.
    pub fn numbers(&self) -> impl Iterator<Item = SequenceNumber> + '_ {
        self.entries.iter().flat_map(|entry| entry.numbers())
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let sender = Ssrc(r.u32("sender ssrc")?);
        let media = Ssrc(r.u32("media ssrc")?);
        let mut entries = List::new();
        while !r.is_empty() && !entries.is_full() {
            let first = SequenceNumber(r.u16("nack packet id")?);
            let following = r.u16("nack bitmask")?;
            let _ = entries.push(NackEntry { first, following });
        }
        Ok(Self { sender, media, entries })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sender.0.to_be_bytes());
        out.extend_from_slice(&self.media.0.to_be_bytes());
        for entry in &self.entries {
            out.extend_from_slice(&entry.first.0.to_be_bytes());
            out.extend_from_slice(&entry.following.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[u16]) -> Vec<SequenceNumber> {
        values.iter().copied().map(SequenceNumber).collect()
    }

    #[test]
    fn an_entry_stands_for_seventeen_packets_across_the_wrap() {
        let entry = NackEntry { first: SequenceNumber(0xfffe), following: 0x8003 };
        assert_eq!(entry.numbers().collect::<Vec<_>>(), numbers(&[0xfffe, 0xffff, 0, 14]));
    }

    #[test]
    fn neighbours_share_an_entry() {
        let asked = numbers(&[10, 11, 26, 27, 60_000, 3]);
        let (nack, taken) = Nack::ask(Ssrc(1), Ssrc(2), asked.iter().copied());
        assert_eq!(taken, asked.len());
        assert_eq!(nack.entries.len(), 4);
        assert_eq!(nack.numbers().collect::<Vec<_>>(), asked);
    }

    /// Guards the cap of the list, on both sides.
    #[test]
    fn rtcp_3_a_list_of_missing_packets_is_capped() {
        let (nack, taken) = Nack::ask(Ssrc(1), Ssrc(2), (0..1_000).map(|i| SequenceNumber(i * 20)));
        assert_eq!((nack.entries.len(), taken), (253, 253));
        let mut body = vec![0; 8];
        body.resize(8 + 4 * 16_000, 0xff);
        let nack = Nack::decode(&body).unwrap();
        assert_eq!(nack.entries.len(), 253);
        assert_eq!(nack.numbers().count(), 253 * 17);
    }
}
