//! Any description that can be built is read back as it was, and no text makes the reader stumble.

use std::num::NonZeroU64;
use std::time::Duration;

use ortica_sdp::{
    Address, Attribute, Bandwidth, Connection, Direction, Extmap, Feedback, Fingerprint, Fmtp, Format, Group,
    GroupSemantics, HashAlgorithm, IceOptions, MaxMessageSize, Media, MediaKind, Msid, Origin, PacketTime, Protocol,
    Rid, RidDirection, Rtcp, RtcpFeedback, RtpMap, SctpMap, Session, Setup, Simulcast, SimulcastRid, SimulcastStreams,
    SsrcAttribute, SsrcGroup, SsrcSemantics, Timing,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

/// A word that no grammar gives a meaning.
fn token() -> impl Strategy<Value = String> {
    "z[a-z0-9{}.é+-]{0,8}"
}

/// A word for which a grammar allows letters and digits only.
fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_-]{1,8}"
}

/// Text with spaces and colons, but none around it.
fn text() -> impl Strategy<Value = String> {
    "z[ -~é]{0,12}z"
}

fn direction() -> impl Strategy<Value = Direction> {
    (any::<bool>(), any::<bool>()).prop_map(|(sends, receives)| Direction::new(sends, receives))
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        any::<std::net::IpAddr>().prop_map(Address::from),
        token().prop_map(Address::ip4),
        token().prop_map(Address::ip6)
    ]
}

fn payload_type() -> impl Strategy<Value = u8> {
    0..128_u8
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![payload_type().prop_map(Format::PayloadType), token().prop_map(Format::Name)]
}

fn feedback() -> impl Strategy<Value = Feedback> {
    prop_oneof![
        Just(Feedback::Nack),
        Just(Feedback::NackPli),
        Just(Feedback::CcmFir),
        Just(Feedback::GoogRemb),
        Just(Feedback::TransportCc),
        text().prop_map(Feedback::Other),
    ]
}

fn streams(at_least: usize) -> impl Strategy<Value = SimulcastStreams> {
    vec(vec((name(), any::<bool>()), 1..3), at_least..4).prop_map(|streams| {
        let mut all = SimulcastStreams::default();
        for stream in &streams {
            all.push(stream.iter().map(|(rid, paused)| SimulcastRid { rid, paused: *paused }));
        }
        all
    })
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    let algorithm = prop_oneof![
        Just(HashAlgorithm::Sha1),
        Just(HashAlgorithm::Sha256),
        Just(HashAlgorithm::Sha512),
        Just(HashAlgorithm::Md5),
        "z[a-z0-9-]{0,8}".prop_map(HashAlgorithm::Other),
    ];
    (algorithm, vec(any::<u8>(), 1..64)).prop_map(|(algorithm, value)| Fingerprint { algorithm, value })
}

fn packet_time() -> impl Strategy<Value = PacketTime> {
    (1..4_000_000_000_000_u64).prop_map(|nanoseconds| PacketTime(Duration::from_nanos(nanoseconds)))
}

fn rtp_attribute() -> impl Strategy<Value = Attribute> {
    let channels = of(1..=255_u8);
    prop_oneof![
        (payload_type(), token(), 1..u32::MAX, channels).prop_map(
            |(payload_type, encoding, clock_rate, written_channels)| {
                RtpMap { payload_type, encoding, clock_rate, written_channels }.into()
            }
        ),
        (format(), text()).prop_map(|(format, text)| Fmtp { format, parameters: text.into() }.into()),
        (of(payload_type()), feedback())
            .prop_map(|(payload_type, feedback)| RtcpFeedback { payload_type, feedback }.into()),
        (1..=u16::MAX, of(direction()), token(), of(text())).prop_map(|(id, direction, uri, attributes)| Extmap {
            id,
            direction,
            uri,
            attributes
        }
        .into()),
        (name(), any::<bool>(), vec(payload_type(), 0..3), of(text())).prop_map(|(id, send, payload_types, text)| {
            let direction = if send { RidDirection::Send } else { RidDirection::Recv };
            Rid { id, direction, payload_types, restrictions: text.unwrap_or_default().into() }.into()
        }),
        (streams(1), streams(0)).prop_map(|(send, recv)| Simulcast { send, recv }.into()),
        (streams(0), streams(1)).prop_map(|(send, recv)| Simulcast { send, recv }.into()),
        (any::<u32>(), name(), of(text())).prop_map(|(ssrc, name, value)| SsrcAttribute { ssrc, name, value }.into()),
        (token(), vec(any::<u32>(), 0..4))
            .prop_map(|(name, ssrcs)| { SsrcGroup { semantics: SsrcSemantics::Other(name), ssrcs }.into() }),
        vec(any::<u32>(), 0..4)
            .prop_map(|ssrcs| SsrcGroup { semantics: SsrcSemantics::FlowIdentification, ssrcs }.into()),
        (any::<u16>(), of(address())).prop_map(|(port, address)| Rtcp { port, address }.into()),
        packet_time().prop_map(Attribute::PacketTime),
        packet_time().prop_map(Attribute::MaxPacketTime),
        (token(), of(token())).prop_map(|(id, track)| Msid { id, track }.into()),
        Just(Attribute::RtcpMux),
        Just(Attribute::RtcpMuxOnly),
        Just(Attribute::RtcpReducedSize),
        text().prop_map(Attribute::RtcpXr),
        text().prop_map(Attribute::ImageAttr),
    ]
}

fn transport_attribute() -> impl Strategy<Value = Attribute> {
    prop_oneof![
        text().prop_map(Attribute::Candidate),
        token().prop_map(Attribute::Mid),
        token().prop_map(Attribute::IceUfrag),
        token().prop_map(Attribute::IcePwd),
        vec(token(), 1..3).prop_map(|options| IceOptions(options).into()),
        any::<u32>().prop_map(Attribute::IcePacing),
        text().prop_map(Attribute::RemoteCandidates),
        fingerprint().prop_map(Attribute::from),
        prop_oneof![Just(Setup::Active), Just(Setup::Passive), Just(Setup::ActPass), Just(Setup::HoldConn)]
            .prop_map(Attribute::from),
        prop_oneof![Just(Connection::New), Just(Connection::Existing)].prop_map(Attribute::from),
        token().prop_map(Attribute::TlsId),
        any::<u16>().prop_map(Attribute::SctpPort),
        (any::<u16>(), token(), of(any::<u16>())).prop_map(|(port, protocol, streams)| SctpMap {
            port,
            protocol,
            streams
        }
        .into()),
        any::<NonZeroU64>().prop_map(|bytes| MaxMessageSize::Bytes(bytes).into()),
        Just(MaxMessageSize::Unlimited.into()),
        (token(), vec(token(), 0..3))
            .prop_map(|(name, mids)| Group { semantics: GroupSemantics::Other(name), mids }.into()),
        vec(token(), 0..3).prop_map(|mids| Group::bundle(mids).into()),
        prop_oneof![
            Just(Attribute::EndOfCandidates),
            Just(Attribute::ExtmapAllowMixed),
            Just(Attribute::BundleOnly),
            Just(Attribute::IceLite),
            Just(Attribute::IceMismatch),
        ],
        text().prop_map(Attribute::Identity),
        text().prop_map(Attribute::MsidSemantic),
        direction().prop_map(Attribute::from),
        (token(), of("[ -~é]{0,12}")).prop_map(|(name, value)| Attribute::Other { name, value }),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    vec(prop_oneof![rtp_attribute(), transport_attribute()], 0..12)
}

fn bandwidths() -> impl Strategy<Value = Vec<Bandwidth>> {
    vec((name(), any::<u64>()).prop_map(|(kind, value)| Bandwidth { kind, value }), 0..3)
}

fn media() -> impl Strategy<Value = Media> {
    let kind = prop_oneof![
        Just(MediaKind::Audio),
        Just(MediaKind::Video),
        Just(MediaKind::Application),
        token().prop_map(MediaKind::Other)
    ];
    let protocol =
        prop_oneof![Just(Protocol::UdpTlsRtpSavpf), Just(Protocol::UdpDtlsSctp), token().prop_map(Protocol::Other)];
    let head = (kind, any::<u16>(), of(any::<u32>()), protocol, vec(format(), 1..5));
    let body = (of(text()), of(address()), bandwidths(), of(text()), attributes());
    (head, body).prop_map(
        |((kind, port, count, protocol, formats), (title, connection, bandwidths, key, attributes))| {
            let mut media = Media::new(kind, protocol);
            media.port = port;
            media.port_count = count;
            media.formats = formats;
            media.title = title;
            media.connection = connection;
            media.bandwidths = bandwidths;
            media.key = key;
            media.attributes = attributes;
            media
        },
    )
}

fn session() -> impl Strategy<Value = Session> {
    let origin =
        (token(), any::<u64>(), any::<u64>(), address()).prop_map(|(username, session_id, version, address)| Origin {
            username,
            session_id,
            session_version: version,
            address,
        });
    let timing = (any::<u64>(), any::<u64>(), vec(text(), 0..2)).prop_map(|(start, stop, repeats)| Timing {
        start,
        stop,
        repeats,
    });
    let words = (text(), of(text()), of(text()), vec(text(), 0..2), vec(text(), 0..2), of(text()), of(text()));
    let rest = (of(address()), bandwidths(), vec(timing, 1..3), attributes(), vec(media(), 0..4));
    (origin, words, rest).prop_map(|(origin, words, rest)| {
        let mut session = Session::new(0, 0);
        session.origin = origin;
        (session.name, session.information, session.uri, ..) = (words.0, words.1, words.2);
        (session.emails, session.phones, session.time_zones, session.key) = (words.3, words.4, words.5, words.6);
        (session.connection, session.bandwidths, session.timings, session.attributes, session.media) = rest;
        session
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read_back(session in session()) {
        let text = session.to_string();
        prop_assert_eq!(text.parse::<Session>().map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?, session);
    }

    #[test]
    fn an_attribute_is_read_back_by_itself(attribute in prop_oneof![rtp_attribute(), transport_attribute()]) {
        prop_assert_eq!(attribute.to_string().parse(), Ok(attribute.clone()));
        let line = format!("a={attribute}");
        prop_assert_eq!(line.parse(), Ok(attribute));
    }

    #[test]
    fn no_text_makes_the_reader_stumble(text in "[vostcbma=:/ ;,~0-9\r\n -~é]{0,200}") {
        let _ = text.parse::<Session>();
        let _ = text.parse::<Media>();
        let _ = text.parse::<Attribute>();
    }

    #[test]
    fn a_damaged_description_is_an_error_or_settles_once_written(
        cut in 0..5_700_usize,
        len in 0..40_usize,
        noise in "[ -~\r\né]{0,20}",
    ) {
        let mut text = include_str!("../testdata/browsers/chromium-av-data-offer.sdp").to_owned();
        let end = text.len().min(cut + len);
        text.replace_range(cut.min(end)..end, &noise);
        if let Ok(session) = text.parse::<Session>() {
            let written = session.to_string();
            prop_assert_eq!(written.parse::<Session>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn no_value_can_start_a_line_of_its_own(text in "[ -~\r\n\0]{0,30}") {
        let mut session = Session::new(1, 1);
        session.media.push(Media::data("0"));
        let lines = session.to_string().lines().count();
        session.name = text.clone();
        session.media[0].push(Msid::new(Some(&text), Some(&text)));
        session.media[0].push(Attribute::other(text.clone(), text.clone()));
        session.media[0].push(Attribute::Mid(text.clone()));
        session.media[0].push(SsrcAttribute::new(1, "cname", text.clone()));
        session.media[0].push(Fmtp::new(96, text.as_str()));
        prop_assert_eq!(session.to_string().split("\r\n").count(), lines + 6);
        prop_assert!(!session.to_string().replace("\r\n", "").contains(['\r', '\n', '\0']));
    }
}
