//! What an answer owes its offer, as far as the two texts tell.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{GroupSemantics, Media, RtcpMuxPolicy, Session, Setup};

/// Why a description is no answer to an offer. Sections are counted from 0.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum AnswerError {
    /// Each section of the offer has to be answered, and no other.
    #[error("the offer has {offered} media sections, the answer {answered}")]
    SectionCount {
        /// How many the offer has.
        offered: usize,
        /// How many the answer has.
        answered: usize,
    },
    /// The section answers with another kind of media.
    #[error("section {0} has another kind of media than was offered")]
    Kind(usize),
    /// The section answers with another name.
    #[error("section {0} has another mid than was offered")]
    Mid(usize),
    /// The section was offered as rejected, and the answer takes it.
    #[error("section {0} was rejected in the offer, but is not in the answer")]
    Revived(usize),
    /// The section does not choose who opens the DTLS association.
    #[error("section {0} answers without choosing a DTLS role")]
    Setup(usize),
    /// The section is in a bundle that was not offered for it.
    #[error("section {0} is bundled in a way that was not offered")]
    Bundle(usize),
}

/// # Offer and answer
impl Session {
    /// Checks that this description can answer `offer`: the same sections in the same order and of the same kind and
    /// name, nothing rejected that comes back, a DTLS role chosen, bundles within those that were offered.
    ///
    /// What the sections agree on is not looked at.
    ///
    /// # Errors
    /// The first thing that is wrong.
    ///
    /// Source: [RFC 3264 §6](https://www.rfc-editor.org/rfc/rfc3264#section-6),
    /// [RFC 9143 §7.3](https://www.rfc-editor.org/rfc/rfc9143#section-7.3)
    pub fn check_answer(&self, offer: &Self) -> Result<(), AnswerError> {
        if self.media.len() != offer.media.len() {
            return Err(AnswerError::SectionCount { offered: offer.media.len(), answered: self.media.len() });
        }
        for (answered, offered) in self.sections().zip(&offer.media) {
            let index = answered.index();
            if answered.kind != offered.kind {
                return Err(AnswerError::Kind(index));
            }
            // Peers from before BUNDLE (FreeSWITCH, say) name no sections.
            if answered.mid().zip(offered.mid()).is_some_and(|(answered, offered)| answered != offered) {
                return Err(AnswerError::Mid(index));
            }
            if answered.is_rejected() {
                continue;
            }
            if offered.is_rejected() {
                return Err(AnswerError::Revived(index));
            }
            if matches!(answered.setup(), Some(Setup::ActPass | Setup::HoldConn)) {
                return Err(AnswerError::Setup(index));
            }
        }
        self.check_bundles(offer)
    }

    fn check_bundles(&self, offer: &Self) -> Result<(), AnswerError> {
        let offered = offer.bundle_numbers();
        let answered = self.bundle_numbers();
        // Which bundle of the offer each bundle of the answer is part of.
        let mut parents = BTreeMap::new();
        for (index, media) in self.media.iter().enumerate() {
            let Some((mid, number)) = media.mid().and_then(|mid| Some((mid, answered.get(mid)?))) else { continue };
            match offered.get(mid) {
                Some(offered) if parents.entry(number).or_insert(offered) == &offered => {}
                _ => return Err(AnswerError::Bundle(index)),
            }
        }
        Ok(())
    }

    /// Which bundle each section is in.
    fn bundle_numbers(&self) -> BTreeMap<&str, usize> {
        let bundles = self.groups().filter(|group| group.semantics == GroupSemantics::Bundle);
        bundles
            .enumerate()
            .flat_map(|(number, group)| group.mids.iter().map(move |mid| (mid.as_str(), number)))
            .collect()
    }
}

/// # Offer and answer
impl Media {
    /// Whether the section may run as far as RTCP goes: only with `a=rtcp-mux` when the policy, or the section's own
    /// `a=rtcp-mux-only`, requires it. One without RTP may always, and of a rejected one nothing is asked.
    ///
    /// Source: [RFC 8829 §4.1.1](https://www.rfc-editor.org/rfc/rfc8829#section-4.1.1),
    /// [RFC 8858 §4](https://www.rfc-editor.org/rfc/rfc8858#section-4)
    pub fn allowed_by(&self, policy: RtcpMuxPolicy) -> bool {
        let required = policy == RtcpMuxPolicy::Require || self.rtcp_mux_only();
        self.rtcp_mux() || !required || !self.protocol.is_rtp() || self.is_rejected()
    }

    /// Whether both ends said that RTCP need not be compound. One of them saying so is not enough.
    ///
    /// Source: [RFC 5506 §5.1](https://www.rfc-editor.org/rfc/rfc5506#section-5.1)
    pub fn agrees_on_reduced_size(&self, other: &Self) -> bool {
        self.rtcp_rsize() && other.rtcp_rsize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, Group, MediaKind};

    fn offer() -> Session {
        let mut offer = Session::new(1, 1).with(Group::bundle(["0", "1", "2"]));
        offer.media.push(Media::rtp(MediaKind::Audio, "0").with(Setup::ActPass));
        offer.media.push(Media::rtp(MediaKind::Video, "1").with(Setup::ActPass));
        offer.media.push(Media::data("2").with(Setup::ActPass));
        offer
    }

    fn answer() -> Session {
        let mut answer = offer();
        for media in &mut answer.media {
            media.set(Setup::Active);
        }
        answer
    }

    /// The guard: an answer has as many sections as its offer, in the same order, of the same kinds.
    #[test]
    fn sdp_2_an_answer_has_the_sections_of_its_offer() {
        assert_eq!(answer().check_answer(&offer()), Ok(()));

        let mut short = answer();
        short.media.pop();
        assert_eq!(short.check_answer(&offer()), Err(AnswerError::SectionCount { offered: 3, answered: 2 }));
        let mut long = answer();
        long.media.push(Media::data("3"));
        assert_eq!(long.check_answer(&offer()), Err(AnswerError::SectionCount { offered: 3, answered: 4 }));

        let mut swapped = answer();
        swapped.media.swap(0, 1);
        assert_eq!(swapped.check_answer(&offer()), Err(AnswerError::Kind(0)));
        let mut other = answer();
        other.media[2].kind = MediaKind::Other("text".into());
        assert_eq!(other.check_answer(&offer()), Err(AnswerError::Kind(2)));

        let mut renamed = answer();
        renamed.media[1].set(Attribute::Mid("x".into()));
        assert_eq!(renamed.check_answer(&offer()), Err(AnswerError::Mid(1)));
        renamed.media[1].remove("mid");
        assert_eq!(renamed.check_answer(&offer()), Ok(()));
    }

    /// The guard: a rejected section keeps its place with port 0; it neither vanishes nor comes back in an answer.
    #[test]
    fn sdp_2_a_rejected_section_keeps_its_place() {
        let mut rejecting = answer();
        rejecting.media[1].reject();
        rejecting.set(Group::bundle(["0", "2"]));
        assert_eq!(rejecting.check_answer(&offer()), Ok(()));

        let mut stopped = offer();
        stopped.media[1].reject();
        stopped.set(Group::bundle(["0", "2"]));
        assert_eq!(rejecting.check_answer(&stopped), Ok(()));
        assert_eq!(answer().check_answer(&stopped), Err(AnswerError::Revived(1)));

        // Port 0 with bundle-only is no rejection.
        let mut bundle_only = offer();
        bundle_only.media[1].port = 0;
        bundle_only.media[1].push(Attribute::BundleOnly);
        assert_eq!(answer().check_answer(&bundle_only), Ok(()));
    }

    /// The guard: an answer that says `actpass` leaves nobody to open the association.
    #[test]
    fn sdp_7_an_answer_that_says_actpass_is_refused() {
        for setup in [Setup::ActPass, Setup::HoldConn] {
            let mut undecided = answer();
            undecided.media[2].set(setup);
            assert_eq!(undecided.check_answer(&offer()), Err(AnswerError::Setup(2)));
        }
        let mut at_session_level = answer();
        at_session_level.media[0].remove("setup");
        at_session_level.set(Setup::ActPass);
        assert_eq!(at_session_level.check_answer(&offer()), Err(AnswerError::Setup(0)));
        at_session_level.set(Setup::Passive);
        assert_eq!(at_session_level.check_answer(&offer()), Ok(()));
    }

    #[test]
    fn bundles_of_an_answer_lie_within_those_of_the_offer() {
        let with = |mut session: Session, groups: &[&[&str]]| {
            session.remove("group");
            session.attributes.extend(groups.iter().map(|mids| Group::bundle(mids.iter().copied()).into()));
            session
        };
        let check =
            |offered: &[&[&str]], answered: &[&[&str]]| with(answer(), answered).check_answer(&with(offer(), offered));
        assert_eq!(check(&[&["0", "1", "2"]], &[]), Ok(()));
        assert_eq!(check(&[&["0", "1", "2"]], &[&["0", "2"]]), Ok(()));
        assert_eq!(check(&[&["0", "1", "2"]], &[&["0"], &["1", "2"]]), Ok(()));
        assert_eq!(check(&[], &[&["0", "1"]]), Err(AnswerError::Bundle(0)));
        assert_eq!(check(&[&["0", "1"]], &[&["0", "2"]]), Err(AnswerError::Bundle(2)));
        assert_eq!(check(&[&["0"], &["1", "2"]], &[&["0", "1"]]), Err(AnswerError::Bundle(1)));
    }

    /// The guard: under the policy `require`, RTP without `a=rtcp-mux` is refused.
    #[test]
    fn sdp_10_a_section_without_rtcp_mux_is_refused_where_it_is_required() {
        let mut audio = Media::rtp(MediaKind::Audio, "0");
        assert!(!audio.allowed_by(RtcpMuxPolicy::default()));
        assert!(audio.allowed_by(RtcpMuxPolicy::Negotiate));
        audio.push(Attribute::RtcpMuxOnly);
        assert!(!audio.allowed_by(RtcpMuxPolicy::Negotiate));
        audio.push(Attribute::RtcpMux);
        assert!(audio.allowed_by(RtcpMuxPolicy::Require));
        assert!(Media::data("1").allowed_by(RtcpMuxPolicy::Require));
        audio.remove("rtcp-mux");
        audio.reject();
        assert!(audio.allowed_by(RtcpMuxPolicy::Require));
    }

    /// The guard: reduced-size RTCP needs a yes from both ends.
    #[test]
    fn sdp_10_reduced_size_rtcp_is_agreed_on_not_assumed() {
        let without = Media::rtp(MediaKind::Audio, "0");
        let with = without.clone().with(Attribute::RtcpReducedSize);
        assert!(with.agrees_on_reduced_size(&with));
        assert!(!with.agrees_on_reduced_size(&without));
        assert!(!without.agrees_on_reduced_size(&with));
        assert!(!without.agrees_on_reduced_size(&without));
    }
}
