//! What descriptions say of transports, to be looked at.

use super::Negotiation;
use crate::jsep::local::Section;
use crate::jsep::remote::Content;
use ortica_dtls::Fingerprint;

impl Negotiation {
    /// Whether a description that is set, and not taken back, has a section for data that is not rejected.
    pub fn has_data(&self) -> bool {
        let mut local = [&self.pending_local, &self.current_local].into_iter().flatten();
        let offered = self.pending_remote.as_ref().is_some_and(|theirs| {
            let is_data = |content: &Content| matches!(content, Content::Data { .. });
            theirs.parsed.sections.iter().any(|section| section.is_acceptable() && is_data(&section.content))
        });
        offered || local.any(|made| made.model.sections.iter().any(Section::is_data))
    }

    /// Of each certificate that this side may show.
    pub fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }
}
