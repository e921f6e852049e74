//! Causes: what ERROR and ABORT consist of.
//!
//! Source: [RFC 9260 §3.3.10](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.10)

use crate::wire::{Param, Params, put_param};
use crate::{StreamId, Tsn};

/// Kind of a cause.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CauseCode(pub u16);

impl CauseCode {
    pub const INVALID_STREAM: Self = Self(1);
    pub const MISSING_PARAMETER: Self = Self(2);
    pub const STALE_COOKIE: Self = Self(3);
    pub const UNRESOLVABLE_ADDRESS: Self = Self(5);
    pub const UNRECOGNIZED_CHUNK: Self = Self(6);
    pub const INVALID_PARAMETER: Self = Self(7);
    pub const UNRECOGNIZED_PARAMETERS: Self = Self(8);
    pub const NO_USER_DATA: Self = Self(9);
    pub const COOKIE_WHILE_SHUTTING_DOWN: Self = Self(10);
    pub const USER_ABORT: Self = Self(12);
    pub const PROTOCOL_VIOLATION: Self = Self(13);
}

/// The causes of a received ERROR or ABORT, until the first of impossible length.
pub fn causes(value: &[u8]) -> impl Iterator<Item = (CauseCode, Param<'_>)> {
    Params::new(value).map_while(Result::ok).map(|param| (CauseCode(param.kind), param))
}

/// Appends a cause with `information`, of which no more than `limit` bytes are taken.
pub fn put(out: &mut Vec<u8>, code: CauseCode, information: &[u8], limit: usize) {
    let information = information.get(..limit).unwrap_or(information);
    put_param(out, code.0, |out| out.extend_from_slice(information));
}

/// Appends "there is no such stream".
pub fn put_invalid_stream(out: &mut Vec<u8>, stream: StreamId) {
    let [high, low] = stream.0.to_be_bytes();
    put(out, CauseCode::INVALID_STREAM, &[high, low, 0, 0], 4);
}

/// Appends "that DATA chunk had no data".
pub fn put_no_user_data(out: &mut Vec<u8>, tsn: Tsn) {
    put(out, CauseCode::NO_USER_DATA, &tsn.0.to_be_bytes(), 4);
}

/// Appends "a parameter of this kind is missing".
pub fn put_missing_parameter(out: &mut Vec<u8>, kind: u16) {
    let [high, low] = kind.to_be_bytes();
    put(out, CauseCode::MISSING_PARAMETER, &[0, 0, 0, 1, high, low], 6);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;

    #[test]
    fn reads_captured_causes() {
        let packet = Packet::parse(include_bytes!("../testdata/aiortc/sctp_error.bin"), false).unwrap();
        let chunk = packet.chunks().next().unwrap().unwrap();
        let (code, cause) = causes(chunk.value).next().unwrap();
        assert_eq!((code, cause.value), (CauseCode::INVALID_STREAM, &[0x30, 0x39, 0, 0][..]));
        assert_eq!(causes(chunk.value).count(), 1);
        let packet = Packet::parse(include_bytes!("../testdata/aiortc/sctp_abort.bin"), false).unwrap();
        let chunk = packet.chunks().next().unwrap().unwrap();
        let (code, cause) = causes(chunk.value).next().unwrap();
        assert_eq!(code, CauseCode::PROTOCOL_VIOLATION);
        assert_eq!(cause.value, b"Expected B-bit for TSN=4ce1f17f, SID=0001, SSN=0000");
    }

    /// The layouts of RFC 9260 §3.3.10.
    #[test]
    fn causes_say_what_they_are_about() {
        let made = |put: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            put(&mut out);
            out
        };
        assert_eq!(made(&|out| put_invalid_stream(out, StreamId(0x1234))), [0, 1, 0, 8, 0x12, 0x34, 0, 0]);
        assert_eq!(made(&|out| put_missing_parameter(out, 7)), [0, 2, 0, 10, 0, 0, 0, 1, 0, 7, 0, 0]);
        assert_eq!(made(&|out| put_no_user_data(out, Tsn(0x0102_0304))), [0, 9, 0, 8, 1, 2, 3, 4]);
        assert_eq!(made(&|out| put(out, CauseCode::COOKIE_WHILE_SHUTTING_DOWN, b"", 0)), [0, 10, 0, 4]);
        assert_eq!(made(&|out| put(out, CauseCode::USER_ABORT, b"bye", 9)), [0, 12, 0, 7, b'b', b'y', b'e', 0]);
        assert_eq!(made(&|out| put(out, CauseCode::PROTOCOL_VIOLATION, b"", 9)), [0, 13, 0, 4]);
    }

    #[test]
    fn information_is_cut_at_the_limit() {
        let mut out = Vec::new();
        put(&mut out, CauseCode::UNRECOGNIZED_CHUNK, &[7; 100], 9);
        let (code, cause) = causes(&out).next().unwrap();
        assert_eq!((code, cause.value), (CauseCode::UNRECOGNIZED_CHUNK, &[7; 9][..]));
        assert_eq!(out.len(), 16);
    }
}
