//! A description of this side: what its text is made of.

use super::extensions::Extension;
use super::formats::{Events, Format};
use super::ice_features::IceFeatures;
use super::noise;
use super::remote::{Content, Remote, RemoteSection};
use super::simulcast::Layers;
use super::transceiver::TransceiverId;
use crate::engine::TransportId;
use ortica_codecs::MediaKind;
use ortica_dtls::Fingerprint;
use ortica_ice::{Candidate, Credentials};
use ortica_sdp as sdp;
use ortica_sdp::{Attribute, Direction};

/// What this side says of its SCTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LocalSctp {
    /// The port inside it.
    pub port: u16,
    /// Bytes of the longest message that it takes.
    pub max_message_size: u64,
}

/// Who opens the DTLS association (RFC 4145 §4, RFC 8842 §5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Setup {
    ActPass,
    Active,
    Passive,
}

/// A section of a local description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Section {
    pub mid: String,
    pub setup: Setup,
    pub body: Body,
    /// What carries it, unless it is rejected. With `bundle_only` that holds if the answer bundles it.
    pub transport: Option<TransportId>,
    /// To be taken together with the section that leads its group, or not at all (RFC 9143 §6).
    pub bundle_only: bool,
    /// It is offered for the first time, and RTCP has no port of its own (RFC 8858 §4).
    pub rtcp_mux_only: bool,
    /// Media, protocol and formats of the `m=` line, as the other side wrote them where it was first.
    line: Line,
    /// The other side knows it by its mid.
    named: bool,
}

/// What a section says beside its transport.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Body {
    /// Its slot is kept and its port is zero (SDP-2).
    Rejected,
    /// Data channels, with the INIT chunk of this side where it is signalled.
    Data {
        init: Option<Vec<u8>>,
    },
    Media(Box<Media>),
}

/// A section of audio or video.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Media {
    pub transceiver: TransceiverId,
    pub kind: MediaKind,
    pub direction: Direction,
    pub formats: Vec<Format>,
    pub events: Vec<Events>,
    /// The payload types of both in their order.
    pub order: Vec<u8>,
    pub extensions: Vec<Extension>,
    pub reduced_size: bool,
    /// Header extensions and contributing sources may be encrypted.
    pub encrypts_headers: bool,
    /// What flows side by side.
    pub layers: Layers,
    /// What is said about the track, if one is sent or was.
    pub track: Option<Track>,
}

/// The track of a section that sends, or once did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Track {
    pub id: String,
    pub streams: Vec<String>,
    /// Its stream, and that of its retransmissions; `None` where streams are told apart by name (RFC 8853 §5.5).
    pub sources: Option<(u32, Option<u32>)>,
    pub cname: String,
}

/// What an `m=` line says beside its port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Line {
    pub media: sdp::MediaKind,
    protocol: sdp::Protocol,
    formats: Vec<sdp::Format>,
}

impl Line {
    pub fn of(media: &sdp::Media) -> Self {
        Self { media: media.kind.clone(), protocol: media.protocol.clone(), formats: media.formats.clone() }
    }

    fn is_media(&self) -> bool {
        matches!(self.media, sdp::MediaKind::Audio | sdp::MediaKind::Video)
    }

    /// The port inside SCTP, in the words of who offered: drafts before RFC 8841 have another line for it.
    fn sctp_port(&self, port: u16) -> Attribute {
        if self.protocol.as_str() == "DTLS/SCTP" {
            let (protocol, streams) = ("webrtc-datachannel".to_owned(), Some(u16::MAX));
            return Attribute::SctpMap(sdp::SctpMap { port, protocol, streams });
        }
        Attribute::SctpPort(port)
    }

    fn to_media(&self, mid: Option<&str>, with_formats: bool) -> sdp::Media {
        let mut media = sdp::Media::new(self.media.clone(), self.protocol.clone());
        if let Some(mid) = mid {
            media.push(Attribute::Mid(mid.to_owned()));
        }
        if with_formats {
            media.formats.clone_from(&self.formats);
        }
        media
    }
}

impl Section {
    /// A section of ours for data channels.
    pub fn data(mid: String, setup: Setup, init: Option<Vec<u8>>) -> Self {
        let line = Line::of(&sdp::Media::data(mid.as_str()));
        Self::new(mid, setup, Body::Data { init }, line)
    }

    /// A section of ours for audio or video.
    pub fn media(mid: String, setup: Setup, media: Media) -> Self {
        let kind = match media.kind {
            MediaKind::Audio => sdp::MediaKind::Audio,
            MediaKind::Video => sdp::MediaKind::Video,
        };
        let line = Line::of(&sdp::Media::rtp(kind, mid.as_str()));
        Self::new(mid, setup, Body::Media(Box::new(media)), line)
    }

    fn new(mid: String, setup: Setup, body: Body, line: Line) -> Self {
        Self { mid, setup, body, transport: None, bundle_only: false, rtcp_mux_only: false, line, named: true }
    }

    /// Answers a section in the words it was offered in.
    pub fn accepted(offered: &RemoteSection, setup: Setup, body: Body) -> Self {
        let named = offered.named;
        Self { named, ..Self::new(offered.mid.clone(), setup, body, offered.line.clone()) }
    }

    /// Keeps the slot of a section that this side does not serve (SDP-2).
    pub fn rejected(offered: &RemoteSection) -> Self {
        Self::accepted(offered, Setup::ActPass, Body::Rejected)
    }

    pub fn is_rejected(&self) -> bool {
        self.body == Body::Rejected
    }

    /// Marks it rejected.
    pub fn reject(&mut self) {
        (self.body, self.transport, self.bundle_only) = (Body::Rejected, None, false);
    }

    /// The transport that it names the parameters of, or would.
    pub fn named_transport(&self) -> Option<TransportId> {
        self.transport.filter(|_| !self.bundle_only && !self.is_rejected())
    }

    /// What its `m=` line is about.
    pub fn kind(&self) -> &sdp::MediaKind {
        &self.line.media
    }

    pub fn is_data(&self) -> bool {
        matches!(self.body, Body::Data { .. })
    }

    /// What it says as a section of audio or video.
    pub fn as_media(&self) -> Option<&Media> {
        match &self.body {
            Body::Media(media) => Some(media),
            Body::Rejected | Body::Data { .. } => None,
        }
    }

    /// Whether the other side's section is of the same kind, and takes nothing up that this one rejects.
    pub fn fits(&self, theirs: &RemoteSection) -> bool {
        self.line.media == theirs.line.media && (!self.is_rejected() || theirs.content == Content::Rejected)
    }
}

/// What a transport has gathered so far, to be shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gathered<'a> {
    pub candidates: &'a [Candidate],
    pub complete: bool,
}

/// A local description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Local {
    pub session_id: u64,
    pub version: u64,
    pub sections: Vec<Section>,
    /// The mids of each BUNDLE group.
    pub groups: Vec<Vec<String>>,
    /// Its ICE answers checks and makes none.
    pub ice_lite: bool,
    pub ice: IceFeatures,
    pub sctp: LocalSctp,
    pub fingerprints: Vec<Fingerprint>,
    /// Those of each transport that a section names.
    pub credentials: Vec<(TransportId, Credentials)>,
}

impl Local {
    pub fn has_data(&self) -> bool {
        self.sections.iter().any(Section::is_data)
    }

    /// What is said of a transceiver.
    pub fn media_of(&self, id: TransceiverId) -> Option<&Media> {
        self.sections.iter().filter_map(Section::as_media).find(|media| media.transceiver == id)
    }

    /// The transports that sections name, each once.
    pub fn transports(&self) -> Vec<TransportId> {
        let mut all: Vec<TransportId> = Vec::new();
        for id in self.sections.iter().filter_map(Section::named_transport) {
            if !all.contains(&id) {
                all.push(id);
            }
        }
        all
    }

    /// The section that says what there is to know of a transport, with its place: the first of a group, or the only one.
    pub fn leader(&self, transport: TransportId) -> Option<(usize, &Section)> {
        let named = |(_, section): &(usize, &Section)| section.named_transport() == Some(transport);
        let all = || self.sections.iter().enumerate().filter(named);
        let tagged = self.groups.iter().flatten().find_map(|mid| all().find(|(_, section)| section.mid == *mid));
        tagged.or_else(|| all().next())
    }

    pub fn credentials_of(&self, transport: TransportId) -> Option<&Credentials> {
        self.credentials.iter().find(|(id, _)| *id == transport).map(|(_, credentials)| credentials)
    }

    /// Whether two sections may share a transport.
    pub fn bundles(&self, some: &Section, other: &Section) -> bool {
        self.groups.iter().any(|group| group.contains(&some.mid) && group.contains(&other.mid))
    }

    /// The same but for the version.
    pub fn same_content(&self, other: &Self) -> bool {
        *self == Self { version: self.version, ..other.clone() }
    }

    /// What is in force once the offer is answered: what was rejected is marked so, and what was bundled runs on the transport
    /// of the section that leads it. `leaders` names those.
    pub fn answered(&self, answer: &Remote, leaders: &[Option<usize>]) -> Self {
        let mut agreed = self.clone();
        for (section, leader) in agreed.sections.iter_mut().zip(leaders) {
            let leader = leader.and_then(|leader| self.sections.get(leader));
            match leader.filter(|_| !section.is_rejected()) {
                Some(leader) => (section.transport, section.bundle_only) = (leader.transport, false),
                None => section.reject(),
            }
        }
        let in_use = |mid: &&String| agreed.sections.iter().any(|it| it.mid == **mid && !it.is_rejected());
        let groups = answer.bundles.iter().map(|group| group.iter().filter(in_use).cloned().collect::<Vec<_>>());
        agreed.groups = groups.filter(|group| !group.is_empty()).collect();
        agreed
    }

    /// The text, with what each transport has gathered.
    pub fn render<'a>(&self, gathered: impl Fn(TransportId) -> Gathered<'a>) -> String {
        let mut session = sdp::Session::new(self.session_id, self.version);
        if self.ice_lite {
            session.push(Attribute::IceLite);
        }
        if let Some(options) = self.ice.to_options() {
            session.push(Attribute::IceOptions(options));
        }
        for group in &self.groups {
            session.push(Attribute::Group(sdp::Group::bundle(group.iter().map(String::as_str))));
        }
        session.push(Attribute::ExtmapAllowMixed);
        for (index, section) in self.sections.iter().enumerate() {
            let leads = |id: &TransportId| self.leader(*id).is_some_and(|(leader, _)| leader == index);
            let shown = section.named_transport().filter(leads).map(&gathered).unwrap_or_default();
            session.media.push(self.render_section(section, shown));
        }
        session.to_string()
    }

    fn render_section(&self, section: &Section, gathered: Gathered<'_>) -> sdp::Media {
        let mid = section.named.then_some(section.mid.as_str());
        let mut media = section.line.to_media(mid, section.as_media().is_none());
        match &section.body {
            Body::Rejected => {
                media.reject();
                if section.line.is_media() {
                    media.push(Attribute::Direction(Direction::Inactive));
                }
            }
            Body::Data { init } => {
                self.render_transport(&mut media, section, gathered);
                media.push(section.line.sctp_port(self.sctp.port));
                media.push(Attribute::MaxMessageSize(sdp::MaxMessageSize::new(self.sctp.max_message_size)));
                if let Some(chunk) = init {
                    media.push(sdp::SctpInit { chunk: chunk.clone() });
                }
            }
            Body::Media(body) => {
                self.render_transport(&mut media, section, gathered);
                body.render(&mut media, section);
            }
        }
        media
    }

    /// Sections that were bundled repeat the parameters, which RFC 9143 §7.1.3 leaves to the one that leads: aiortc refuses
    /// sections without, and browsers repeat them too.
    fn render_transport(&self, media: &mut sdp::Media, section: &Section, gathered: Gathered<'_>) {
        if section.bundle_only {
            media.port = 0;
            media.push(Attribute::BundleOnly);
            return;
        }
        for candidate in gathered.candidates {
            let line = candidate.to_string();
            let value = line.strip_prefix("candidate:").unwrap_or(&line);
            media.push(Attribute::Candidate(value.to_owned()));
        }
        if gathered.complete {
            media.push(Attribute::EndOfCandidates);
        }
        if let Some(credentials) = section.transport.and_then(|id| self.credentials_of(id)) {
            media.push(Attribute::IceUfrag(credentials.ufrag.clone()));
            media.push(Attribute::IcePwd(credentials.pwd.to_string()));
        }
        for fingerprint in &self.fingerprints {
            media.push(Attribute::Fingerprint(sdp::Fingerprint {
                algorithm: fingerprint.algorithm().into(),
                value: fingerprint.value().to_vec(),
            }));
        }
        media.push(Attribute::Setup(match section.setup {
            Setup::ActPass => sdp::Setup::ActPass,
            Setup::Active => sdp::Setup::Active,
            Setup::Passive => sdp::Setup::Passive,
        }));
    }
}

impl Media {
    fn render(&self, media: &mut sdp::Media, section: &Section) {
        self.extensions.iter().for_each(|extension| extension.write(media));
        // In each section of a bundle, for the names in packets are encrypted too (RFC 9335 §4).
        if self.encrypts_headers {
            media.push(Attribute::Cryptex);
        }
        media.push(Attribute::Direction(self.direction));
        if let Some(track) = &self.track {
            track.render_names(media);
        }
        // What concerns the transport is said by the section that names it.
        if !section.bundle_only {
            media.push(Attribute::RtcpMux);
            if section.rtcp_mux_only {
                media.push(Attribute::RtcpMuxOnly);
            }
            if self.reduced_size {
                media.push(Attribute::RtcpReducedSize);
            }
        }
        for payload_type in &self.order {
            self.formats.iter().filter(|it| it.payload_type == *payload_type).for_each(|it| it.write(media));
            self.write_redundant(*payload_type, media);
            noise::write(&self.formats, *payload_type, media);
            self.events.iter().filter(|it| it.payload_type == *payload_type).for_each(|it| it.write(media));
        }
        self.layers.write(media);
        if let Some(track) = &self.track {
            track.render_sources(media);
        }
    }

    /// Packets with those before them, if that payload type is theirs.
    fn write_redundant(&self, payload_type: u8, media: &mut sdp::Media) {
        for format in &self.formats {
            if let Some(redundancy) = format.redundancy.filter(|it| it.payload_type == payload_type) {
                redundancy.write(format, media);
            }
        }
    }
}

impl Track {
    fn render_names(&self, media: &mut sdp::Media) {
        if self.streams.is_empty() {
            media.push(Attribute::Msid(sdp::Msid::new(None, Some(&self.id))));
        }
        for stream in &self.streams {
            media.push(Attribute::Msid(sdp::Msid::new(Some(stream), Some(&self.id))));
        }
    }

    /// Says the sources, which those need who do not read the MID of packets.
    fn render_sources(&self, media: &mut sdp::Media) {
        let Some((ssrc, rtx)) = self.sources else { return };
        if let Some(rtx) = rtx {
            let ssrcs = vec![ssrc, rtx];
            media.push(Attribute::SsrcGroup(sdp::SsrcGroup {
                semantics: sdp::SsrcSemantics::FlowIdentification,
                ssrcs,
            }));
        }
        for ssrc in [Some(ssrc), rtx].into_iter().flatten() {
            media.push(Attribute::Ssrc(sdp::SsrcAttribute::new(ssrc, "cname", self.cname.as_str())));
        }
    }
}
