//! A description as this crate uses it; the one place that speaks to `ortica-sdp`.

use super::error::SectionProblem;
use super::{DescriptionError, IceCandidate};
use ortica_dtls::Fingerprint;
use ortica_ice::{Candidate, Credentials};
use ortica_sdp as sdp;

/// What a section carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Data channels (RFC 8841).
    Data,
    /// What this crate does not serve; its slot is kept and rejected.
    Other,
}

/// Who opens the DTLS association (RFC 4145 §4, RFC 8842 §5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Setup {
    ActPass,
    Active,
    Passive,
}

// --- ours ---------------------------------------------------------------------------------------------------------------

/// A section of a local description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Section {
    pub mid: String,
    pub setup: Setup,
    kind: Kind,
    /// Media, protocol and formats of the `m=` line, as the other side wrote them where it was first.
    line: Line,
    rejected: bool,
}

/// What an `m=` line says beside its port.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Line {
    media: sdp::MediaKind,
    protocol: sdp::Protocol,
    formats: Vec<sdp::Format>,
}

impl Line {
    fn of(media: &sdp::Media) -> Self {
        Self { media: media.kind.clone(), protocol: media.protocol.clone(), formats: media.formats.clone() }
    }

    fn to_media(&self) -> sdp::Media {
        let mut media = sdp::Media::new(self.media.clone(), self.protocol.clone());
        media.formats.clone_from(&self.formats);
        media
    }
}

impl Section {
    /// A section of ours for data channels.
    pub fn data(mid: String, setup: Setup) -> Self {
        let line = Line::of(&sdp::Media::data(mid.as_str()));
        Self { mid, setup, kind: Kind::Data, line, rejected: false }
    }

    /// Answers a section for data channels, in the words it was offered in.
    pub fn accepted(offered: &RemoteSection, setup: Setup) -> Self {
        Self { line: offered.line.clone(), ..Self::data(offered.mid.clone(), setup) }
    }

    /// Keeps the slot of a section that this side does not serve (SDP-2).
    pub fn rejected(offered: &RemoteSection) -> Self {
        Self {
            mid: offered.mid.clone(),
            setup: Setup::ActPass,
            kind: offered.kind,
            line: offered.line.clone(),
            rejected: true,
        }
    }

    pub fn is_data(&self) -> bool {
        self.kind == Kind::Data && !self.rejected
    }
}

/// A local description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Model {
    pub session_id: u64,
    pub version: u64,
    pub sections: Vec<Section>,
    pub max_message_size: u64,
    pub fingerprint: Fingerprint,
    pub credentials: Option<Credentials>,
}

impl Model {
    pub fn has_data(&self) -> bool {
        self.sections.iter().any(Section::is_data)
    }

    /// The section whose transport all share, with its place.
    pub fn leader(&self) -> Option<(usize, &Section)> {
        self.sections.iter().enumerate().find(|(_, section)| !section.rejected)
    }

    /// The same but for the version.
    pub fn same_content(&self, other: &Self) -> bool {
        *self == Self { version: self.version, ..other.clone() }
    }

    /// Marks what the answer rejected.
    pub fn keep_accepted(&mut self, answer: &Remote) {
        for (ours, theirs) in self.sections.iter_mut().zip(&answer.sections) {
            ours.rejected |= theirs.rejected;
        }
    }

    /// The text, with the candidates there are.
    pub fn render(&self, candidates: &[Candidate], complete: bool) -> String {
        let mut session = sdp::Session::new(self.session_id, self.version);
        let accepted = self.sections.iter().filter(|section| !section.rejected).map(|section| section.mid.as_str());
        session.push(sdp::Attribute::Group(sdp::Group::bundle(accepted)));
        let leader = self.leader().map(|(index, _)| index);
        for (index, section) in self.sections.iter().enumerate() {
            let shown = if leader == Some(index) { candidates } else { &[] };
            session.media.push(self.render_section(section, shown, complete && leader == Some(index)));
        }
        session.to_string()
    }

    fn render_section(&self, section: &Section, candidates: &[Candidate], complete: bool) -> sdp::Media {
        use sdp::Attribute;
        let mut media = section.line.to_media().with(Attribute::Mid(section.mid.clone()));
        if section.rejected {
            media.reject();
            return media;
        }
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
        media.push(Attribute::Fingerprint(sdp::Fingerprint {
            algorithm: self.fingerprint.algorithm().into(),
            value: self.fingerprint.value().to_vec(),
        }));
        media.push(Attribute::Setup(match section.setup {
            Setup::ActPass => sdp::Setup::ActPass,
            Setup::Active => sdp::Setup::Active,
            Setup::Passive => sdp::Setup::Passive,
        }));
        media.push(Attribute::SctpPort(5000));
        media.push(Attribute::MaxMessageSize(sdp::MaxMessageSize::new(self.max_message_size)));
        media
    }
}

// --- theirs -------------------------------------------------------------------------------------------------------------

/// A section of a remote description, with what it inherits from above.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RemoteSection {
    pub kind: Kind,
    pub mid: String,
    pub rejected: bool,
    pub setup: Option<Setup>,
    pub credentials: Option<Credentials>,
    pub fingerprints: Vec<Fingerprint>,
    pub candidates: Vec<Candidate>,
    pub end_of_candidates: bool,
    pub max_message_size: Option<u64>,
    line: Line,
}

/// A remote description.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Remote {
    pub ice_lite: bool,
    pub sections: Vec<RemoteSection>,
    /// The mids of each BUNDLE group.
    bundles: Vec<Vec<String>>,
}

impl Remote {
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        let session: sdp::Session = text.parse()?;
        Ok(Self {
            ice_lite: session.ice_lite(),
            sections: session.sections().enumerate().map(|(index, section)| read_section(index, &section)).collect(),
            bundles: session
                .groups()
                .filter(|group| group.semantics == sdp::GroupSemantics::Bundle)
                .map(|group| group.mids.clone())
                .collect(),
        })
    }

    /// `true` when the two sections may share a transport: they are in one group, or are the same section.
    pub fn bundles(&self, leader: &RemoteSection, other: &RemoteSection) -> bool {
        leader.mid == other.mid
            || self.bundles.iter().any(|group| group.contains(&leader.mid) && group.contains(&other.mid))
    }

    /// Checks what this side needs of each section that it could serve.
    pub fn check(&self) -> Result<(), DescriptionError> {
        for (index, section) in self.sections.iter().enumerate() {
            if section.kind == Kind::Data && !section.rejected {
                section.check().map_err(|problem| DescriptionError::Section { index, problem })?;
            }
        }
        Ok(())
    }

    /// Checks an answer against the offer it is for (SDP-2).
    pub fn check_answer(&self, offer: &Model) -> Result<(), DescriptionError> {
        if self.sections.len() != offer.sections.len() {
            return Err(DescriptionError::SectionCount { offer: offer.sections.len(), answer: self.sections.len() });
        }
        for (index, (ours, theirs)) in offer.sections.iter().zip(&self.sections).enumerate() {
            if ours.line.media != theirs.line.media || (ours.rejected && !theirs.rejected) {
                return Err(DescriptionError::Section { index, problem: SectionProblem::Media });
            }
        }
        self.check()
    }

    /// The section that a candidate names; one in a BUNDLE group stands for the section that leads it.
    pub fn section_of(&mut self, candidate: &IceCandidate) -> Option<&mut RemoteSection> {
        let named = match (&candidate.sdp_mid, candidate.sdp_mline_index) {
            (Some(mid), _) => self.sections.iter().position(|section| section.mid == *mid),
            (None, Some(index)) => Some(usize::from(index)).filter(|index| *index < self.sections.len()),
            (None, None) => None,
        }?;
        let leader = self.sections.iter().position(|section| section.kind == Kind::Data && !section.rejected);
        let shared = leader.filter(|leader| {
            matches!((self.sections.get(*leader), self.sections.get(named)), (Some(a), Some(b)) if self.bundles(a, b))
        });
        self.sections.get_mut(shared.unwrap_or(named))
    }
}

impl RemoteSection {
    fn check(&self) -> Result<(), SectionProblem> {
        self.credentials.as_ref().ok_or(SectionProblem::NoCredentials)?.validate()?;
        if self.fingerprints.iter().any(|fingerprint| fingerprint.hash().is_some()) {
            Ok(())
        } else {
            Err(SectionProblem::NoFingerprint)
        }
    }
}

fn read_section(index: usize, section: &sdp::Section<'_>) -> RemoteSection {
    let is_data = section.kind == sdp::MediaKind::Application && section.protocol.is_sctp();
    RemoteSection {
        kind: if is_data { Kind::Data } else { Kind::Other },
        // A peer without mids is named by its places, as a legacy endpoint would be.
        mid: section.mid().map_or_else(|| index.to_string(), str::to_owned),
        rejected: section.is_rejected(),
        setup: section.setup().and_then(read_setup),
        credentials: section.ice_credentials().map(|(ufrag, pwd)| Credentials::new(ufrag, pwd)),
        fingerprints: section.fingerprints().filter_map(read_fingerprint).collect(),
        candidates: section.candidates().filter_map(read_candidate).collect(),
        end_of_candidates: section.end_of_candidates(),
        max_message_size: Some(section.max_message_size().bytes().unwrap_or(0)),
        line: Line::of(section),
    }
}

fn read_fingerprint(fingerprint: &sdp::Fingerprint) -> Option<Fingerprint> {
    Fingerprint::new(fingerprint.algorithm.as_str(), fingerprint.value.clone()).ok()
}

/// A candidate that cannot be read harms no other.
fn read_candidate(text: &str) -> Option<Candidate> {
    text.parse().inspect_err(|error| tracing::debug!(%error, "a candidate was not read")).ok()
}

fn read_setup(setup: sdp::Setup) -> Option<Setup> {
    match setup {
        sdp::Setup::ActPass => Some(Setup::ActPass),
        sdp::Setup::Active => Some(Setup::Active),
        sdp::Setup::Passive => Some(Setup::Passive),
        sdp::Setup::HoldConn => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n\
        a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
        a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
        a=sctp-port:5000\r\n";

    #[test]
    fn reads_what_a_data_section_says() {
        let remote = Remote::parse(OFFER).unwrap();
        assert_eq!(remote.check(), Ok(()));
        let [video, data] = remote.sections.as_slice() else { panic!("two sections") };
        assert_eq!((video.kind, data.kind), (Kind::Other, Kind::Data));
        assert_eq!(data.credentials.as_ref().unwrap().ufrag, "abcd");
        assert_eq!(data.setup, Some(Setup::ActPass));
        assert_eq!(data.max_message_size, Some(65_536));
        assert!(remote.bundles(video, data));
    }

    /// Guards: a section without ICE credentials or a usable fingerprint is refused.
    #[test]
    fn sdp_8_a_section_without_fingerprint_is_refused() {
        let problem = |offer: &str| match Remote::parse(offer).unwrap().check() {
            Err(DescriptionError::Section { index: 1, problem }) => problem,
            other => panic!("{other:?}"),
        };
        let without =
            |name: &str| -> String { OFFER.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect() };
        assert_eq!(problem(&without("a=fingerprint")), SectionProblem::NoFingerprint);
        assert_eq!(problem(&OFFER.replace("sha-256", "md5")), SectionProblem::NoFingerprint);
        assert_eq!(problem(&without("a=ice-ufrag")), SectionProblem::NoCredentials);
        assert!(matches!(problem(&OFFER.replace("abcd", "a")), SectionProblem::Credentials(_)));
    }

    /// A rejected section needs no ICE credentials.
    #[test]
    fn a_rejected_section_needs_nothing() {
        let offer: String = OFFER
            .replace("m=application 9", "m=application 0")
            .split_inclusive("\r\n")
            .filter(|line| !line.starts_with("a=ice-"))
            .collect();
        assert_eq!(Remote::parse(&offer).unwrap().check(), Ok(()));
    }
}
