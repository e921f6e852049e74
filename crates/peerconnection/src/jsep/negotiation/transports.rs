//! Which transports there are, and which sections they carry.
//!
//! A transport is made when a description names it, gathers once that is set, and goes when an answer leaves it without a section.

use super::{MadeLocal, Negotiation};
use crate::engine::{Session, TransportError, TransportId};
use crate::jsep::SdpType;
use crate::jsep::local::{Local, Section};
use crate::jsep::remote::Remote;
use ortica_core::Instant;
use ortica_dtls::{Fingerprint, Role};
use ortica_ice::Credentials;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the negotiation knows of its transports.
#[derive(Debug, Default)]
pub(super) struct Transports {
    all: Vec<Known>,
    /// What carries each section, by the last answer, one for the time being included.
    in_force: Vec<Option<TransportId>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Known {
    pub id: TransportId,
    /// The section that it was made for. While nothing is agreed, that section gets it again.
    mid: String,
    /// A description with it was set, so that it gathers.
    pub gathers: bool,
    /// The DTLS role, once agreed; it stays for the life of the association (SDP-7).
    pub role: Option<Role>,
    /// Of the peer's certificate, as agreed.
    pub fingerprints: Vec<Fingerprint>,
    /// What the peer calls the DTLS association, if it does (RFC 8842 §4).
    pub tls_id: Option<String>,
    /// The local credentials of the restart that the next offer or answer announces; in force once that is set.
    pub fresh_offer: Option<Credentials>,
    pub fresh_answer: Option<Credentials>,
}

impl Transports {
    pub fn get(&self, id: TransportId) -> Option<&Known> {
        self.all.iter().find(|known| known.id == id)
    }

    pub fn get_mut(&mut self, id: TransportId) -> Option<&mut Known> {
        self.all.iter_mut().find(|known| known.id == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Known> {
        self.all.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.all.iter_mut()
    }

    /// Those that gather.
    pub fn in_use(&self) -> impl Iterator<Item = TransportId> + '_ {
        self.all.iter().filter(|known| known.gathers).map(|known| known.id)
    }

    /// What carries the section at that place, as agreed.
    pub fn in_force(&self, index: usize) -> Option<TransportId> {
        self.in_force.get(index).copied().flatten()
    }

    /// All that carry sections, each once.
    pub fn all_in_force(&self) -> Vec<TransportId> {
        let carries = |known: &&Known| self.in_force.contains(&Some(known.id));
        self.all.iter().filter(carries).map(|known| known.id).collect()
    }

    /// An answer says what carries what.
    pub fn set_in_force(&mut self, sections: &[Section]) {
        self.in_force = sections.iter().map(Section::named_transport).collect();
    }

    /// A transport of its own for a section: the one that it had when a description was made before, or a new one.
    fn reserve(&mut self, now: Instant, session: &mut Session, mid: &str) -> Result<TransportId, TransportError> {
        let free = |known: &&Known| known.mid == mid && !self.in_force.contains(&Some(known.id));
        if let Some(known) = self.all.iter().find(free) {
            return Ok(known.id);
        }
        let id = session.add_transport(now)?;
        self.all.push(Known {
            id,
            mid: mid.to_owned(),
            gathers: false,
            role: None,
            fingerprints: Vec::new(),
            tls_id: None,
            fresh_offer: None,
            fresh_answer: None,
        });
        Ok(id)
    }
}

impl Negotiation {
    /// The transports that were set in a description, to be looked at.
    pub fn transports_in_use(&self) -> impl Iterator<Item = TransportId> + '_ {
        self.transports.in_use()
    }

    /// What carries the section of that name, by the description of this side that was set last; `None` before that.
    pub fn transport_of(&self, mid: &str) -> Option<TransportId> {
        self.agreed()?.model.sections.iter().find(|section| section.mid == mid)?.transport
    }

    /// What carries data channels, by the description of this side that was set last.
    pub fn data_transport(&self) -> Option<TransportId> {
        self.agreed()?.model.sections.iter().find(|section| section.is_data())?.transport
    }

    /// Says which transports the sections of an offer name, and which are bundled; gives the groups. What was agreed stays, and
    /// what is new joins the group there is. Without one it makes a group of its own, as the policy has it.
    ///
    /// Source: [RFC 9429 §5.2.1](https://www.rfc-editor.org/rfc/rfc9429#section-5.2.1),
    /// [§5.2.2](https://www.rfc-editor.org/rfc/rfc9429#section-5.2.2)
    pub(super) fn place_offer(
        &mut self,
        now: Instant,
        session: &mut Session,
        sections: &mut [Section],
    ) -> Result<Vec<Vec<String>>, TransportError> {
        for (index, section) in sections.iter_mut().enumerate() {
            section.transport = self.agreed_transport(index, section);
            (section.bundle_only, section.rtcp_mux_only) = (false, section.transport.is_none());
        }
        let mut groups = self.agreed_groups(sections);
        let shared = groups.first().and_then(|group| transport_of(sections, group.first()?));
        let is_new = |section: &&mut Section| section.transport.is_none() && !section.is_rejected();
        let mut kinds = Vec::new();
        let (mut first, mut added) = (shared, Vec::new());
        for section in sections.iter_mut().filter(is_new) {
            let leads = shared.is_none() && self.policy.leads(&kinds.iter().collect::<Vec<_>>(), section.kind());
            if leads {
                section.transport = Some(self.transports.reserve(now, session, &section.mid)?);
                first = first.or(section.transport);
            } else {
                section.transport = first;
                section.bundle_only = shared.is_none();
            }
            kinds.push(section.kind().clone());
            added.push(section.mid.clone());
        }
        match groups.first_mut() {
            Some(group) => group.extend(added),
            None if added.is_empty() => {}
            None => groups.push(added),
        }
        Ok(groups)
    }

    /// What carries a section of an offer already.
    fn agreed_transport(&self, index: usize, section: &Section) -> Option<TransportId> {
        let agreed = self.current_local.as_ref()?.model.sections.get(index)?;
        let same = agreed.mid == section.mid && !agreed.is_rejected() && !section.is_rejected();
        agreed.transport.filter(|_| same)
    }

    /// The groups that were agreed on, as far as their sections are still there.
    fn agreed_groups(&self, sections: &[Section]) -> Vec<Vec<String>> {
        let agreed = self.current_local.as_ref().map_or(&[][..], |local| &local.model.groups);
        let lives = |mid: &&String| transport_of(sections, mid).is_some();
        let living = agreed.iter().map(|group| group.iter().filter(lives).cloned().collect::<Vec<_>>());
        living.filter(|group| !group.is_empty()).collect()
    }

    /// Finds the transport for each section of an offer that leads others in the answer, by its place: the one that it
    /// has, or that those with it have; else a new one.
    pub(super) fn place_answer(
        &mut self,
        now: Instant,
        session: &mut Session,
        offer: &Remote,
        leaders: &[Option<usize>],
    ) -> Result<BTreeMap<usize, TransportId>, TransportError> {
        let mut placed = BTreeMap::new();
        for by_credentials in [true, false] {
            for leader in distinct(leaders) {
                let carries = |id: &TransportId| {
                    let known = session.ice(*id).and_then(|agent| agent.remote_credentials());
                    let theirs = offer.sections.get(leader).and_then(|section| section.credentials.as_ref());
                    !by_credentials || known == theirs
                };
                let of_group = (0..leaders.len()).filter(|index| leaders.get(*index) == Some(&Some(leader)));
                let mut of_group = of_group.filter_map(|index| self.offered_transport(index, offer));
                let found = of_group.find(|id| carries(id) && !placed.values().any(|taken| taken == id));
                if let Some(id) = found.filter(|_| !placed.contains_key(&leader)) {
                    placed.insert(leader, id);
                }
            }
        }
        for leader in distinct(leaders) {
            let Some(section) = offer.sections.get(leader).filter(|_| !placed.contains_key(&leader)) else { continue };
            placed.insert(leader, self.transports.reserve(now, session, &section.mid)?);
        }
        Ok(placed)
    }

    /// What carries a section of the other side's offer already, by an answer for the time being too.
    pub(super) fn offered_transport(&self, index: usize, offer: &Remote) -> Option<TransportId> {
        let answered = self.pending_local.as_ref().filter(|local| local.kind == SdpType::Pranswer);
        let agreed = answered.or(self.current_local.as_ref())?.model.sections.get(index)?;
        self.transports.in_force(index).filter(|_| offer.sections.get(index).is_some_and(|it| it.mid == agreed.mid))
    }

    /// The other side changed its ICE credentials, which asks for a restart (RFC 8839 §4.4.1.1.1): this side has new ones too.
    pub(super) fn answer_restarts(&mut self, session: &Session, offer: &Remote, placed: &BTreeMap<usize, TransportId>) {
        for (leader, id) in placed {
            let known = session.ice(*id).and_then(|agent| agent.remote_credentials());
            let offered = offer.sections.get(*leader).and_then(|section| section.credentials.as_ref());
            if let (Some(known), Some(offered)) = (known, offered)
                && known != offered
            {
                let rng = &mut self.rng;
                if let Some(known) = self.transports.get_mut(*id) {
                    known.fresh_answer.get_or_insert_with(|| Credentials::generate(rng));
                }
            }
        }
    }

    /// New ICE credentials, for a restart that no description announces.
    pub fn draw_credentials(&mut self) -> Credentials {
        Credentials::generate(&mut self.rng)
    }

    /// The next offer has new ICE credentials for all that was agreed on.
    pub(super) fn offer_restarts(&mut self) {
        let Self { transports, rng, .. } = self;
        for id in transports.all_in_force() {
            if let Some(known) = transports.get_mut(id) {
                known.fresh_offer.get_or_insert_with(|| Credentials::generate(rng));
            }
        }
    }

    /// The credentials that a description names: the fresh ones where there are some, else those in force.
    pub(super) fn credentials(
        &self,
        session: &Session,
        sections: &[Section],
        fresh: impl Fn(&Known) -> Option<&Credentials>,
    ) -> Vec<(TransportId, Credentials)> {
        let named: Vec<TransportId> = sections.iter().filter_map(Section::named_transport).collect();
        let of = |known: &Known| {
            let credentials = fresh(known).cloned();
            credentials.or_else(|| Some(session.ice(known.id)?.local_credentials().clone()))
        };
        let named = self.transports.iter().filter(|known| named.contains(&known.id));
        named.filter_map(|known| Some((known.id, of(known)?))).collect()
    }

    /// Those of a description that was set gather from now on; gives the ones that did not yet.
    pub(super) fn start_gathering(&mut self, model: &Local) -> Vec<TransportId> {
        let named = model.transports();
        let silent = self.transports.iter_mut().filter(|known| named.contains(&known.id) && !known.gathers);
        let started = silent.map(|known| {
            known.gathers = true;
            known.id
        });
        started.collect()
    }

    /// Drops what no description names any more: neither those that were agreed on nor one that may still be set.
    pub(super) fn drop_transports(&mut self, session: &mut Session) {
        let Self { current_local, pending_local, last_offer, last_answer, transports, .. } = self;
        let drafts = [&*last_offer, last_answer].into_iter().flatten().map(|draft| &draft.made);
        let named = [&*current_local, pending_local].into_iter().flatten().chain(drafts);
        let named: Vec<TransportId> = named.flat_map(|made| made.model.transports()).collect();
        let Transports { all, in_force } = transports;
        all.retain(|known| {
            let stays = named.contains(&known.id) || in_force.contains(&Some(known.id));
            if !stays {
                session.remove_transport(known.id);
            }
            stays
        });
    }
}

fn transport_of(sections: &[Section], mid: &str) -> Option<TransportId> {
    sections.iter().find(|section| section.mid == *mid)?.named_transport()
}

/// The places of the sections that lead, each once.
pub(super) fn distinct(leaders: &[Option<usize>]) -> impl Iterator<Item = usize> + '_ {
    let leads = |(index, leader): (usize, &Option<usize>)| Some(index).filter(|index| *leader == Some(*index));
    leaders.iter().enumerate().filter_map(leads)
}

impl Transports {
    /// Gives back the room that is not used.
    pub(super) fn rest(&mut self) {
        self.all.shrink_to_fit();
        self.in_force.shrink_to_fit();
    }
}

impl MadeLocal {
    /// The same once it was answered.
    pub(super) fn answered(&self, answer: &Remote, leaders: &[Option<usize>]) -> Self {
        let agreed = self.model.answered(answer, leaders);
        // Most often it is what was offered, and kept once.
        let model = if agreed == *self.model { self.model.clone() } else { Arc::new(agreed) };
        Self { kind: self.kind, model }
    }
}
