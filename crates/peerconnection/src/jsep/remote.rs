//! A description of the other side, as this crate uses it.

use super::error::SectionProblem;
use super::extensions::{self, Extension};
use super::formats::{self, Events, Format};
use super::ice_features::IceFeatures;
use super::local::{Line, Local, Setup};
use super::simulcast::Layers;
use super::{DescriptionError, IceCandidate, IceCandidateError};
use ortica_codecs::MediaKind;
use ortica_dtls::Fingerprint;
use ortica_ice::{Candidate, Credentials};
use ortica_rtp::Ssrc;
use ortica_rtp::header_extension::Kind;
use ortica_sdp as sdp;
use ortica_sdp::Direction;
use std::collections::{BTreeMap, BTreeSet};

/// What a section carries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// Port zero: its slot is kept.
    Rejected,
    /// Data channels (RFC 8841).
    Data { port: Option<u16>, max_message_size: Option<u64>, init: Option<Vec<u8>> },
    /// Audio or video over SRTP.
    Media(Box<RemoteMedia>),
    /// What this crate does not serve, and rejects in its place.
    Other,
}

/// What a section of audio or video says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct RemoteMedia {
    pub kind: MediaKind,
    /// Seen from the other side.
    pub direction: Direction,
    /// What it takes, of what is known here, best liked first.
    pub formats: Vec<Format>,
    pub events: Vec<Events>,
    /// All payload types, in the order of the section.
    pub order: Vec<u8>,
    pub extensions: Vec<Extension<Option<Kind>>>,
    pub mixed_extensions: bool,
    pub reduced_size: bool,
    /// It takes packets whose header extensions and contributing sources are encrypted.
    pub encrypts_headers: bool,
    /// The most that it takes, in bits per second.
    pub max_bitrate: Option<u64>,
    pub layers: Layers,
    pub ssrcs: Vec<Ssrc>,
    /// It names its track, or says that it is part of no stream.
    pub is_named: bool,
    pub streams: Vec<String>,
    pub track: Option<String>,
}

/// A section of a remote description, with what it inherits from above.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RemoteSection {
    pub content: Content,
    pub mid: String,
    /// It has an `a=mid`.
    pub named: bool,
    /// To be taken together with the section that leads its group, or not at all (RFC 9143 §6).
    pub bundle_only: bool,
    /// RTCP has no port of its own, or there is no RTP.
    pub rtcp_mux: bool,
    pub setup: Option<Setup>,
    pub credentials: Option<Credentials>,
    pub fingerprints: Vec<Fingerprint>,
    pub tls_id: Option<String>,
    pub candidates: Vec<Candidate>,
    pub end_of_candidates: bool,
    pub line: Line,
}

/// A remote description.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Remote {
    pub ice_lite: bool,
    pub ice: IceFeatures,
    pub sections: Vec<RemoteSection>,
    /// The mids of each BUNDLE group.
    pub bundles: Vec<Vec<String>>,
}

impl Remote {
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        let session: sdp::Session = text.parse()?;
        let mut remote = Self {
            ice_lite: session.ice_lite(),
            ice: IceFeatures::of(&session),
            sections: session.sections().enumerate().map(|(index, section)| read_section(index, &section)).collect(),
            bundles: session
                .groups()
                .filter(|group| group.semantics == sdp::GroupSemantics::Bundle)
                .map(|group| group.mids.clone())
                .collect(),
        };
        remote.inherit();
        Ok(remote)
    }

    /// What concerns the transport is said by the section that leads a group, and holds for those that say nothing.
    fn inherit(&mut self) {
        let leaders = self.offered_leaders();
        for (index, leader) in leaders.into_iter().enumerate() {
            let leader = leader.filter(|leader| *leader != index).and_then(|leader| self.sections.get(leader));
            let Some(reduced_size) = leader.and_then(|leader| Some(leader.as_media()?.reduced_size)) else { continue };
            if let Some(RemoteSection { content: Content::Media(media), credentials: None, .. }) =
                self.sections.get_mut(index)
            {
                media.reduced_size |= reduced_size;
            }
        }
    }

    /// For each section the place of the one whose transport carries it: of those taken, the first of its group that has one, or
    /// itself. `None` for what is not taken, and for what nothing can carry.
    ///
    /// Source: [RFC 9143 §7.3.1](https://www.rfc-editor.org/rfc/rfc9143#section-7.3.1)
    pub fn leaders(&self, takes: impl Fn(usize, &RemoteSection) -> bool) -> Vec<Option<usize>> {
        let all = || self.sections.iter().enumerate();
        let can_lead = |index: usize, section: &RemoteSection| takes(index, section) && !section.bundle_only;
        let place = |mid: &String| all().position(|(index, it)| it.mid == *mid && can_lead(index, it));
        let tags: Vec<Option<usize>> = self.bundles.iter().map(|group| group.iter().find_map(place)).collect();
        let leader = |(index, section): (usize, &RemoteSection)| {
            let leader = match self.bundles.iter().position(|group| group.contains(&section.mid)) {
                Some(group) => tags.get(group).copied().flatten(),
                None => Some(index).filter(|_| !section.bundle_only),
            };
            leader.filter(|_| takes(index, section))
        };
        all().map(leader).collect()
    }

    /// The same for all that this side could serve.
    pub fn offered_leaders(&self) -> Vec<Option<usize>> {
        self.leaders(|_, section| section.is_acceptable())
    }

    /// `true` when the two sections may share a transport: they are in one group, or are the same section.
    pub fn bundles(&self, leader: &RemoteSection, other: &RemoteSection) -> bool {
        leader.mid == other.mid
            || self.bundles.iter().any(|group| group.contains(&leader.mid) && group.contains(&other.mid))
    }

    /// Checks what this side needs. Of bundled sections only the one that leads has to say it (SDP-6).
    pub fn check(&self) -> Result<(), DescriptionError> {
        self.check_mids()?;
        self.check_tracks()?;
        self.check_payload_types()?;
        let leaders = self.offered_leaders();
        for (index, section) in self.sections.iter().enumerate().filter(|(index, _)| leaders.contains(&Some(*index))) {
            section.check().map_err(|problem| DescriptionError::Section { index, problem })?;
        }
        Ok(())
    }

    /// Each section has a name of its own, by which groups, candidates and later descriptions know it; of those that are given up
    /// nobody asks.
    fn check_mids(&self) -> Result<(), DescriptionError> {
        let mut known = BTreeSet::new();
        let mut named = self.sections.iter().enumerate().filter(|(_, section)| !section.is_given_up());
        match named.find(|(_, section)| !known.insert(&section.mid)) {
            Some((index, _)) => Err(DescriptionError::Section { index, problem: SectionProblem::Mid }),
            None => Ok(()),
        }
    }

    /// No track is sent twice.
    fn check_tracks(&self) -> Result<(), DescriptionError> {
        let mut known = BTreeMap::new();
        for (index, section) in self.sections.iter().enumerate() {
            let Some(RemoteMedia { streams, track: Some(track), .. }) = section.as_media() else { continue };
            for stream in streams {
                if *known.entry((stream, track)).or_insert(index) != index {
                    return Err(DescriptionError::Section { index, problem: SectionProblem::Track });
                }
            }
        }
        Ok(())
    }

    /// RTP and RTCP share a port, and the second byte tells them apart (RFC 5761 §4).
    fn check_payload_types(&self) -> Result<(), DescriptionError> {
        let is_taken_for_rtcp = |media: &RemoteMedia| media.order.iter().any(|number| (64..=95).contains(number));
        match self.sections.iter().position(|section| section.as_media().is_some_and(is_taken_for_rtcp)) {
            Some(index) => Err(DescriptionError::Section { index, problem: SectionProblem::PayloadType }),
            None => Ok(()),
        }
    }

    /// Checks an answer against the offer it is for (SDP-2).
    pub fn check_answer(&self, offer: &Local) -> Result<(), DescriptionError> {
        if self.sections.len() != offer.sections.len() {
            return Err(DescriptionError::SectionCount { offer: offer.sections.len(), answer: self.sections.len() });
        }
        for (index, (ours, theirs)) in offer.sections.iter().zip(&self.sections).enumerate() {
            if !ours.fits(theirs) {
                return Err(DescriptionError::Section { index, problem: SectionProblem::Media });
            }
            if let (Some(ours), Some(theirs)) = (ours.as_media(), theirs.as_media())
                && !theirs.direction.answers(ours.direction)
            {
                return Err(DescriptionError::Section { index, problem: SectionProblem::Direction });
            }
        }
        self.check_bundles(offer)?;
        self.check()
    }

    /// The groups of an answer lie within those of the offer, and each transport that was offered leads one of them at most
    /// (RFC 9143 §7.3.2, §7.4).
    fn check_bundles(&self, offer: &Local) -> Result<(), DescriptionError> {
        let leaders = self.offered_leaders();
        let mut taken = BTreeMap::new();
        for ((index, theirs), leader) in self.sections.iter().enumerate().zip(leaders) {
            let fail = |problem| Err(DescriptionError::Section { index, problem });
            let Some(leader) = leader else {
                if theirs.is_acceptable() {
                    return fail(SectionProblem::NotBundled);
                }
                continue;
            };
            let (Some(section), Some(leading)) = (offer.sections.get(index), offer.sections.get(leader)) else {
                continue;
            };
            if leader != index && !offer.bundles(section, leading) {
                return fail(SectionProblem::Group);
            }
            let named = leading.named_transport();
            if named.is_none() || *taken.entry(named).or_insert(leader) != leader {
                return fail(SectionProblem::NotBundled);
            }
        }
        Ok(())
    }

    /// The place of the section that a candidate names, by its mid before its index. The end of candidates may name none:
    /// then a ufrag names it, and without one it is meant for all (webrtc-pc §4.4.2, `addIceCandidate`).
    pub fn place_of(&self, candidate: &IceCandidate) -> Result<Place, IceCandidateError> {
        let find = |wanted: &dyn Fn(&RemoteSection) -> bool| self.sections.iter().position(wanted);
        let place = match (&candidate.sdp_mid, candidate.sdp_mline_index) {
            (Some(mid), _) => find(&|section| section.mid == *mid),
            (None, Some(index)) => Some(usize::from(index)).filter(|index| *index < self.sections.len()),
            (None, None) if !candidate.candidate.is_empty() => return Err(IceCandidateError::NoSection),
            (None, None) => match &candidate.username_fragment {
                None => return Ok(Place::All),
                Some(ufrag) => {
                    let place = find(&|section| section.has_ufrag(ufrag));
                    return place.map(Place::One).ok_or_else(|| IceCandidateError::UnknownUfrag(ufrag.clone()));
                }
            },
        };
        let place = place.ok_or(IceCandidateError::UnknownSection)?;
        match (&candidate.username_fragment, self.sections.get(place)) {
            (Some(ufrag), Some(section)) if section.credentials.is_some() && !section.has_ufrag(ufrag) => {
                Err(IceCandidateError::UnknownUfrag(ufrag.clone()))
            }
            _ => Ok(Place::One(place)),
        }
    }

    /// What is known of the transport that the section at `leader` names: the sections that it leads, but for those that name
    /// another one, which the offer had and the answer left out.
    pub fn of_transport(&self, leaders: &[Option<usize>], leader: usize) -> impl Iterator<Item = &RemoteSection> {
        let named = self.sections.get(leader).and_then(|section| section.credentials.as_ref());
        let led =
            self.sections.iter().zip(leaders).filter(move |(_, it)| **it == Some(leader)).map(|(section, _)| section);
        led.filter(move |section| section.credentials.is_none() || section.credentials.as_ref() == named)
    }
}

/// Where a candidate belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// The end of candidates, in every section.
    All,
    /// The section at that index.
    One(usize),
}

impl Place {
    pub fn holds(self, index: usize) -> bool {
        self == Self::All || self == Self::One(index)
    }
}

/// Adds a line to the end of sections of a description.
pub(super) fn append_line(sdp: &mut String, place: Place, line: &str) {
    let mut out = String::with_capacity(sdp.len() + line.len() + 2);
    let mut section = None;
    let end = |out: &mut String, section: Option<usize>| {
        if section.is_some_and(|section| place.holds(section)) {
            out.push_str(line);
            out.push_str("\r\n");
        }
    };
    for text in sdp.split_inclusive('\n') {
        if text.starts_with("m=") {
            end(&mut out, section);
            section = Some(section.map_or(0, |section| section + 1));
        }
        out.push_str(text);
        if !text.ends_with('\n') {
            out.push_str("\r\n");
        }
    }
    end(&mut out, section);
    *sdp = out;
}

impl RemoteSection {
    /// Something that this side could serve.
    pub fn is_acceptable(&self) -> bool {
        matches!(self.content, Content::Data { .. } | Content::Media(_))
    }

    /// Its slot is kept, and nothing else.
    pub fn is_given_up(&self) -> bool {
        self.content == Content::Rejected
    }

    fn has_ufrag(&self, ufrag: &str) -> bool {
        self.credentials.as_ref().is_some_and(|credentials| credentials.ufrag == *ufrag)
    }

    /// What it says as a section of audio or video.
    pub fn as_media(&self) -> Option<&RemoteMedia> {
        match &self.content {
            Content::Media(media) => Some(media),
            _ => None,
        }
    }

    /// Checks what is said of its transport.
    pub fn check(&self) -> Result<(), SectionProblem> {
        if !self.rtcp_mux {
            return Err(SectionProblem::RtcpMux);
        }
        self.credentials.as_ref().ok_or(SectionProblem::NoCredentials)?.validate()?;
        if self.fingerprints.iter().any(|fingerprint| fingerprint.hash().is_some()) {
            Ok(())
        } else {
            Err(SectionProblem::NoFingerprint)
        }
    }
}

fn read_section(index: usize, section: &sdp::Section<'_>) -> RemoteSection {
    RemoteSection {
        content: read_content(section),
        // A peer without mids is named by its places, as a legacy endpoint would be.
        mid: section.mid().map_or_else(|| index.to_string(), str::to_owned),
        named: section.mid().is_some(),
        bundle_only: section.bundle_only(),
        rtcp_mux: section.allowed_by(sdp::RtcpMuxPolicy::Require),
        setup: section.setup().and_then(read_setup),
        credentials: section.ice_credentials().map(|(ufrag, pwd)| Credentials::new(ufrag, pwd)),
        fingerprints: section.fingerprints().filter_map(read_fingerprint).collect(),
        tls_id: section.tls_id().map(str::to_owned),
        candidates: section.candidates().filter_map(read_candidate).collect(),
        end_of_candidates: section.end_of_candidates(),
        line: Line::of(section),
    }
}

fn read_content(section: &sdp::Section<'_>) -> Content {
    if section.is_rejected() {
        return Content::Rejected;
    }
    match &section.kind {
        sdp::MediaKind::Application if section.protocol.is_sctp() => Content::Data {
            // SCTP knows no port 0 (RFC 9260 §3.1).
            port: section.sctp_port().filter(|port| *port != 0),
            max_message_size: Some(section.max_message_size().bytes().unwrap_or(0)),
            init: section.sctp_init().and_then(read_init),
        },
        sdp::MediaKind::Audio => read_media(MediaKind::Audio, section),
        sdp::MediaKind::Video => read_media(MediaKind::Video, section),
        _ => Content::Other,
    }
}

/// Media in the clear, or in formats that are not known, is not served (SDP-9).
fn read_media(kind: MediaKind, section: &sdp::Section<'_>) -> Content {
    let formats = formats::read(kind, section);
    if !section.protocol.is_secure_rtp() || formats.is_empty() {
        return Content::Other;
    }
    let mut ssrcs: Vec<Ssrc> = section.ssrcs().map(|ssrc| Ssrc(ssrc.ssrc)).collect();
    ssrcs.dedup();
    let extensions = extensions::read(section);
    // Without names in packets nobody could tell layers apart.
    let has_rids = extensions.iter().any(|extension| extension.kind == Some(Kind::Rid));
    Content::Media(Box::new(RemoteMedia {
        kind,
        direction: section.direction(),
        formats,
        events: formats::read_events(section),
        order: read_order(section),
        extensions,
        mixed_extensions: section.extmap_allow_mixed(),
        reduced_size: section.rtcp_rsize(),
        encrypts_headers: section.cryptex(),
        max_bitrate: read_bandwidth(section),
        layers: if has_rids { Layers::read(section) } else { Layers::default() },
        ssrcs,
        is_named: section.msids().next().is_some(),
        streams: section.msids().filter_map(|msid| msid.stream().map(str::to_owned)).collect(),
        track: section.msids().find_map(|msid| msid.track.clone()),
    }))
}

/// Payload types, each once.
fn read_order(section: &sdp::Media) -> Vec<u8> {
    let mut order: Vec<u8> = Vec::new();
    for payload_type in section.payload_types() {
        if !order.contains(&payload_type) {
            order.push(payload_type);
        }
    }
    order
}

/// The bitrate of media alone: what `TIAS` says, else what `AS` does, whose packets count with their headers (RFC 9429 §5.9).
fn read_bandwidth(section: &sdp::Section<'_>) -> Option<u64> {
    let of = |kind: &str| section.bandwidths.iter().find(|bandwidth| bandwidth.kind == kind)?.bits_per_second();
    of("TIAS").or_else(|| Some((of("AS")? / 100).saturating_mul(95).saturating_sub(50 * 40 * 8)))
}

/// What is no sound INIT chunk counts as none (draft-hancke-tsvwg-snap, "Answerer Processing of the SDP Offer").
fn read_init(init: &sdp::SctpInit) -> Option<Vec<u8>> {
    let checked = ortica_sctp::check_init_chunk(&init.chunk);
    checked.inspect_err(|error| tracing::debug!(%error, "an sctp-init was not used")).ok()?;
    Some(init.chunk.clone())
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
        m=text 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n\
        a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
        a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
        a=sctp-port:5000\r\n";

    const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=rtcp-mux\r\n\
        a=rtpmap:111 opus/48000/2\r\na=msid:stream track\r\na=ssrc:7 cname:c\r\n";

    fn audio(section: &str) -> Content {
        let text = format!("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{section}");
        Remote::parse(&text).unwrap().sections[0].content.clone()
    }

    #[test]
    fn reads_what_a_data_section_says() {
        let remote = Remote::parse(OFFER).unwrap();
        assert_eq!(remote.check(), Ok(()));
        let [text, data] = remote.sections.as_slice() else { panic!("two sections") };
        assert_eq!(text.content, Content::Other);
        assert_eq!(data.content, Content::Data { port: Some(5000), max_message_size: Some(65_536), init: None });
        assert_eq!(data.credentials.as_ref().unwrap().ufrag, "abcd");
        assert_eq!(data.setup, Some(Setup::ActPass));
        assert!(remote.bundles(text, data));
    }

    #[test]
    fn reads_what_a_section_of_audio_says() {
        let Content::Media(media) = audio(AUDIO) else { panic!("{AUDIO}") };
        assert_eq!((media.kind, media.direction), (MediaKind::Audio, Direction::SendRecv));
        assert_eq!(media.formats.iter().map(|format| format.payload_type).collect::<Vec<_>>(), [111, 0]);
        assert_eq!((media.streams, media.track), (vec!["stream".to_owned()], Some("track".to_owned())));
        assert_eq!(media.ssrcs, [Ssrc(7)]);
    }

    /// Guards `check_mids`: two sections of one name would be taken for one, with two sorts of credentials.
    #[test]
    fn sections_of_the_same_name_are_refused() {
        let offer = format!("{OFFER}{AUDIO}").replace("BUNDLE 0 1", "BUNDLE 0 1 2");
        let check = |offer: &str| Remote::parse(offer).unwrap().check();
        assert_eq!(check(&offer), Ok(()));
        let twice = offer.replace("a=mid:2", "a=mid:1");
        let refused = DescriptionError::Section { index: 2, problem: SectionProblem::Mid };
        assert_eq!(check(&twice), Err(refused.clone()));
        // A section without a name has its place for one.
        assert_eq!(check(&twice.replace("a=mid:1\r\n", "").replace("a=mid:0", "a=mid:2")), Err(refused));
        assert_eq!(check(&twice.replace("m=audio 9", "m=audio 0")), Ok(()), "one that is given up");
    }

    /// Guards: only SRTP is served.
    #[test]
    fn sdp_9_media_in_the_clear_is_not_served() {
        assert_eq!(audio(&AUDIO.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")), Content::Other);
        assert_eq!(audio(&AUDIO.replace("UDP/TLS/RTP/SAVPF", "RTP/AVPF")), Content::Other);
        assert!(matches!(audio(&AUDIO.replace("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF")), Content::Media(_)));
    }

    /// Guards: a section that names a transport needs `a=rtcp-mux`; one that is bundled with it does not say so.
    #[test]
    fn sdp_10_media_without_rtcp_mux_are_refused() {
        let audio = AUDIO.replace("a=rtcp-mux\r\n", "");
        let offer = format!("{OFFER}{audio}");
        let refused = DescriptionError::Section { index: 2, problem: SectionProblem::RtcpMux };
        assert_eq!(Remote::parse(&offer).unwrap().check(), Err(refused));
        let bundled = Remote::parse(&offer.replace("BUNDLE 0 1", "BUNDLE 0 1 2")).unwrap();
        assert_eq!(bundled.check(), Ok(()));
        assert_eq!(bundled.offered_leaders(), [None, Some(1), Some(1)]);
    }

    /// Guards: a section that was sent alone (`a=bundle-only`) is carried by another one of its group, or by none.
    #[test]
    fn sdp_6_a_bundle_only_section_never_leads() {
        let offer =
            format!("{OFFER}{AUDIO}").replace("m=audio 9", "m=audio 0").replace("a=mid:2", "a=mid:2\r\na=bundle-only");
        let leaders = |group: &str| {
            let remote = Remote::parse(&offer.replace("BUNDLE 0 1", group)).unwrap();
            assert_eq!(remote.check(), Ok(()));
            remote.offered_leaders()
        };
        assert_eq!(leaders("BUNDLE 0 1"), [None, Some(1), None]);
        assert_eq!(leaders("BUNDLE 2 1"), [None, Some(1), Some(1)]);
        assert_eq!(leaders("BUNDLE 0 2"), [None, Some(1), None]);
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

    /// Guards: `addIceCandidate` with an empty candidate and null for mid and index.
    #[test]
    fn the_end_of_candidates_may_name_no_section() {
        let remote = Remote::parse(OFFER).unwrap();
        let find = |candidate: &str, mid: Option<&str>| {
            let (candidate, sdp_mid) = (candidate.to_owned(), mid.map(str::to_owned));
            remote.place_of(&IceCandidate { candidate, sdp_mid, ..IceCandidate::default() })
        };
        assert_eq!(find("", None), Ok(Place::All));
        assert_eq!(find("candidate:1 1 udp 1 10.0.0.1 9 typ host", None), Err(IceCandidateError::NoSection));
        assert_eq!(find("", Some("none")), Err(IceCandidateError::UnknownSection));
        assert_eq!(find("", Some("1")), Ok(Place::One(1)));
    }

    #[test]
    fn lines_are_added_at_the_end_of_a_section() {
        let added = |text: &str, place| {
            let mut text = text.to_owned();
            append_line(&mut text, place, "a=x");
            text
        };
        let text = "v=0\r\nm=1\r\nm=2\r\na=mid:2";
        assert_eq!(added(text, Place::One(0)), "v=0\r\nm=1\r\na=x\r\nm=2\r\na=mid:2\r\n");
        assert_eq!(added(text, Place::One(1)), "v=0\r\nm=1\r\nm=2\r\na=mid:2\r\na=x\r\n");
        assert_eq!(added(text, Place::All), "v=0\r\nm=1\r\na=x\r\nm=2\r\na=mid:2\r\na=x\r\n");
        assert_eq!(added("v=0\r\n", Place::All), "v=0\r\n");
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
