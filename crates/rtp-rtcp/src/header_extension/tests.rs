use super::*;
use crate::packet::{Header, Packet};
use proptest::prelude::*;

fn all() -> Values {
    Values {
        mid: Some(Mid::new("audio").unwrap()),
        rid: Some(Rid::new("hi").unwrap()),
        repaired_rid: Some(Rid::new("lo").unwrap()),
        abs_send_time: Some(AbsSendTime::new(0x12_3456)),
        audio_level: Some(AudioLevel::new(true, 30)),
        transport_cc: Some(SequenceNumber(0xbeef)),
        csrc_audio_levels: Some(CsrcAudioLevels::new(&[0, 64, 127])),
        video_orientation: Some(VideoOrientation::new(3)),
        color_space: Some(ColorSpace {
            primaries: 1,
            transfer: 13,
            matrix: 1,
            range: ColorRange::Full,
            chroma_siting: (1, 2),
        }),
    }
}

fn map(first_id: u8) -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for (id, kind) in (first_id..).zip(Kind::ALL) {
        map.insert(id, kind).unwrap();
    }
    map
}

fn written(map: &ExtensionMap, values: &Values) -> Vec<u8> {
    let mut out = Vec::new();
    Header::default().write_with(map, values, &mut out);
    out
}

fn profile(bytes: &[u8]) -> Option<u16> {
    Packet::parse(bytes).unwrap().extension().map(|block| block.profile())
}

#[test]
fn rtp_2_every_extension_survives_both_forms() {
    for (first_id, form) in [(1, 0xbede), (14, 0x1000), (200, 0x1000)] {
        let map = map(first_id);
        let bytes = written(&map, &all());
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(profile(&bytes), Some(form));
        assert_eq!(Packet::parse(&bytes).unwrap().extension_values(&map), all());
    }
}

#[test]
fn rtp_2_unknown_ids_are_skipped() {
    let bytes = written(&map(1), &all());
    let few = ExtensionMap::new().with(6, Kind::TransportCc).unwrap();
    let expected = Values { transport_cc: all().transport_cc, ..Values::default() };
    assert_eq!(Packet::parse(&bytes).unwrap().extension_values(&few), expected);
}

#[test]
fn rtp_2_malformed_values_count_as_absent() {
    // abs-send-time of two bytes, a mid that is not UTF-8, then a good audio level.
    let bytes = [0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 2, 0x41, 1, 2, 0x10, 0xff, 0x50, 0x85, 0];
    let values = Packet::parse(&bytes).unwrap().extension_values(&map(1));
    assert_eq!(values, Values { audio_level: Some(AudioLevel::new(true, 5)), ..Values::default() });
}

#[test]
fn no_extension_means_no_block() {
    assert_eq!(written(&map(1), &Values::default()).len(), 12);
    assert_eq!(written(&ExtensionMap::new(), &all()).len(), 12);
}

#[test]
fn the_form_changes_within_a_stream_only_if_the_peer_allows_it() {
    let long =
        Values { mid: Some(Mid::new(&"m".repeat(17)).unwrap()), audio_level: all().audio_level, ..Values::default() };
    let mut map = map(1);
    let bytes = written(&map, &long);
    assert_eq!(profile(&bytes), Some(0xbede));
    let read = Packet::parse(&bytes).unwrap().extension_values(&map);
    assert_eq!(read, Values { mid: None, ..long });

    map.set_mixed(true);
    let bytes = written(&map, &long);
    assert_eq!(profile(&bytes), Some(0x1000));
    assert_eq!(Packet::parse(&bytes).unwrap().extension_values(&map), long);
    assert_eq!(profile(&written(&map, &all())), Some(0xbede));
}

#[test]
fn ids_are_unique_and_not_zero() {
    let mut map = ExtensionMap::new().with(3, Kind::Mid).unwrap();
    assert_eq!(map.insert(0, Kind::Rid), Err(ExtensionIdError::Padding));
    assert_eq!(map.insert(3, Kind::Rid), Err(ExtensionIdError::Taken(3)));
    map.insert(5, Kind::Mid).unwrap();
    map.insert(3, Kind::Rid).unwrap();
    assert_eq!(map.iter().collect::<Vec<_>>(), [(5, Kind::Mid), (3, Kind::Rid)]);
    map.remove(Kind::Mid);
    assert_eq!(map.id(Kind::Mid), None);
    assert_eq!(map.kind(0), None);
}

#[test]
fn uris_name_one_extension_each() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_uri(kind.uri()), Some(kind));
    }
    assert_eq!(Kind::from_uri("urn:example"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        mid in proptest::option::of("[a-z0-9]{1,16}"),
        rid in proptest::option::of("[a-zA-Z0-9]{1,16}"),
        time in proptest::option::of(0u32..1 << 24),
        level in proptest::option::of((any::<bool>(), 0u8..128)),
        number: Option<u16>,
        levels in proptest::option::of(proptest::collection::vec(0u8..128, 1..16)),
        turns in proptest::option::of(0u8..4),
        colors in proptest::option::of(any::<[u8; 3]>()),
        first_id in 1u8..240,
        mixed: bool,
    ) {
        let values = Values {
            mid: mid.map(|text| Mid::new(&text).unwrap()),
            rid: None,
            repaired_rid: rid.map(|text| Rid::new(&text).unwrap()),
            abs_send_time: time.map(AbsSendTime::new),
            audio_level: level.map(|(voice, attenuation)| AudioLevel::new(voice, attenuation)),
            transport_cc: number.map(SequenceNumber),
            csrc_audio_levels: levels.map(|levels| CsrcAudioLevels::new(&levels)),
            video_orientation: turns.map(VideoOrientation::new),
            color_space: colors.map(|[primaries, transfer, matrix]| ColorSpace {
                primaries,
                transfer,
                matrix,
                ..ColorSpace::default()
            }),
        };
        let mut map = map(first_id);
        map.set_mixed(mixed);
        let bytes = written(&map, &values);
        prop_assert_eq!(Packet::parse(&bytes).unwrap().extension_values(&map), values);
    }
}
