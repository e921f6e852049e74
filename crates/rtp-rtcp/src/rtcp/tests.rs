use super::*;
use crate::id::Ssrc;
use crate::sequence::{RtpTimestamp, SequenceNumber};
use ortica_core::NtpTime;
use proptest::prelude::*;

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../testdata/", $name)).as_slice()
    };
}

/// The only packet of a datagram of reduced size.
fn read(bytes: &[u8]) -> Result<Packet, DecodeError> {
    let mut packets = Compound::parse(bytes, true)?.packets();
    let packet = packets.next().expect("a compound has a packet");
    assert!(packets.next().is_none());
    packet
}

fn written(packet: &Packet) -> Vec<u8> {
    let mut out = Vec::new();
    packet.write(&mut out);
    out
}

#[test]
fn captured_packets_are_written_as_they_were_read() {
    for vector in [
        vector!("aiortc/rtcp_bye.bin"),
        vector!("aiortc/rtcp_bye_no_sources.bin"),
        vector!("aiortc/rtcp_psfb_pli.bin"),
        vector!("aiortc/rtcp_rr.bin"),
        vector!("aiortc/rtcp_rtpfb.bin"),
        vector!("aiortc/rtcp_sdes.bin"),
        vector!("aiortc/rtcp_sr.bin"),
        vector!("corpora/rtcp/10.rtcp"),
        vector!("corpora/rtcp/remb.rtcp"),
        vector!("corpora/rtcp/twcc-feedback.rtcp"),
        vector!("corpora/rtcp/nacks.bin"),
    ] {
        let packet = read(vector).unwrap();
        assert!(!matches!(packet, Packet::Unknown(_)));
        assert_eq!(written(&packet), vector);
    }
}

#[test]
fn reads_a_captured_sender_report() {
    let Ok(Packet::SenderReport(report)) = read(vector!("aiortc/rtcp_sr.bin")) else { panic!() };
    assert_eq!(report.ssrc, Ssrc(1_831_097_322));
    assert_eq!((report.ntp, report.rtp), (NtpTime(16_016_567_581_311_369_308), RtpTimestamp(1_722_342_718)));
    assert_eq!((report.packets, report.octets), (269, 13_557));
    let [block] = &*report.reports else { panic!() };
    assert_eq!(block.ssrc, Ssrc(2_398_654_957));
    assert_eq!((block.fraction_lost, block.cumulative_lost, block.highest_sequence, block.jitter), (0, 0, 246, 127));
}

#[test]
fn reads_captured_feedback() {
    let Ok(Packet::Nack(nack)) = read(vector!("aiortc/rtcp_rtpfb.bin")) else { panic!() };
    assert_eq!((nack.sender, nack.media), (Ssrc(2_336_520_123), Ssrc(4_145_934_052)));
    let lost: Vec<_> = nack.numbers().map(|number| number.0).collect();
    assert_eq!(lost, [12, 32, 39, 54, 76, 110, 123, 142, 183, 187, 223, 236, 271, 292]);

    let Ok(Packet::Remb(remb)) = read(vector!("corpora/rtcp/remb.rtcp")) else { panic!() };
    assert_eq!((remb.bitrate, &*remb.ssrcs), (128_000, &[Ssrc(0xf310_a866)][..]));

    let Ok(Packet::FullIntraRequest(fir)) = read(vector!("corpora/rtcp/fir.rtcp")) else { panic!() };
    assert_eq!(&*fir.entries, [FirEntry { ssrc: Ssrc(0xf310_a866), sequence: 10 }]);

    let Ok(Packet::TransportFeedback(feedback)) = read(vector!("corpora/rtcp/twcc-feedback.rtcp")) else { panic!() };
    assert_eq!((feedback.base(), feedback.status_count()), (SequenceNumber(2_676), 10));
    assert_eq!(feedback.received(), 10);

    let Ok(Packet::SourceDescription(sdes)) = read(vector!("aiortc/rtcp_sdes.bin")) else { panic!() };
    let [chunk] = &*sdes.chunks else { panic!() };
    assert_eq!(chunk.item(ItemKind::CNAME), Some(&b"{63f459ea-41fe-4474-9d33-9707c9ee79d1}"[..]));
}

#[test]
fn reads_captured_goodbyes_picture_loss_and_receiver_report() {
    let Ok(Packet::Goodbye(bye)) = read(vector!("aiortc/rtcp_bye.bin")) else { panic!() };
    assert_eq!((&*bye.sources, bye.reason), (&[Ssrc(2_924_645_187)][..], None));
    assert_eq!(read(vector!("aiortc/rtcp_bye_no_sources.bin")), Ok(Goodbye::default().into()));

    let Ok(Packet::PictureLoss(loss)) = read(vector!("aiortc/rtcp_psfb_pli.bin")) else { panic!() };
    assert_eq!(loss, PictureLoss { sender: Ssrc(1_414_554_213), media: Ssrc(587_284_409) });

    let Ok(Packet::ReceiverReport(report)) = read(vector!("aiortc/rtcp_rr.bin")) else { panic!() };
    let block =
        ReportBlock { ssrc: Ssrc(1_200_895_919), highest_sequence: 630, jitter: 1_906, ..ReportBlock::default() };
    assert_eq!((report.ssrc, &*report.reports), (Ssrc(817_267_719), &[block][..]));
}

#[test]
fn a_captured_report_and_description_make_a_compound() {
    let bytes = [vector!("aiortc/rtcp_sr.bin"), vector!("aiortc/rtcp_sdes.bin")].concat();
    let packets: Vec<_> = Compound::parse(&bytes, false).unwrap().packets().collect::<Result<_, _>>().unwrap();
    let [Packet::SenderReport(report), Packet::SourceDescription(sdes)] = &packets[..] else { panic!("{packets:?}") };
    assert_eq!((report.ssrc, sdes.chunks[0].ssrc), (Ssrc(1_831_097_322), Ssrc(1_831_097_322)));
}

#[test]
fn cve_21_captured_malformed_packets_are_errors() {
    for vector in [
        vector!("aiortc/rtcp_bye_invalid.bin"),
        vector!("aiortc/rtcp_psfb_invalid.bin"),
        vector!("aiortc/rtcp_rr_invalid.bin"),
        vector!("aiortc/rtcp_rtpfb_invalid.bin"),
        vector!("aiortc/rtcp_sdes_item_truncated.bin"),
        vector!("aiortc/rtcp_sdes_source_truncated.bin"),
        vector!("aiortc/rtcp_sr_invalid.bin"),
    ] {
        assert!(read(vector).is_err());
    }
}

/// Guards the length of the reason, which a byte of the packet claims.
#[test]
fn rtcp_5_a_goodbye_reason_past_the_end_is_refused() {
    let mut bytes = vec![0x81, 203, 0, 3, 0, 0, 0, 1, 3, b'e', b'n', b'd', 0, 0, 0, 0];
    let Ok(Packet::Goodbye(bye)) = read(&bytes) else { panic!() };
    assert_eq!(bye.reason.as_deref(), Some(&b"end"[..]));
    for len in 8..=255 {
        bytes[8] = len;
        assert_eq!(read(&bytes), Err(DecodeError::Truncated("goodbye reason")), "length {len}");
    }
}

/// Guards every length of every packet type: each cut, each length field, each count.
#[test]
fn cve_21_no_cut_and_no_wrong_length_gets_past_the_framing() {
    for packet in every_packet() {
        let bytes = written(&packet);
        for cut in 0..bytes.len() {
            assert!(Compound::parse(&bytes[..cut], true).is_err());
        }
        for words in [0, 1, 2, 3, bytes.len() / 4, 0x7fff, 0xffff] {
            for count in 0..32 {
                let mut bytes = bytes.clone();
                bytes[0] = 0x80 | count;
                bytes[2..4].copy_from_slice(&(words as u16).to_be_bytes());
                let compound = Compound::parse(&bytes, true);
                if words >= bytes.len() / 4 {
                    assert!(compound.is_err());
                }
                let _ = compound.map(|compound| compound.packets().count());
            }
        }
    }
}

/// Guards the demand for a report at the start.
#[test]
fn rtcp_1_a_compound_starts_with_a_report_unless_reduced() {
    let report = written(&ReceiverReport { ssrc: Ssrc(1), ..Default::default() }.into());
    let loss = written(&PictureLoss { sender: Ssrc(1), media: Ssrc(2) }.into());
    let good = [&report[..], &loss].concat();
    let reduced = [&loss[..], &report].concat();
    assert_eq!(Compound::parse(&good, false).unwrap().packets().count(), 2);
    assert!(Compound::parse(&reduced, false).is_err());
    assert_eq!(Compound::parse(&reduced, true).unwrap().packets().count(), 2);
    assert!(Compound::parse(&[], true).is_err());
}

#[test]
fn rtcp_1_reads_a_captured_compound() {
    let compound = Compound::parse(vector!("corpora/rtcp/rr-sdes-bye.rtcp"), false).unwrap();
    let packets: Vec<_> = compound.packets().collect::<Result<_, _>>().unwrap();
    assert!(matches!(&packets[..], [Packet::ReceiverReport(_), Packet::SourceDescription(_), Packet::Goodbye(_)]));
}

/// Guards the skipping of what is unknown or malformed.
#[test]
fn rtcp_1_unknown_and_malformed_packets_leave_the_others_alone() {
    let report = written(&ReceiverReport { ssrc: Ssrc(1), ..Default::default() }.into());
    let unknown = [0x83, 250, 0, 1, 1, 2, 3, 4];
    let malformed = [0x81, 206, 0, 1, 0, 0, 0, 1];
    let loss = written(&PictureLoss { sender: Ssrc(1), media: Ssrc(2) }.into());
    let bytes = [&report[..], &unknown, &malformed, &loss].concat();
    let packets: Vec<_> = Compound::parse(&bytes, false).unwrap().packets().collect();
    let [Ok(Packet::ReceiverReport(_)), Ok(Packet::Unknown(kept)), Err(_), Ok(Packet::PictureLoss(_))] = &packets[..]
    else {
        panic!("{packets:?}")
    };
    assert_eq!((kept.packet_type(), kept.count(), kept.body()), (PacketType(250), 3, &[1, 2, 3, 4][..]));
    assert_eq!(written(&Packet::Unknown(kept.clone())), unknown);
}

/// Guards the padding rules, and the leniency towards Chrome's transport feedbacks.
#[test]
fn rtp_1_padding_is_not_zero_not_too_long_and_not_on_a_report_that_others_follow() {
    assert_eq!(read(vector!("aiortc/rtcp_bye_padding.bin")), Ok(Goodbye::default().into()));
    assert_eq!(read(&[0xa0, 203, 0, 1, 0, 0, 0, 0]), Err(DecodeError::Invalid("rtcp padding count")));
    assert_eq!(read(&[0xa0, 203, 0, 1, 0, 0, 0, 5]), Err(DecodeError::Invalid("rtcp padding count")));
    assert_eq!(read(&[0xa0, 203, 0, 0]), Err(DecodeError::Truncated("rtcp padding")));

    let padded_report = [0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4];
    let padded_bye = [0xa0, 203, 0, 1, 0, 0, 0, 4];
    assert!(Compound::parse(&padded_report, false).is_ok());
    assert!(Compound::parse(&[&padded_report[..], &padded_bye].concat(), false).is_err());
    assert!(Compound::parse(&[&padded_bye[..], &padded_bye].concat(), true).is_ok());
}

#[test]
fn other_versions_are_refused() {
    for version in [0u8, 1, 3] {
        assert_eq!(read(&[version << 6, 203, 0, 0]), Err(DecodeError::Invalid("rtcp version")));
    }
}

#[test]
fn rtcp_is_told_from_rtp_by_its_second_byte() {
    for second in 0..=255 {
        assert_eq!(is_rtcp(&[0x80, second, 0, 0]), (192..=223).contains(&second));
    }
    assert!(!is_rtcp(&[0x80]));
    assert!(!is_rtcp(&[0x40, 200, 0, 0]));
}

#[test]
fn the_fuzzing_corpus_does_not_panic() {
    for bytes in crate::corpus::files("rtcp") {
        let Ok(compound) = Compound::parse(&bytes, true) else { continue };
        for packet in compound.packets().flatten() {
            assert_eq!(read(&written(&packet)), Ok(packet));
        }
    }
}

fn every_packet() -> Vec<Packet> {
    let reports: ReportBlocks =
        (0..3).map(|i| ReportBlock { ssrc: Ssrc(i), jitter: i, ..Default::default() }).collect();
    let mut feedback = TransportFeedback::new(Ssrc(1), Ssrc(2), SequenceNumber(9), std::time::Duration::ZERO, 1);
    feedback.push(SequenceNumber(11), std::time::Duration::from_millis(3)).unwrap();
    let delay = Delay { ssrc: Ssrc(4), last_receiver_report: 5, delay: 6 };
    let blocks =
        [Block::ReceiverReferenceTime(NtpTime(7)), Block::DelaySinceLastReceiverReport([delay].into_iter().collect())];
    vec![
        SenderReport { ssrc: Ssrc(1), reports: reports.clone(), ..Default::default() }.into(),
        ReceiverReport { ssrc: Ssrc(1), reports }.into(),
        SourceDescription::cname(Ssrc(1), "someone").into(),
        Goodbye { sources: [Ssrc(1)].into_iter().collect(), reason: Some(b"end".iter().copied().collect()) }.into(),
        Nack::ask(Ssrc(1), Ssrc(2), [SequenceNumber(3)]).0.into(),
        feedback.into(),
        PictureLoss { sender: Ssrc(1), media: Ssrc(2) }.into(),
        FullIntraRequest {
            sender: Ssrc(1),
            media: Ssrc(0),
            entries: [FirEntry { ssrc: Ssrc(2), sequence: 3 }].into_iter().collect(),
        }
        .into(),
        Remb { sender: Ssrc(1), bitrate: 1 << 20, ssrcs: [Ssrc(2)].into_iter().collect() }.into(),
        ExtendedReport { sender: Ssrc(1), blocks: blocks.into_iter().collect() }.into(),
    ]
}

fn report_blocks() -> impl Strategy<Value = ReportBlocks> {
    let block = (any::<[u32; 5]>(), any::<u8>(), -0x80_0000..0x7f_ffff).prop_map(
        |([ssrc, highest_sequence, jitter, last_sender_report, delay], fraction_lost, cumulative_lost)| ReportBlock {
            ssrc: Ssrc(ssrc),
            fraction_lost,
            cumulative_lost,
            highest_sequence,
            jitter,
            last_sender_report,
            delay_since_last_sender_report: delay,
        },
    );
    proptest::collection::vec(block, 0..32).prop_map(|blocks| blocks.into_iter().collect())
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let text = || proptest::collection::vec(any::<u8>(), 0..256).prop_map(|bytes| bytes.into_iter().collect::<Text>());
    prop_oneof![
        (any::<[u32; 4]>(), any::<u64>(), report_blocks()).prop_map(|([ssrc, rtp, packets, octets], ntp, reports)| {
            let (ssrc, ntp, rtp) = (Ssrc(ssrc), NtpTime(ntp), RtpTimestamp(rtp));
            SenderReport { ssrc, ntp, rtp, packets, octets, reports }.into()
        }),
        (any::<u32>(), report_blocks()).prop_map(|(ssrc, reports)| ReceiverReport { ssrc: Ssrc(ssrc), reports }.into()),
        proptest::collection::vec((any::<u32>(), proptest::collection::vec((1u8.., text()), 0..4)), 0..5).prop_map(
            |chunks| {
                let chunk = |(ssrc, items): (u32, Vec<(u8, Text)>)| Chunk {
                    ssrc: Ssrc(ssrc),
                    items: items.into_iter().map(|(kind, text)| Item { kind: ItemKind(kind), text }).collect(),
                };
                SourceDescription { chunks: chunks.into_iter().map(chunk).collect() }.into()
            }
        ),
        (proptest::collection::vec(any::<u32>(), 0..32), proptest::option::of(text()))
            .prop_map(|(sources, reason)| Goodbye { sources: sources.into_iter().map(Ssrc).collect(), reason }.into()),
        (any::<[u32; 2]>(), proptest::collection::vec(any::<[u16; 2]>(), 0..254)).prop_map(|([a, b], entries)| {
            let entry = |[first, following]: [u16; 2]| NackEntry { first: SequenceNumber(first), following };
            Nack { sender: Ssrc(a), media: Ssrc(b), entries: entries.into_iter().map(entry).collect() }.into()
        }),
        any::<[u32; 2]>().prop_map(|[a, b]| PictureLoss { sender: Ssrc(a), media: Ssrc(b) }.into()),
        (any::<[u32; 2]>(), proptest::collection::vec(any::<(u32, u8)>(), 0..65)).prop_map(|([a, b], entries)| {
            let entries = entries.into_iter().map(|(ssrc, sequence)| FirEntry { ssrc: Ssrc(ssrc), sequence }).collect();
            FullIntraRequest { sender: Ssrc(a), media: Ssrc(b), entries }.into()
        }),
        (any::<u32>(), 0u64..1 << 18, 0u32..46, proptest::collection::vec(any::<u32>(), 0..256)).prop_map(
            |(sender, mantissa, exponent, ssrcs)| {
                let ssrcs = ssrcs.into_iter().map(Ssrc).collect();
                Remb { sender: Ssrc(sender), bitrate: mantissa << exponent, ssrcs }.into()
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_is_read(packet in any_packet()) {
        let bytes = written(&packet);
        prop_assert_eq!(bytes.len() % 4, 0);
        prop_assert_eq!(read(&bytes), Ok(packet));
    }

    #[test]
    fn arbitrary_bodies_do_not_panic(
        packet_type in 198u8..210,
        count in 0u8..32,
        padded: bool,
        mut body in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        body.truncate(body.len() / 4 * 4);
        let mut bytes = vec![0x80 | u8::from(padded) << 5 | count, packet_type, 0, (body.len() / 4) as u8];
        bytes.extend(body);
        if let Ok(compound) = Compound::parse(&bytes, true) {
            for packet in compound.packets().flatten() {
                // Chrome's padding fills up to four bytes: an unknown body that was so cut is filled up with zeros.
                if !padded {
                    prop_assert_eq!(read(&written(&packet)), Ok(packet));
                }
            }
        }
    }
}

#[test]
fn every_packet_survives_a_round_trip() {
    for packet in every_packet() {
        assert_eq!(read(&written(&packet)), Ok(packet));
    }
}
