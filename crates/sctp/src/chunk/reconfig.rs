//! RE-CONFIG: requests about streams, and the answers to them.

use crate::wire::{Param, Params, put_param};
use crate::{StreamId, Tsn};
use ortica_core::{DecodeError, Reader};

/// Parameter types of RE-CONFIG.
mod kind {
    pub const OUTGOING_RESET: u16 = 13;
    pub const INCOMING_RESET: u16 = 14;
    pub const TSN_RESET: u16 = 15;
    pub const RESPONSE: u16 = 16;
    pub const ADD_OUTGOING: u16 = 17;
    pub const ADD_INCOMING: u16 = 18;
}

/// What became of a request.
///
/// Source: [RFC 6525 §4.4](https://www.rfc-editor.org/rfc/rfc6525#section-4.4)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReconfigResult(pub u32);

impl ReconfigResult {
    pub const NOTHING_TO_DO: Self = Self(0);
    pub const PERFORMED: Self = Self(1);
    pub const DENIED: Self = Self(2);
    pub const BAD_SEQUENCE: Self = Self(5);
    pub const IN_PROGRESS: Self = Self(6);

    /// `true` when the request took effect, or was without need.
    pub fn is_success(self) -> bool {
        matches!(self, Self::NOTHING_TO_DO | Self::PERFORMED)
    }
}

/// One parameter of a RE-CONFIG chunk, which has one or two.
///
/// Source: [RFC 6525 §4](https://www.rfc-editor.org/rfc/rfc6525#section-4)
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ReconfigParam {
    /// "I begin anew on these streams of mine", all of them when none is listed.
    OutgoingReset {
        /// Number of this request.
        request: u32,
        /// The request of the receiver that this one answers, or the last one seen.
        response: u32,
        /// Everything up to here belongs to the streams as they were.
        last_tsn: Tsn,
        /// Which.
        streams: Vec<StreamId>,
    },
    /// "Begin anew on these streams of yours."
    IncomingReset {
        /// Number of this request.
        request: u32,
        /// Which; all of them when none is listed.
        streams: Vec<StreamId>,
    },
    /// A request that is always denied: to begin anew with TSNs, or to add streams.
    Other {
        /// Number of this request.
        request: u32,
    },
    /// The answer to a request.
    Response {
        /// Number of the request.
        response: u32,
        /// What became of it.
        result: ReconfigResult,
    },
}

impl ReconfigParam {
    /// Bytes of an outgoing reset without streams, parameter header included.
    pub const OUTGOING_LEN: usize = 16;
    /// Bytes of a response, parameter header included.
    pub const RESPONSE_LEN: usize = 12;

    /// The parameters of a chunk. Those not known are passed over.
    pub fn decode_all(value: &[u8]) -> impl Iterator<Item = Result<Self, DecodeError>> + '_ {
        Params::new(value).filter_map(|param| param.and_then(|param| Self::decode(&param)).transpose())
    }

    fn decode(param: &Param<'_>) -> Result<Option<Self>, DecodeError> {
        let mut r = Reader::new(param.value);
        Ok(Some(match param.kind {
            kind::OUTGOING_RESET => Self::OutgoingReset {
                request: r.u32("request sequence number")?,
                response: r.u32("response sequence number")?,
                last_tsn: Tsn(r.u32("last assigned tsn")?),
                streams: streams(r)?,
            },
            kind::INCOMING_RESET => {
                Self::IncomingReset { request: r.u32("request sequence number")?, streams: streams(r)? }
            }
            kind::TSN_RESET | kind::ADD_OUTGOING | kind::ADD_INCOMING => {
                Self::Other { request: r.u32("request sequence number")? }
            }
            // The two optional TSNs answer a request that is never made.
            kind::RESPONSE => Self::Response {
                response: r.u32("response sequence number")?,
                result: ReconfigResult(r.u32("result")?),
            },
            _ => return Ok(None),
        }))
    }

    /// Appends the parameter, padded.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::OutgoingReset { request, response, last_tsn, streams } => {
                put_param(out, kind::OUTGOING_RESET, |out| {
                    for number in [*request, *response, last_tsn.0] {
                        out.extend_from_slice(&number.to_be_bytes());
                    }
                    put_streams(out, streams);
                });
            }
            Self::IncomingReset { request, streams } => put_param(out, kind::INCOMING_RESET, |out| {
                out.extend_from_slice(&request.to_be_bytes());
                put_streams(out, streams);
            }),
            Self::Other { request } => put_param(out, kind::ADD_OUTGOING, |out| {
                out.extend_from_slice(&request.to_be_bytes());
                out.extend_from_slice(&[0; 4]);
            }),
            Self::Response { response, result } => put_param(out, kind::RESPONSE, |out| {
                out.extend_from_slice(&response.to_be_bytes());
                out.extend_from_slice(&result.0.to_be_bytes());
            }),
        }
    }
}

fn streams(mut r: Reader<'_>) -> Result<Vec<StreamId>, DecodeError> {
    let (streams, rest) = r.take_rest().as_chunks();
    if !rest.is_empty() {
        return Err(DecodeError::Trailing("stream numbers"));
    }
    Ok(streams.iter().map(|&stream| StreamId(u16::from_be_bytes(stream))).collect())
}

fn put_streams(out: &mut Vec<u8>, streams: &[StreamId]) {
    for stream in streams {
        out.extend_from_slice(&stream.0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;
    use proptest::prelude::*;

    fn captured(packet: &[u8]) -> Vec<ReconfigParam> {
        let packet = Packet::parse(packet, false).unwrap();
        let chunk = packet.chunks().next().unwrap().unwrap();
        ReconfigParam::decode_all(chunk.value).map(|param| param.unwrap()).collect()
    }

    #[test]
    fn reads_captured_chunks() {
        let reset_out = ReconfigParam::OutgoingReset {
            request: 2_346_191_451,
            response: 3_834_375_283,
            last_tsn: Tsn(2_346_191_454),
            streams: vec![StreamId(1)],
        };
        assert_eq!(captured(include_bytes!("../../testdata/aiortc/sctp_reconfig_reset_out.bin")), [reset_out]);
        // How many streams are asked for is of no interest: they are not granted.
        let add_out = ReconfigParam::Other { request: 3_389_191_728 };
        assert_eq!(captured(include_bytes!("../../testdata/aiortc/sctp_reconfig_add_out.bin")), [add_out]);
        let response = ReconfigParam::Response { response: 2_438_143_828, result: ReconfigResult::PERFORMED };
        assert_eq!(captured(include_bytes!("../../testdata/aiortc/sctp_reconfig_response.bin")), [response]);
    }

    fn any_param() -> impl Strategy<Value = ReconfigParam> {
        let streams = || proptest::collection::vec(any::<u16>().prop_map(StreamId), 0..20);
        prop_oneof![
            (any::<u32>(), any::<u32>(), any::<u32>(), streams()).prop_map(|(request, response, tsn, streams)| {
                ReconfigParam::OutgoingReset { request, response, last_tsn: Tsn(tsn), streams }
            }),
            (any::<u32>(), streams()).prop_map(|(request, streams)| ReconfigParam::IncomingReset { request, streams }),
            any::<u32>().prop_map(|request| ReconfigParam::Other { request }),
            (any::<u32>(), any::<u32>())
                .prop_map(|(response, result)| ReconfigParam::Response { response, result: ReconfigResult(result) }),
        ]
    }

    proptest! {
        #[test]
        fn reconfig_round_trips(params in proptest::collection::vec(any_param(), 1..3)) {
            let mut out = Vec::new();
            params.iter().for_each(|param| param.encode(&mut out));
            let read: Result<Vec<_>, _> = ReconfigParam::decode_all(&out).collect();
            prop_assert_eq!(read, Ok(params));
        }
    }
}
