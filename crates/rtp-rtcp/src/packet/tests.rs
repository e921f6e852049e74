use super::*;
use crate::header_extension::Kind;
use crate::id::Mid;
use proptest::prelude::*;

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../testdata/aiortc/", $name, ".bin")).as_slice()
    };
}

#[test]
fn reads_a_captured_audio_packet() {
    let packet = Packet::parse(vector!("rtp")).unwrap();
    assert!(!packet.marker());
    assert_eq!(packet.payload_type(), PayloadType(0));
    assert_eq!(packet.sequence_number(), SequenceNumber(15743));
    assert_eq!(packet.timestamp(), RtpTimestamp(3_937_035_252));
    assert_eq!(packet.csrcs().len(), 0);
    assert_eq!(packet.extension(), None);
    assert_eq!((packet.header_len(), packet.payload().len(), packet.padding_len()), (12, 160, 0));
}

#[test]
fn reads_a_captured_dtmf_packet() {
    let packet = Packet::parse(vector!("rtp_dtmf")).unwrap();
    assert!(packet.marker());
    assert_eq!(packet.payload_type(), PayloadType(101));
    assert_eq!(packet.payload().len(), 4);
}

#[test]
fn rtp_1_reads_captured_packets_of_padding_alone() {
    let packet = Packet::parse(vector!("rtp_only_padding")).unwrap();
    assert_eq!((packet.payload().len(), packet.padding_len()), (0, 224));
    assert!(packet.extension().is_none());

    let packet = Packet::parse(vector!("rtp_only_padding_with_header_extensions")).unwrap();
    assert_eq!((packet.payload().len(), packet.padding_len()), (0, 224));
    let map = ExtensionMap::new().with(2, Kind::AbsSendTime).unwrap();
    assert_eq!(packet.extension_values(&map).abs_send_time.map(|time| time.units()), Some(15_846_540));
}

#[test]
fn reads_captured_contributing_sources() {
    let packet = Packet::parse(vector!("rtp_with_csrc")).unwrap();
    let csrcs: Vec<_> = packet.csrcs().collect();
    assert_eq!(csrcs, [Ssrc(0xabcd_ef01), Ssrc(0xdead_beef)]);
    assert_eq!(packet.payload().len(), 160);
}

#[test]
fn reads_a_captured_mid() {
    let packet = Packet::parse(vector!("rtp_with_sdes_mid")).unwrap();
    let map = ExtensionMap::new().with(9, Kind::Mid).unwrap();
    assert_eq!(packet.extension_values(&map).mid, Some(Mid::new("0").unwrap()));
    assert_eq!(packet.payload().len(), 54);
}

/// Marker, payload type, number and time of all captured packets.
#[test]
fn captured_headers_say_what_was_sent() {
    for (vector, expected) in [
        (vector!("rtp"), (false, 0, 15_743, 3_937_035_252)),
        (vector!("rtp_dtmf"), (true, 101, 24_152, 4_021_352_124)),
        (vector!("rtp_only_padding"), (false, 120, 27_759, 4_044_047_131)),
        (vector!("rtp_only_padding_with_header_extensions"), (false, 98, 22_138, 3_171_065_731)),
        (vector!("rtp_with_csrc"), (false, 0, 16_082, 144)),
        (vector!("rtp_with_sdes_mid"), (true, 111, 14_156, 1_327_210_925)),
    ] {
        let packet = Packet::parse(vector).unwrap();
        let (number, time) = (packet.sequence_number().0, packet.timestamp().0);
        assert_eq!((packet.marker(), packet.payload_type().0, number, time), expected);
    }
}

/// Padding is written with its count at the end; what precedes it may be anything (RFC 3550 §5.1).
#[test]
fn captured_padding_is_written_with_its_length() {
    let vector = vector!("rtp_only_padding");
    let packet = Packet::parse(vector).unwrap();
    let mut out = Vec::new();
    Header { padding: true, ..packet.header() }.write(&mut out);
    write_padding(packet.padding_len(), &mut out);
    assert_eq!((out.len(), &out[..12], out.last()), (vector.len(), &vector[..12], vector.last()));
}

#[test]
fn captured_packets_cut_in_their_header_are_errors() {
    for vector in [vector!("rtp"), vector!("rtp_with_csrc"), vector!("rtp_with_sdes_mid")] {
        let len = header_len(vector).unwrap();
        for cut in 0..len {
            assert!(Packet::parse(&vector[..cut]).is_err());
            assert!(header_len(&vector[..cut]).is_err());
        }
        assert!(Packet::parse(&vector[..len]).unwrap().payload().is_empty());
    }
}

#[test]
fn captured_packets_are_written_as_they_were_read() {
    for vector in [vector!("rtp"), vector!("rtp_with_csrc"), vector!("rtp_dtmf")] {
        let packet = Packet::parse(vector).unwrap();
        let mut out = Vec::new();
        packet.header().write(&mut out);
        out.extend_from_slice(packet.payload());
        assert_eq!(out, vector);
    }
}

#[test]
fn other_versions_are_refused() {
    for version in [0, 1, 3] {
        let mut bytes = vector!("rtp").to_vec();
        bytes[0] = bytes[0] & 0x3f | (version << 6);
        assert_eq!(Packet::parse(&bytes), Err(DecodeError::Invalid("rtp version")));
        assert_eq!(header_len(&bytes), Err(DecodeError::Invalid("rtp version")));
    }
}

/// Guards the two checks of the padding count: not zero, not more than there is.
#[test]
fn rtp_1_a_padding_count_of_zero_or_past_the_payload_is_refused() {
    let mut bytes = vec![0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 7, 7, 7, 0];
    assert_eq!(Packet::parse(&bytes), Err(DecodeError::Invalid("rtp padding count")));
    bytes[15] = 5;
    assert_eq!(Packet::parse(&bytes), Err(DecodeError::Invalid("rtp padding count")));
    bytes[15] = 4;
    assert!(Packet::parse(&bytes).unwrap().payload().is_empty());
    assert_eq!(Packet::parse(&bytes[..12]), Err(DecodeError::Truncated("rtp padding")));
}

/// Guards every bound of the header: count of contributing sources, extension bit and length, at every packet length.
#[test]
fn cve_18_every_header_shape_at_every_length_is_read_or_refused() {
    for csrcs in 0..16usize {
        for (extended, words) in [(false, 0), (true, 0), (true, 1), (true, 5), (true, 0xffff)] {
            for len in 0..=80usize {
                let mut bytes = vec![0; len];
                if let Some(first) = bytes.first_mut() {
                    *first = 0x80 | if extended { EXTENSION } else { 0 } | csrcs as u8;
                }
                let extension_at = 12 + 4 * csrcs;
                if extended && let Some(field) = bytes.get_mut(extension_at + 2..extension_at + 4) {
                    field.copy_from_slice(&(words as u16).to_be_bytes());
                }
                let needed = extension_at + if extended { 4 + 4 * words } else { 0 };
                let parsed = Packet::parse(&bytes);
                assert_eq!(parsed.is_ok(), len >= needed, "cc {csrcs} x {extended} words {words} len {len}");
                assert_eq!(header_len(&bytes).ok(), (len >= needed).then_some(needed));
                if let Ok(packet) = parsed {
                    assert_eq!(packet.payload().len(), len - needed);
                    assert_eq!(packet.csrcs().len(), csrcs);
                }
            }
        }
    }
}

/// Guards the subtraction of the padding from the payload.
#[test]
fn cve_19_every_padding_count_over_every_short_payload_is_read_or_refused() {
    for count in 0..=255u8 {
        for rest in 0..=40usize {
            let mut bytes = vec![0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
            bytes.resize(12 + rest, 0xee);
            if rest > 0 {
                *bytes.last_mut().unwrap() = count;
            }
            let good = rest > 0 && count > 0 && usize::from(count) <= rest;
            match Packet::parse(&bytes) {
                Ok(packet) => {
                    assert!(good, "padding {count} in {rest}");
                    assert_eq!(packet.payload().len(), rest - usize::from(count));
                    assert_eq!(packet.padding_len(), count);
                }
                Err(_) => assert!(!good, "padding {count} in {rest}"),
            }
        }
    }
}

/// Parsing borrows, so no length of datagram costs memory.
#[test]
fn cve_20_packets_of_every_datagram_length_are_parsed() {
    let mut bytes = vec![0u8; 65_535];
    bytes[0] = 0x80;
    for len in (12..=65_535).step_by(97).chain([1_499, 1_500, 1_501, 65_535]) {
        assert_eq!(Packet::parse(&bytes[..len]).unwrap().payload().len(), len - 12);
    }
}

#[test]
fn padding_is_written_as_it_is_read() {
    let mut out = Vec::new();
    Header { padding: true, ..Header::default() }.write(&mut out);
    write_padding(9, &mut out);
    let packet = Packet::parse(&out).unwrap();
    assert_eq!((packet.payload().len(), packet.padding_len()), (0, 9));
}

#[test]
fn the_fuzzing_corpus_does_not_panic() {
    for bytes in crate::corpus::files("rtp") {
        let _ = Packet::parse(&bytes).map(|packet| packet.extension().map(|block| block.elements().count()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_written_header_is_read_back(
        marker: bool,
        payload_type in 0u8..128,
        sequence_number: u16,
        timestamp: u32,
        ssrc: u32,
        csrcs in proptest::collection::vec(any::<u32>(), 0..16),
        payload in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let header = Header {
            marker,
            payload_type: PayloadType(payload_type),
            sequence_number: SequenceNumber(sequence_number),
            timestamp: RtpTimestamp(timestamp),
            ssrc: Ssrc(ssrc),
            csrcs: csrcs.into_iter().map(Ssrc).collect(),
            padding: false,
        };
        let mut out = Vec::new();
        header.write(&mut out);
        out.extend_from_slice(&payload);
        let packet = Packet::parse(&out).unwrap();
        prop_assert_eq!(packet.header(), header);
        prop_assert_eq!(packet.payload(), &payload[..]);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = Packet::parse(&bytes);
        let _ = header_len(&bytes);
    }
}
