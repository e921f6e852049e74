//! The exchange of descriptions of one connection.
//!
//! | module | what |
//! |---|---|
//! | here | the state, and descriptions of this side |
//! | `apply` | descriptions into commands to the engine |
//! | `media` | transceivers and their sections |
//! | `early` | media that overtakes the answer |
//! | `extensions` | header extensions, and that their ids keep their meaning |
//! | `header_encryption` | encrypted header extensions |
//! | `parameters` | parameters of senders and receivers |
//! | `tracks` | what is sent over transceivers |
//! | `transports` | which transports there are, and which sections they carry |
//! | `candidates` | candidates of both sides |
//! | `objects` | what descriptions say of transports, to be looked at |
//! | `configured` | what the configuration asks for |
//! | `rollback` | what an exchange changed, taken back |

mod apply;
mod candidates;
mod configured;
mod early;
mod extensions;
mod header_encryption;
mod media;
mod objects;
mod parameters;
mod rollback;
mod tracks;
mod transforms;
mod transports;

pub use media::TransceiverError;
pub(crate) use tracks::TrackChange;

use super::ice_features::IceFeatures;
use super::local::{Body, Gathered, Local, LocalSctp, Section, Setup};
use super::numbers::Numbers;
use super::remote::{Content, Remote, RemoteSection};
use super::transceiver::Transceiver;
use super::{BundlePolicy, DescriptionError, RtpHeaderEncryptionPolicy, SdpType, SessionDescription, SignalingState};
use crate::engine::{Session, TransportId};
use ortica_codecs::Codec;
use ortica_core::crypto::HashAlgorithm;
use ortica_core::{Instant, Rng};
use ortica_dtls::{Certificate, Fingerprint, Role};
use ortica_ice::{Credentials, GatheringState};
use rollback::Before;
use std::sync::Arc;
use transports::Transports;

/// A local description as it was made. Its text is written whenever somebody wants to read it.
#[derive(Clone, Debug)]
struct MadeLocal {
    kind: SdpType,
    model: Arc<Local>,
}

/// A local description that was made and is not set yet, with its text at that time.
#[derive(Debug)]
struct Draft {
    made: MadeLocal,
    text: String,
}

impl Draft {
    fn description(&self) -> SessionDescription {
        SessionDescription { kind: self.made.kind, sdp: self.text.clone() }
    }
}

/// A remote description as it was read.
#[derive(Clone, Debug)]
struct Theirs {
    description: SessionDescription,
    parsed: Remote,
    /// Candidates that were added to the text.
    added: usize,
}

impl Theirs {
    fn read(description: SessionDescription) -> Result<Self, DescriptionError> {
        let parsed = Remote::parse(&description.sdp)?;
        Ok(Self { description, parsed, added: 0 })
    }
}

/// The exchange of descriptions of one connection.
#[derive(Debug)]
pub(crate) struct Negotiation {
    /// Of each certificate that may be shown.
    fingerprints: Vec<Fingerprint>,
    sctp: LocalSctp,
    /// ICE of this side answers checks and makes none.
    ice_lite: bool,
    /// What it can do.
    ice: IceFeatures,
    session_id: u64,
    /// Version of the last description that was made (SDP-3).
    version: u64,
    state: SignalingState,
    policy: BundlePolicy,
    header_encryption: RtpHeaderEncryptionPolicy,
    transports: Transports,
    /// Who decides on pairs, on transports that are still to come too; said by the first exchange.
    ice_role: Option<ortica_ice::Role>,
    /// The application made a data channel.
    wants_data: bool,
    /// The configuration asks for a section for data channels.
    always_data: bool,
    /// To negotiate where a transceiver names none.
    codecs: Vec<Codec>,
    transceivers: Vec<Transceiver>,
    next_transceiver: u32,
    numbers: Numbers,
    /// To be told.
    track_changes: Vec<TrackChange>,
    /// What `create_offer` and `create_answer` made last: what a set may name.
    last_offer: Option<Draft>,
    last_answer: Option<Draft>,
    /// The last description that was made, of either type.
    last: Option<Arc<Local>>,
    current_local: Option<MadeLocal>,
    pending_local: Option<MadeLocal>,
    current_remote: Option<Theirs>,
    pending_remote: Option<Theirs>,
    /// What a rollback restores, while an exchange is under way.
    before: Option<Before>,
    /// The transports on which the application asked for an ICE restart that has not come yet
    /// (webrtc-pc §4.4.1.1, `[[LocalIceCredentialsToReplace]]`).
    to_restart: Vec<TransportId>,
    /// The configuration allows other candidates than those that were gathered.
    renews_candidates: bool,
    rng: Rng,
}

impl Negotiation {
    pub fn new(certificates: &[Arc<Certificate>], sctp: LocalSctp, ice: &ortica_ice::Config, mut rng: Rng) -> Self {
        let fingerprint = |certificate: &Arc<Certificate>| certificate.fingerprint(HashAlgorithm::Sha256);
        Self {
            fingerprints: certificates.iter().map(fingerprint).collect(),
            sctp,
            ice_lite: ice.is_lite(),
            ice: IceFeatures { trickle: true, ice2: true, renomination: ice.renominates() },
            // 62 bits, so that it fits a signed number wherever it is read (RFC 9429 §5.2.1).
            session_id: rng.u64() >> 2,
            version: 0,
            state: SignalingState::Stable,
            policy: BundlePolicy::default(),
            header_encryption: RtpHeaderEncryptionPolicy::default(),
            transports: Transports::default(),
            ice_role: None,
            wants_data: false,
            always_data: false,
            codecs: Codec::available().collect(),
            transceivers: Vec::new(),
            next_transceiver: 0,
            numbers: Numbers::default(),
            track_changes: Vec::new(),
            last_offer: None,
            last_answer: None,
            last: None,
            current_local: None,
            pending_local: None,
            current_remote: None,
            pending_remote: None,
            before: None,
            to_restart: Vec::new(),
            renews_candidates: false,
            rng,
        }
    }

    pub fn state(&self) -> SignalingState {
        self.state
    }

    /// Gives back the room that is not used.
    pub fn rest(&mut self) {
        self.rng.rest();
        self.track_changes.shrink_to_fit();
        self.to_restart.shrink_to_fit();
        self.transports.rest();
    }

    /// Says what to do for peers that cannot bundle, from the next description on.
    pub fn set_bundle_policy(&mut self, policy: BundlePolicy) {
        self.policy = policy;
    }

    pub fn bundle_policy(&self) -> BundlePolicy {
        self.policy
    }

    pub fn want_data(&mut self) {
        self.wants_data = true;
    }

    /// `true` when what the application made is not in what was agreed (webrtc-pc §4.7.3).
    pub fn is_needed(&self) -> bool {
        let agreed = self.current_local.as_ref().map(|local| &*local.model);
        agreed.is_some_and(|agreed| agreed.transports().iter().any(|id| self.to_restart.contains(id)))
            || (self.wants_data || self.always_data) && !agreed.is_some_and(Local::has_data)
            || self.transceivers.iter().any(|transceiver| self.is_outdated(transceiver, agreed))
    }

    /// The next offer announces fresh ICE credentials (webrtc-pc §4.4.2, `restartIce`). Before the first offer there are
    /// none to replace.
    pub fn want_restart(&mut self) {
        self.to_restart = self.agreed().map_or_else(Vec::new, |local| local.model.transports());
    }

    /// What fits the state: an answer where an offer waits for one.
    pub fn implicit_type(&self) -> SdpType {
        if self.state.takes_answer() { SdpType::Answer } else { SdpType::Offer }
    }

    pub fn current_remote(&self) -> Option<&SessionDescription> {
        self.current_remote.as_ref().map(|theirs| &theirs.description)
    }

    pub fn pending_remote(&self) -> Option<&SessionDescription> {
        self.pending_remote.as_ref().map(|theirs| &theirs.description)
    }

    /// The description of this side that was agreed on, with the candidates there are now.
    pub fn current_local(&self, session: &Session) -> Option<SessionDescription> {
        self.current_local.as_ref().map(|local| self.show(local, session))
    }

    /// The description of this side that waits for an answer, or answers for the time being.
    pub fn pending_local(&self, session: &Session) -> Option<SessionDescription> {
        self.pending_local.as_ref().map(|local| self.show(local, session))
    }

    fn show(&self, local: &MadeLocal, session: &Session) -> SessionDescription {
        SessionDescription { kind: local.kind, sdp: self.render(&local.model, session) }
    }

    // --- making -----------------------------------------------------------------------------------------------------

    pub fn create_offer(
        &mut self,
        now: Instant,
        session: &mut Session,
    ) -> Result<SessionDescription, DescriptionError> {
        if !self.state.takes_offer() {
            return Err(DescriptionError::InvalidState { call: "create an offer", state: self.state });
        }
        let mut sections: Vec<Section> = self.agreed().map_or_else(Vec::new, |local| local.model.sections.clone());
        sections.iter_mut().for_each(|section| section.setup = Setup::ActPass);
        let adds_data = (self.wants_data || self.always_data) && !sections.iter().any(Section::is_data);
        let begins_with_data = adds_data && self.always_data && sections.is_empty();
        let data = |sections: &[Section]| Section::data(free_mid(sections), Setup::ActPass, None);
        if begins_with_data {
            sections.push(data(&sections));
        }
        self.offer_media(session.cname(), &mut sections);
        if adds_data && !begins_with_data {
            sections.push(data(&sections));
        }
        let groups = self.place_offer(now, session, &mut sections)?;
        if let Some(Section { transport: Some(transport), body: Body::Data { init }, .. }) =
            sections.iter_mut().find(|section| section.is_data()).filter(|_| adds_data)
        {
            *init = session.sctp_init(*transport);
        }
        if !self.to_restart.is_empty() || self.renews_candidates {
            self.offer_restarts();
        }
        let credentials = self.credentials(session, &sections, |known| known.fresh_offer.as_ref());
        let made = self.finish(SdpType::Offer, sections, groups, credentials, session);
        let made = self.last_offer.insert(made).description();
        self.drop_transports(session);
        Ok(made)
    }

    pub fn create_answer(
        &mut self,
        now: Instant,
        session: &mut Session,
    ) -> Result<SessionDescription, DescriptionError> {
        let Some(offer) = self.pending_remote.clone().filter(|_| self.state.takes_answer()) else {
            return Err(DescriptionError::InvalidState { call: "create an answer", state: self.state });
        };
        let offer = &offer.parsed;
        let bodies: Vec<Body> =
            (0..offer.sections.len()).map(|index| self.answer_body(session, offer, index)).collect();
        let leaders = answer_leaders(offer, &bodies);
        let placed = self.place_answer(now, session, offer, &leaders)?;
        self.answer_restarts(session, offer, &placed);
        let answered = bodies.into_iter().zip(&leaders).zip(&offer.sections);
        let sections: Vec<Section> = answered
            .map(|((body, leader), section)| match leader.and_then(|leader| Some((leader, *placed.get(&leader)?))) {
                Some((leader, transport)) => self.accept(session, offer, section, body, leader, transport),
                None => Section::rejected(section),
            })
            .collect();
        let groups = answer_groups(offer, &leaders);
        let credentials = self.credentials(session, &sections, |known| known.fresh_answer.as_ref());
        let made = self.finish(SdpType::Answer, sections, groups, credentials, session);
        let made = self.last_answer.insert(made).description();
        self.drop_transports(session);
        Ok(made)
    }

    /// What to answer to a section, transports apart.
    fn answer_body(&mut self, session: &Session, offer: &Remote, index: usize) -> Body {
        let Some(section) = offer.sections.get(index).filter(|_| self.policy.takes(offer, index)) else {
            return Body::Rejected;
        };
        match &section.content {
            Content::Data { .. } => Body::Data { init: None },
            Content::Media(media) => {
                let answer = self.answer_media(session.cname(), &section.mid, media);
                answer.map_or(Body::Rejected, |media| Body::Media(Box::new(media)))
            }
            Content::Rejected | Content::Other => Body::Rejected,
        }
    }

    /// Answers a section that `transport` carries, whose parameters the section at `leader` names.
    fn accept(
        &self,
        session: &Session,
        offer: &Remote,
        section: &RemoteSection,
        mut body: Body,
        leader: usize,
        transport: TransportId,
    ) -> Section {
        if let (Body::Data { init: ours }, Content::Data { init, .. }) = (&mut body, &section.content) {
            let shared = shared_init(session, transport, init).map(|[ours, _]| ours);
            *ours = shared.or_else(|| self.announced_init(&section.mid));
        }
        let setup = offer.sections.get(leader).map_or(Setup::Active, |leader| self.answer_setup(transport, leader));
        let mut accepted = Section::accepted(section, setup, body);
        accepted.transport = Some(transport);
        accepted
    }

    /// Makes the text, with a version that rises only when something changed (SDP-3).
    fn finish(
        &mut self,
        kind: SdpType,
        sections: Vec<Section>,
        groups: Vec<Vec<String>>,
        credentials: Vec<(TransportId, Credentials)>,
        session: &Session,
    ) -> Draft {
        // An answer says what both can do (RFC 9429 §5.3.1).
        let offered = self.pending_remote.as_ref().filter(|_| kind != SdpType::Offer).map(|offer| offer.parsed.ice);
        let ice = offered.map_or(self.ice, |offered| self.ice.shared_with(offered));
        let mut model = Local {
            session_id: self.session_id,
            version: self.version,
            sections,
            groups,
            ice_lite: self.ice_lite,
            ice,
            sctp: self.sctp,
            fingerprints: self.fingerprints.clone(),
            credentials,
        };
        if self.last.as_ref().is_some_and(|last| !last.same_content(&model)) {
            self.version += 1;
            model.version = self.version;
        }
        let model = Arc::new(model);
        self.last = Some(model.clone());
        let text = self.render(&model, session);
        Draft { made: MadeLocal { kind, model }, text }
    }

    fn render(&self, model: &Local, session: &Session) -> String {
        model.render(|id| {
            // A description that announces a restart has no candidates yet: the agent's are of the generation before.
            let current = |agent: &&ortica_ice::Agent| model.credentials_of(id) == Some(agent.local_credentials());
            let Some(agent) = session.ice(id).filter(current) else { return Gathered::default() };
            let complete = agent.gathering_state() == GatheringState::Complete;
            Gathered { candidates: agent.local_candidates(), complete }
        })
    }

    fn agreed(&self) -> Option<&MadeLocal> {
        self.pending_local.as_ref().or(self.current_local.as_ref())
    }

    /// The INIT chunk that this side announced before. It is repeated, whoever offers: Chromium 148 takes one that is not there
    /// any more for a change, and refuses the description.
    fn announced_init(&self, mid: &str) -> Option<Vec<u8>> {
        let agreed = self.current_local.as_ref()?;
        match &agreed.model.sections.iter().find(|section| section.mid == mid)?.body {
            Body::Data { init } => init.clone(),
            _ => None,
        }
    }

    /// The role of an answer: the established one, else the one the offer leaves, active where there is a choice
    /// (RFC 9429 §5.3.1).
    fn answer_setup(&self, transport: TransportId, offered: &RemoteSection) -> Setup {
        match (self.established_role(transport, offered), offered.setup) {
            (Some(Role::Client), _) | (None, Some(Setup::Passive)) => Setup::Active,
            (Some(Role::Server), _) | (None, Some(Setup::Active)) => Setup::Passive,
            (None, Some(Setup::ActPass) | None) => Setup::Active,
        }
    }
}

/// For each section of an offer the place of the one whose transport carries it, as far as it is answered.
fn answer_leaders(offer: &Remote, bodies: &[Body]) -> Vec<Option<usize>> {
    let mut leaders = offer.leaders(|index, _| bodies.get(index).is_some_and(|body| *body != Body::Rejected));
    // Where the one that led is rejected, the next may name no transport.
    for leader in &mut leaders {
        leader.take_if(|leader| offer.sections.get(*leader).is_none_or(|section| section.check().is_err()));
    }
    leaders
}

/// The groups of an answer: those offered without what is rejected, led by the sections that lead them.
fn answer_groups(offer: &Remote, leaders: &[Option<usize>]) -> Vec<Vec<String>> {
    let taken = |mid: &&String| {
        offer.sections.iter().zip(leaders).any(|(section, leader)| leader.is_some() && section.mid == **mid)
    };
    let leads = |mid: &String| {
        let index = offer.sections.iter().position(|section| section.mid == *mid);
        index.is_some_and(|index| leaders.get(index) == Some(&Some(index)))
    };
    let groups = offer.bundles.iter().map(|group| {
        let mut mids: Vec<String> = group.iter().filter(taken).cloned().collect();
        mids.sort_by_key(|mid| !leads(mid));
        mids
    });
    groups.filter(|group| !group.is_empty()).collect()
}

/// The INIT chunks of both sides, ours and theirs, if SCTP can start from them. A peer that answers with what it was offered
/// does not know what that is (libdatachannel 0.24 does so).
fn shared_init(session: &Session, transport: TransportId, theirs: &Option<Vec<u8>>) -> Option<[Vec<u8>; 2]> {
    let ours = session.sctp_init(transport)?;
    let theirs = theirs.clone().filter(|theirs| *theirs != ours)?;
    Some([ours, theirs])
}

/// The smallest number that is no mid yet, of those from the number of sections on: most of the smaller ones are taken, and
/// one that a section had before it was used again would be mistaken for that.
fn free_mid(sections: &[Section]) -> String {
    let taken = |mid: &String| sections.iter().any(|section| section.mid == *mid);
    let count = sections.len();
    (count..=2 * count).map(|number| number.to_string()).find(|mid| !taken(mid)).unwrap_or_default()
}
