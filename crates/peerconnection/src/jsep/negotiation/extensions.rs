//! Header extensions: which of them a transceiver negotiates, and that their ids keep their meaning.

use super::Negotiation;
use super::media::TransceiverError;
use crate::jsep::error::SectionProblem;
use crate::jsep::extensions::Extension;
use crate::jsep::remote::{Remote, RemoteSection};
use crate::jsep::transceiver::Transceiver;
use crate::jsep::{DescriptionError, TransceiverId};
use crate::parameters::RtpHeaderExtensionCapability;
use ortica_rtp::header_extension::Kind;

impl Negotiation {
    /// What the next description is to say of header extensions.
    pub fn header_extensions_to_negotiate(&self, id: TransceiverId) -> Vec<RtpHeaderExtensionCapability> {
        self.transceiver(id).map_or_else(Vec::new, |it| it.header_extensions.capabilities())
    }

    /// Changes it; those that are not named stay as they are.
    pub fn set_header_extensions_to_negotiate(
        &mut self,
        id: TransceiverId,
        extensions: &[RtpHeaderExtensionCapability],
    ) -> Result<(), TransceiverError> {
        Ok(self.transceiver_mut(id)?.header_extensions.set(extensions)?)
    }

    /// What became of them.
    pub fn negotiated_header_extensions(&self, id: TransceiverId) -> Vec<RtpHeaderExtensionCapability> {
        let negotiated = |it: &Transceiver| {
            let agreed = it.sending.as_ref().map_or(&[][..], |agreed| &agreed.extensions);
            it.header_extensions.negotiated(agreed)
        };
        self.transceiver(id).map_or_else(Vec::new, negotiated)
    }

    /// In a section that is in force, an id goes on to stand for what it stood for, as long as the other side is the same one
    /// (RFC 8285 §6, SDP-4).
    pub(super) fn check_extension_ids(&self, theirs: &Remote) -> Result<(), DescriptionError> {
        let remote = self.current_remote.as_ref().map_or(&[][..], |remote| &remote.parsed.sections);
        let local = self.current_local.as_ref().map_or(&[][..], |local| &local.model.sections);
        for (index, section) in theirs.sections.iter().enumerate() {
            let same = |before: &&RemoteSection| before.mid == section.mid;
            let Some(before) = remote.iter().find(same).filter(|it| it.fingerprints == section.fingerprints) else {
                continue;
            };
            let (Some(now), Some(before)) = (section.as_media(), before.as_media()) else { continue };
            let ours = local.iter().find(|ours| ours.mid == section.mid).and_then(|ours| ours.as_media());
            let ours = ours.iter().flat_map(|ours| ours.extensions.iter().map(|it| (it.id, it.kind)));
            let before = before.extensions.iter().filter_map(|it| Some((it.id, it.kind?)));
            let known: Vec<(u8, Kind)> = ours.chain(before).collect();
            let is_remapped = |it: &Extension<Option<Kind>>| {
                it.kind.is_some_and(|kind| known.iter().any(|(id, known)| *id == it.id && *known != kind))
            };
            if now.extensions.iter().any(is_remapped) {
                return Err(DescriptionError::Section { index, problem: SectionProblem::ExtensionId });
            }
        }
        Ok(())
    }
}
