//! A description of this side: what its text is made of.

use super::formats::Format;
use super::remote::{Content, Remote, RemoteSection};
use super::transceiver::TransceiverId;
use ortica_codecs::MediaKind;
use ortica_dtls::Fingerprint;
use ortica_ice::{Candidate, Credentials};
use ortica_rtp::header_extension::Kind;
use ortica_sdp as sdp;
use ortica_sdp::{Attribute, Direction};

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
    /// Media, protocol and formats of the `m=` line, as the other side wrote them where it was first.
    line: Line,
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
    Media(Media),
}

/// A section of audio or video.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Media {
    pub transceiver: TransceiverId,
    pub kind: MediaKind,
    pub direction: Direction,
    pub formats: Vec<Format>,
    pub extensions: Vec<(u8, Kind)>,
    pub reduced_size: bool,
    /// What is said about the track, if one is sent or was.
    pub track: Option<Track>,
}

/// The track of a section that sends, or once did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Track {
    pub id: String,
    pub streams: Vec<String>,
    pub ssrc: u32,
    pub rtx: Option<u32>,
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

    fn to_media(&self, mid: &str, with_formats: bool) -> sdp::Media {
        let mut media = sdp::Media::new(self.media.clone(), self.protocol.clone()).with(Attribute::Mid(mid.to_owned()));
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
        Self { mid, setup, body: Body::Data { init }, line }
    }

    /// A section of ours for audio or video.
    pub fn media(mid: String, setup: Setup, media: Media) -> Self {
        let kind = match media.kind {
            MediaKind::Audio => sdp::MediaKind::Audio,
            MediaKind::Video => sdp::MediaKind::Video,
        };
        let line = Line::of(&sdp::Media::rtp(kind, mid.as_str()));
        Self { mid, setup, body: Body::Media(media), line }
    }

    /// Answers a section in the words it was offered in.
    pub fn accepted(offered: &RemoteSection, setup: Setup, body: Body) -> Self {
        Self { mid: offered.mid.clone(), setup, body, line: offered.line.clone() }
    }

    /// Keeps the slot of a section that this side does not serve (SDP-2).
    pub fn rejected(offered: &RemoteSection) -> Self {
        Self::accepted(offered, Setup::ActPass, Body::Rejected)
    }

    pub fn is_rejected(&self) -> bool {
        self.body == Body::Rejected
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

/// A local description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Local {
    pub session_id: u64,
    pub version: u64,
    pub sections: Vec<Section>,
    pub max_message_size: u64,
    pub fingerprints: Vec<Fingerprint>,
    pub credentials: Option<Credentials>,
}

impl Local {
    pub fn has_data(&self) -> bool {
        self.sections.iter().any(Section::is_data)
    }

    /// What is said of a transceiver.
    pub fn media_of(&self, id: TransceiverId) -> Option<&Media> {
        self.sections.iter().filter_map(Section::as_media).find(|media| media.transceiver == id)
    }

    /// The section whose transport all share, with its place.
    pub fn leader(&self) -> Option<(usize, &Section)> {
        self.sections.iter().enumerate().find(|(_, section)| !section.is_rejected())
    }

    /// The same but for the version.
    pub fn same_content(&self, other: &Self) -> bool {
        *self == Self { version: self.version, ..other.clone() }
    }

    /// Marks what the answer rejected.
    pub fn keep_accepted(&mut self, answer: &Remote) {
        for (ours, theirs) in self.sections.iter_mut().zip(&answer.sections) {
            if theirs.content == Content::Rejected {
                ours.body = Body::Rejected;
            }
        }
    }

    /// The text, with the candidates there are.
    pub fn render(&self, candidates: &[Candidate], complete: bool) -> String {
        let mut session = sdp::Session::new(self.session_id, self.version);
        let accepted = self.sections.iter().filter(|section| !section.is_rejected());
        session.push(Attribute::Group(sdp::Group::bundle(accepted.map(|section| section.mid.as_str()))));
        session.push(Attribute::ExtmapAllowMixed);
        let leader = self.leader().map(|(index, _)| index);
        for (index, section) in self.sections.iter().enumerate() {
            let shown = if leader == Some(index) { candidates } else { &[] };
            session.media.push(self.render_section(section, shown, complete && leader == Some(index)));
        }
        session.to_string()
    }

    fn render_section(&self, section: &Section, candidates: &[Candidate], complete: bool) -> sdp::Media {
        let mut media = section.line.to_media(&section.mid, section.as_media().is_none());
        match &section.body {
            Body::Rejected => {
                media.reject();
                if section.line.is_media() {
                    media.push(Attribute::Direction(Direction::Inactive));
                }
            }
            Body::Data { init } => {
                self.render_transport(&mut media, section.setup, candidates, complete);
                media.push(Attribute::SctpPort(5000));
                media.push(Attribute::MaxMessageSize(sdp::MaxMessageSize::new(self.max_message_size)));
                if let Some(chunk) = init {
                    media.push(sdp::SctpInit { chunk: chunk.clone() });
                }
            }
            Body::Media(body) => {
                self.render_transport(&mut media, section.setup, candidates, complete);
                body.render(&mut media);
            }
        }
        media
    }

    fn render_transport(&self, media: &mut sdp::Media, setup: Setup, candidates: &[Candidate], complete: bool) {
        for candidate in candidates {
            let line = candidate.to_string();
            let value = line.strip_prefix("candidate:").unwrap_or(&line);
            media.push(Attribute::Candidate(value.to_owned()));
        }
        if complete {
            media.push(Attribute::EndOfCandidates);
        }
        if let Some(credentials) = &self.credentials {
            media.push(Attribute::IceUfrag(credentials.ufrag.clone()));
            media.push(Attribute::IcePwd(credentials.pwd.to_string()));
        }
        media.push(Attribute::IceOptions(sdp::IceOptions::trickle()));
        for fingerprint in &self.fingerprints {
            media.push(Attribute::Fingerprint(sdp::Fingerprint {
                algorithm: fingerprint.algorithm().into(),
                value: fingerprint.value().to_vec(),
            }));
        }
        media.push(Attribute::Setup(match setup {
            Setup::ActPass => sdp::Setup::ActPass,
            Setup::Active => sdp::Setup::Active,
            Setup::Passive => sdp::Setup::Passive,
        }));
    }
}

impl Media {
    fn render(&self, media: &mut sdp::Media) {
        for (id, kind) in &self.extensions {
            media.push(Attribute::Extmap(sdp::Extmap::new(u16::from(*id), kind.uri())));
        }
        media.push(Attribute::Direction(self.direction));
        if let Some(track) = &self.track {
            track.render_names(media);
        }
        media.push(Attribute::RtcpMux);
        if self.reduced_size {
            media.push(Attribute::RtcpReducedSize);
        }
        self.formats.iter().for_each(|format| format.write(media));
        if let Some(track) = &self.track {
            track.render_sources(media);
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
        if let Some(rtx) = self.rtx {
            let ssrcs = vec![self.ssrc, rtx];
            media.push(Attribute::SsrcGroup(sdp::SsrcGroup {
                semantics: sdp::SsrcSemantics::FlowIdentification,
                ssrcs,
            }));
        }
        for ssrc in [Some(self.ssrc), self.rtx].into_iter().flatten() {
            media.push(Attribute::Ssrc(sdp::SsrcAttribute::new(ssrc, "cname", self.cname.as_str())));
        }
    }
}
