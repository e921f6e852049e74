//! Opus: a payload is one Opus packet, which holds one to 48 frames of 2.5 to 60 ms.
//!
//! Source: [RFC 7587](https://www.rfc-editor.org/rfc/rfc7587), [RFC 6716 §3](https://www.rfc-editor.org/rfc/rfc6716#section-3)

use ortica_core::{DecodeError, Reader};

use super::{AssembleError, Depacketizer, PacketInfo, PacketizeError, Packetizer, Payload, Piece, single};
use crate::{Codec, EncodedFrame};

/// The longest packet in ticks of 48 kHz: 120 ms.
pub const MAX_DURATION: u32 = 5_760;
/// The longest frame in a packet, in bytes.
const MAX_FRAME: usize = 1_275;

/// What an Opus packet says about itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PacketHeader {
    /// Frames in the packet, 1 to 48.
    pub frames: u8,
    /// Sound in the packet, in ticks of 48 kHz: at most [`MAX_DURATION`].
    pub duration: u32,
    /// Coded in stereo. A receiver gets the channels it asked its decoder for either way.
    pub stereo: bool,
}

impl PacketHeader {
    /// Reads the table-of-contents byte and checks the lengths that follow: rules R1 to R7.
    ///
    /// Source: [RFC 6716 §3.4](https://www.rfc-editor.org/rfc/rfc6716#section-3.4)
    ///
    /// # Errors
    /// [`DecodeError`] for a packet that no decoder may take.
    pub fn decode(packet: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(packet);
        let toc = r.u8("Opus TOC")?;
        let frames = match toc & 3 {
            0 => one_frame(r)?,
            1 => two_equal_frames(r)?,
            2 => two_frames(r)?,
            _ => many_frames(r, frame_duration(toc))?,
        };
        Ok(Self { frames, duration: frame_duration(toc) * u32::from(frames), stereo: toc & 4 != 0 })
    }
}

/// Ticks of 48 kHz in one frame, by the five bits of configuration.
fn frame_duration(toc: u8) -> u32 {
    let configuration = toc >> 3;
    let size = configuration & 3;
    match configuration {
        0..12 => [480, 960, 1_920, 2_880].into_iter().nth(size.into()).unwrap_or(480),
        12..16 => 480 << (size & 1),
        _ => 120 << size,
    }
}

fn one_frame(mut r: Reader<'_>) -> Result<u8, DecodeError> {
    at_most(r.take_rest().len())?;
    Ok(1)
}

fn two_equal_frames(mut r: Reader<'_>) -> Result<u8, DecodeError> {
    let len = r.take_rest().len();
    if !len.is_multiple_of(2) {
        return Err(DecodeError::Invalid("Opus frame lengths"));
    }
    at_most(len / 2)?;
    Ok(2)
}

fn two_frames(mut r: Reader<'_>) -> Result<u8, DecodeError> {
    let len = frame_len(&mut r)?;
    r.bytes(len, "Opus first frame")?;
    at_most(r.take_rest().len())?;
    Ok(2)
}

fn many_frames(mut r: Reader<'_>, frame_duration: u32) -> Result<u8, DecodeError> {
    let byte = r.u8("Opus frame count")?;
    let (variable, padded, frames) = (byte & 0x80 != 0, byte & 0x40 != 0, byte & 0x3f);
    if frames == 0 || u32::from(frames) * frame_duration > MAX_DURATION {
        return Err(DecodeError::Invalid("Opus frame count"));
    }
    let padding = if padded { padding_len(&mut r)? } else { 0 };
    let mut lens = 0;
    if variable {
        for _ in 1..frames {
            lens += frame_len(&mut r)?;
        }
    }
    let rest = r.remaining().checked_sub(padding).ok_or(DecodeError::Truncated("Opus padding"))?;
    let last = if variable {
        rest.checked_sub(lens).ok_or(DecodeError::Truncated("Opus frames"))?
    } else if rest.is_multiple_of(frames.into()) {
        rest / usize::from(frames)
    } else {
        return Err(DecodeError::Invalid("Opus frame lengths"));
    };
    at_most(last)?;
    Ok(frames)
}

/// Each byte of 255 stands for 254 and says that another follows.
fn padding_len(r: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let mut len = 0;
    loop {
        match r.u8("Opus padding length")? {
            255 => len += 254,
            last => return Ok(len + usize::from(last)),
        }
    }
}

/// Source: [RFC 6716 §3.2.1](https://www.rfc-editor.org/rfc/rfc6716#section-3.2.1)
fn frame_len(r: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let first = usize::from(r.u8("Opus frame length")?);
    if first < 252 {
        return Ok(first);
    }
    Ok(usize::from(r.u8("Opus frame length")?) * 4 + first)
}

fn at_most(len: usize) -> Result<(), DecodeError> {
    if len <= MAX_FRAME { Ok(()) } else { Err(DecodeError::Invalid("Opus frame length")) }
}

/// Sends each Opus packet as it is, if it is one.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct OpusPacketizer {}

impl Packetizer for OpusPacketizer {
    fn packetize(&mut self, frame: &EncodedFrame, max: usize, out: &mut Vec<Payload>) -> Result<(), PacketizeError> {
        super::check(frame, Codec::Opus, max)?;
        PacketHeader::decode(&frame.data)?;
        single::packetize(frame, Codec::Opus, max, out)
    }
}

/// Takes each payload as a frame, its duration from the packet itself.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct OpusDepacketizer {}

impl Depacketizer for OpusDepacketizer {
    fn inspect(&self, payload: &[u8], _marker: bool) -> Result<PacketInfo, DecodeError> {
        PacketHeader::decode(payload).map(|_| single::inspect())
    }

    fn assemble(&mut self, pts: i64, pieces: &[Piece<'_>]) -> Result<EncodedFrame, AssembleError> {
        single::assemble(Codec::Opus, pts, pieces, |payload| {
            PacketHeader::decode(payload).map(|header| header.duration)
        })
    }
}

/// The `a=fmtp` parameters of Opus. Each side says what it wishes to **receive**, so that those of the remote description
/// shape what is sent and those of the local one what comes.
///
/// Unknown parameters and values that are no numbers count as absent, as RFC 7587 asks.
///
/// Source: [RFC 7587 §6.1](https://www.rfc-editor.org/rfc/rfc7587#section-6.1)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Parameters {
    /// Stereo is preferred over mono. Default no: a stereo source is then to be sent in mono. It says nothing about what may
    /// arrive, which a decoder takes in either shape.
    pub stereo: bool,
    /// Stereo is likely to be sent. Default no.
    pub sprop_stereo: bool,
    /// In-band error correction is of use. Default no.
    pub use_inband_fec: bool,
    /// Silence need not be sent. Default no.
    pub use_dtx: bool,
    /// Constant bitrate is preferred. Default no.
    pub cbr: bool,
    /// The highest sample rate of use, in hertz, 8,000 to 48,000. Default 48,000.
    pub max_playback_rate: u32,
    /// The highest bitrate of use, in bits per second, 6,000 to 510,000. `None` if not said.
    pub max_average_bitrate: Option<u32>,
    /// The shortest packet wished for, in milliseconds. Default 3.
    pub min_ptime: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            stereo: false,
            sprop_stereo: false,
            use_inband_fec: false,
            use_dtx: false,
            cbr: false,
            max_playback_rate: 48_000,
            max_average_bitrate: None,
            min_ptime: 3,
        }
    }
}

impl Parameters {
    /// Reads keys (letters of either case) and values.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut parameters = Self::default();
        for (key, value) in pairs {
            let flag = || value.trim() == "1";
            let number = |range: std::ops::RangeInclusive<u32>| {
                value.trim().parse::<u32>().ok().map(|number| number.clamp(*range.start(), *range.end()))
            };
            match key.trim().to_ascii_lowercase().as_str() {
                "stereo" => parameters.stereo = flag(),
                "sprop-stereo" => parameters.sprop_stereo = flag(),
                "useinbandfec" => parameters.use_inband_fec = flag(),
                "usedtx" => parameters.use_dtx = flag(),
                "cbr" => parameters.cbr = flag(),
                "maxplaybackrate" => {
                    parameters.max_playback_rate = number(8_000..=48_000).unwrap_or(parameters.max_playback_rate);
                }
                "maxaveragebitrate" => parameters.max_average_bitrate = number(6_000..=510_000),
                "minptime" => parameters.min_ptime = number(3..=120).unwrap_or(parameters.min_ptime),
                _ => {}
            }
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(packet: &[u8]) -> Result<(u8, u32), DecodeError> {
        PacketHeader::decode(packet).map(|header| (header.frames, header.duration))
    }

    #[test]
    fn every_configuration_has_its_frame_size() {
        let ticks = |configuration: u8| decode(&[configuration << 3, 0]).unwrap().1;
        let expected = [[480, 960, 1_920, 2_880], [480, 960, 1_920, 2_880], [480, 960, 1_920, 2_880]].concat();
        assert_eq!((0..12).map(ticks).collect::<Vec<_>>(), expected);
        assert_eq!((12..16).map(ticks).collect::<Vec<_>>(), [480, 960, 480, 960]);
        assert_eq!((16..32).map(ticks).collect::<Vec<_>>(), [120, 240, 480, 960].repeat(4));
    }

    /// The guard: a count of 0 or 49 and more than 120 ms are refused, as are lengths beyond the packet.
    #[test]
    fn pay_3_code_3_holds_1_to_48_frames_and_120_ms() {
        let toc = |configuration: u8| configuration << 3 | 3;
        // 2.5 ms frames: 48 of them are 120 ms.
        assert_eq!(decode(&[toc(16), 48]), Ok((48, 5_760)));
        for count in [0, 49, 63] {
            assert_eq!(decode(&[toc(16), count]), Err(DecodeError::Invalid("Opus frame count")), "{count}");
        }
        // 60 ms frames: two, not three.
        assert_eq!(decode(&[toc(3), 2]), Ok((2, 5_760)));
        assert_eq!(decode(&[toc(3), 3]), Err(DecodeError::Invalid("Opus frame count")));
        // Constant sizes must divide; variable ones must fit, padding included.
        assert!(decode(&[toc(16), 2, 1, 2, 3]).is_err());
        assert!(decode(&[toc(16), 0x82, 3, 1, 2]).is_err());
        assert_eq!(decode(&[toc(16), 0x82, 1, 1, 2]), Ok((2, 240)));
        assert!(decode(&[toc(16), 0x41, 3, 1, 2]).is_err());
        assert_eq!(decode(&[toc(16), 0x41, 1, 1, 0]), Ok((1, 120)));
        assert!(decode(&[toc(16), 0x41, 255, 255]).is_err());
        assert!(decode(&[toc(16)]).is_err());
    }

    #[test]
    fn codes_0_to_2_check_their_lengths() {
        assert!(decode(&[]).is_err());
        // Only a TOC byte: what DTX sends.
        assert_eq!(decode(&[0x78]), Ok((1, 960)));
        assert!(decode(&[0x78; 1_277]).is_err());
        assert_eq!(decode(&[0x79, 1, 2]), Ok((2, 1_920)));
        assert!(decode(&[0x79, 1, 2, 3]).is_err());
        assert_eq!(decode(&[0x7a, 2, 1, 2, 9]), Ok((2, 1_920)));
        assert!(decode(&[0x7a, 4, 1, 2, 9]).is_err());
        assert!(decode(&[0x7a, 252]).is_err());
    }

    /// The guard: `stereo` belongs to who receives. It must not be inferred from `sprop-stereo`, which speaks of sending.
    #[test]
    fn pay_3_stereo_is_a_preference_of_the_receiver() {
        let remote = Parameters::from_pairs([("sprop-stereo", "1"), ("minptime", "10")]);
        assert!(!remote.stereo && remote.sprop_stereo);
        let remote = Parameters::from_pairs([("Stereo", "1"), ("useinbandfec", "1"), ("maxaveragebitrate", "9999999")]);
        assert!(remote.stereo && !remote.sprop_stereo && remote.use_inband_fec);
        assert_eq!(remote.max_average_bitrate, Some(510_000));
        // Whatever was negotiated, a stereo packet is a good packet.
        assert!(PacketHeader::decode(&[0x7c]).unwrap().stereo);
    }

    #[test]
    fn odd_parameters_count_as_absent() {
        let parameters =
            Parameters::from_pairs([("maxplaybackrate", "fast"), ("x-new", "1"), ("stereo", "yes"), ("usedtx", "0")]);
        assert_eq!(parameters, Parameters::default());
    }

    #[test]
    fn a_packet_that_is_none_is_not_sent() {
        let frame = EncodedFrame::new(Codec::Opus, vec![3 << 3 | 3, 3], 0);
        let error = OpusPacketizer::default().packetize(&frame, 1_200, &mut Vec::new()).unwrap_err();
        assert_eq!(error, PacketizeError::Malformed(DecodeError::Invalid("Opus frame count")));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_bounded_duration_or_an_error(packet in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(header) = PacketHeader::decode(&packet) {
                prop_assert!((120..=MAX_DURATION).contains(&header.duration));
                prop_assert!((1..=48).contains(&header.frames));
            }
        }
    }
}
