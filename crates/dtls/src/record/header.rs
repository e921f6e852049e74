//! The header of a record.

use super::MAX_PLAINTEXT;
use crate::cipher_suite::Version;
use crate::connection::SealError;
use ortica_core::{DecodeError, Reader};

/// What a record carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ContentType(pub u8);

impl ContentType {
    pub(crate) const CHANGE_CIPHER_SPEC: Self = Self(20);
    pub(crate) const ALERT: Self = Self(21);
    pub(crate) const HANDSHAKE: Self = Self(22);
    pub(crate) const APPLICATION_DATA: Self = Self(23);
}

/// The header of a record, 13 octets: type, version, epoch, sequence number, length.
///
/// Source: [RFC 6347 §4.1](https://www.rfc-editor.org/rfc/rfc6347#section-4.1)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub content_type: ContentType,
    /// As on the wire; not checked by [`decode`](Self::decode), for a record of another version can still be skipped.
    pub version: u16,
    pub epoch: u16,
    /// 48 bits.
    pub sequence: u64,
    /// Length of what follows.
    pub length: u16,
}

impl Header {
    /// Length in bytes.
    pub(crate) const LEN: usize = 13;
    /// The highest sequence number.
    pub(crate) const MAX_SEQUENCE: u64 = (1 << 48) - 1;
    /// What a record may add to the longest plaintext.
    const MAX_EXPANSION: usize = 2048;
    /// The version that peers write into the records of their first hello.
    const DTLS_1_0: u16 = 0xfeff;

    /// A header of this version whose length is not known yet.
    pub(crate) const fn new(content_type: ContentType, epoch: u16, sequence: u64) -> Self {
        Self { content_type, version: Version::Dtls12.wire(), epoch, sequence, length: 0 }
    }

    /// Appends room for a header.
    pub(crate) fn reserve(out: &mut Vec<u8>) {
        out.resize(out.len() + Self::LEN, 0);
    }

    /// Writes the header into the room at `start`, with the length of what follows it in `out`.
    pub(crate) fn fill_in(mut self, out: &mut [u8], start: usize) -> Result<(), SealError> {
        let record = out.get_mut(start..).unwrap_or_default();
        let (to, body) = record.split_first_chunk_mut::<{ Self::LEN }>().ok_or(SealError::NotConnected)?;
        if body.len() > MAX_PLAINTEXT + Self::MAX_EXPANSION {
            return Err(SealError::TooLong);
        }
        self.length = body.len() as u16;
        *to = self.encode();
        Ok(())
    }

    pub(crate) fn encode(self) -> [u8; Self::LEN] {
        let [v0, v1] = self.version.to_be_bytes();
        let [l0, l1] = self.length.to_be_bytes();
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.number();
        [self.content_type.0, v0, v1, s0, s1, s2, s3, s4, s5, s6, s7, l0, l1]
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let content_type = ContentType(r.u8("record type")?);
        let version = r.u16("record version")?;
        let epoch = r.u16("record epoch")?;
        let sequence = r.u48("record sequence number")?;
        let length = r.u16("record length")?;
        if usize::from(length) > MAX_PLAINTEXT + Self::MAX_EXPANSION {
            return Err(DecodeError::Invalid("record length"));
        }
        Ok(Self { content_type, version, epoch, sequence, length })
    }

    /// `true` if the record is of this protocol: DTLS 1.2, or in epoch 0, where the version says how to parse and no
    /// more, DTLS 1.0.
    pub(crate) const fn is_ours(&self) -> bool {
        let version = self.version == Version::Dtls12.wire() || (self.epoch == 0 && self.version == Self::DTLS_1_0);
        version && matches!(self.content_type.0, 20..=23)
    }

    /// Epoch and sequence number as one number of 64 bits, which never repeats under a key.
    pub(crate) const fn number(&self) -> [u8; 8] {
        (((self.epoch as u64) << 48) | (self.sequence & Self::MAX_SEQUENCE)).to_be_bytes()
    }

    /// The data authenticated along with a plaintext of `length` bytes.
    ///
    /// Source: [RFC 5246 §6.2.3.3](https://www.rfc-editor.org/rfc/rfc5246#section-6.2.3.3), with the sequence number of
    /// [RFC 6347 §4.1.2.1](https://www.rfc-editor.org/rfc/rfc6347#section-4.1.2.1)
    pub(crate) const fn additional_data(&self, length: u16) -> [u8; Self::LEN] {
        let [v0, v1] = self.version.to_be_bytes();
        let [l0, l1] = length.to_be_bytes();
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.number();
        [s0, s1, s2, s3, s4, s5, s6, s7, self.content_type.0, v0, v1, l0, l1]
    }
}

/// Takes the next record off `rest`. What cannot be a record ends the packet: where the next one would start is unknown.
pub(crate) fn next_record<'a>(rest: &mut &'a mut [u8]) -> Option<Result<(Header, &'a mut [u8]), DecodeError>> {
    let packet = std::mem::take(rest);
    if packet.is_empty() {
        return None;
    }
    let mut r = Reader::new(packet);
    let header = match Header::decode(&mut r) {
        Ok(header) => header,
        Err(error) => return Some(Err(error)),
    };
    let body = packet.split_at_mut_checked(Header::LEN).map(|(_, body)| body).unwrap_or_default();
    let Some((fragment, left)) = body.split_at_mut_checked(usize::from(header.length)) else {
        return Some(Err(DecodeError::Truncated("record")));
    };
    *rest = left;
    Some(Ok((header, fragment)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_fields_are_where_the_rfc_has_them() {
        let header = Header { length: 0x0102, ..Header::new(ContentType::HANDSHAKE, 1, 0x0003_0405_0607_0809) };
        assert_eq!(header.encode(), [22, 0xfe, 0xfd, 0, 1, 4, 5, 6, 7, 8, 9, 1, 2].map(|b: u8| b));
    }

    #[test]
    fn a_packet_is_cut_into_its_records() {
        let mut packet = Vec::new();
        for (sequence, body) in [(0, &b"one"[..]), (1, b""), (2, b"three")] {
            let header = Header { length: body.len() as u16, ..Header::new(ContentType::HANDSHAKE, 0, sequence) };
            packet.extend(header.encode());
            packet.extend(body);
        }
        packet.extend([22, 0xfe]);
        let mut rest = packet.as_mut_slice();
        let mut bodies = Vec::new();
        while let Some(record) = next_record(&mut rest) {
            bodies.push(record.map(|(_, body)| body.to_vec()));
        }
        let expected =
            [Ok(b"one".to_vec()), Ok(vec![]), Ok(b"three".to_vec()), Err(DecodeError::Truncated("record epoch"))];
        assert_eq!(bodies[..3], expected[..3]);
        assert!(bodies[3].is_err());
        assert_eq!(bodies.len(), 4);
    }

    #[test]
    fn other_versions_and_types_are_not_ours() {
        let ours = Header::new(ContentType::HANDSHAKE, 0, 0);
        assert!(ours.is_ours());
        assert!(Header { version: 0xfeff, ..ours }.is_ours());
        assert!(!Header { version: 0xfeff, epoch: 1, ..ours }.is_ours());
        assert!(!Header { version: 0x0303, ..ours }.is_ours());
        assert!(!Header { content_type: ContentType(24), ..ours }.is_ours());
    }

    proptest! {
        #[test]
        fn survives_a_round_trip(kind: u8, version: u16, epoch: u16, sequence in 0u64..1 << 48, length in 0u16..18_000) {
            let header = Header { content_type: ContentType(kind), version, epoch, sequence, length };
            prop_assert_eq!(Header::decode(&mut Reader::new(&header.encode())), Ok(header));
        }

        /// The guard is `next_record`, which takes at least a header's length or gives the rest up.
        #[test]
        fn cve_04_every_record_consumes_bytes(mut packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            let bound = packet.len() / Header::LEN + 1;
            let mut rest = packet.as_mut_slice();
            let mut steps = 0;
            while next_record(&mut rest).is_some() {
                steps += 1;
            }
            prop_assert!(steps <= bound);
        }
    }
}
