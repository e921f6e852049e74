//! Payloads into blocks.

use ortica_core::{DecodeError, Reader};
use ortica_rtp::PayloadType;
use smallvec::SmallVec;

use super::MAX_BLOCKS;

/// One frame of a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block<'a> {
    /// What its data is.
    pub payload_type: PayloadType,
    /// How many ticks it lies before the timestamp of the packet; 0 for the packet's own frame.
    pub offset: u16,
    /// The payload that a packet of its own would have.
    pub data: &'a [u8],
}

/// The earlier frames of a payload.
pub type EarlierBlocks<'a> = SmallVec<[Block<'a>; MAX_BLOCKS - 1]>;

/// The frames of a payload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedPayload<'a> {
    /// Earlier frames as they come, oldest first as a rule; at most eight.
    pub redundant: EarlierBlocks<'a>,
    /// The packet's own frame, to which its marker and timestamp belong.
    pub primary: Block<'a>,
}

impl<'a> RedPayload<'a> {
    /// Reads the payload of a packet of the type `own`.
    ///
    /// # Errors
    /// [`DecodeError`] if headers or data are cut off, if there are more than [`MAX_BLOCKS`], or if a block is itself of the type
    /// `own`.
    pub fn decode(payload: &'a [u8], own: PayloadType) -> Result<Self, DecodeError> {
        let mut r = Reader::new(payload);
        let mut headers: SmallVec<[(PayloadType, u32); MAX_BLOCKS - 1]> = SmallVec::new();
        let payload_type = loop {
            let first = r.u8("RED header")?;
            let payload_type = PayloadType(first & 0x7f);
            if payload_type == own {
                return Err(DecodeError::Invalid("RED block in RED"));
            }
            if first & 0x80 == 0 {
                break payload_type;
            }
            if headers.len() == MAX_BLOCKS - 1 {
                return Err(DecodeError::Invalid("number of RED blocks"));
            }
            headers.push((payload_type, r.u24("RED header")?));
        };
        let mut redundant = EarlierBlocks::new();
        for (payload_type, rest) in headers {
            let data = r.bytes((rest & 0x3ff) as usize, "RED block")?;
            redundant.push(Block { payload_type, offset: (rest >> 10) as u16, data });
        }
        Ok(Self { redundant, primary: Block { payload_type, offset: 0, data: r.take_rest() } })
    }
}
