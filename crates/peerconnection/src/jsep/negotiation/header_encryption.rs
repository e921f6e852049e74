//! Encrypted header extensions and contributing sources (cryptex): that they are there where they have to be, and which
//! transports have them.

use super::Negotiation;
use crate::engine::{Session, TransportId};
use crate::jsep::error::SectionProblem;
use crate::jsep::header_encryption::RtpHeaderEncryptionPolicy;
use crate::jsep::local::Local;
use crate::jsep::remote::{Remote, RemoteMedia};
use crate::jsep::{DescriptionError, TransceiverId};
use ortica_srtp::Cryptex;
use std::collections::BTreeMap;

impl Negotiation {
    /// Says what to do about peers that do not encrypt headers, from the next description on.
    pub fn set_header_encryption_policy(&mut self, policy: RtpHeaderEncryptionPolicy) {
        self.header_encryption = policy;
    }

    pub fn header_encryption_policy(&self) -> RtpHeaderEncryptionPolicy {
        self.header_encryption
    }

    /// Whether headers of a transceiver's packets are encrypted, as agreed.
    pub fn is_header_encryption_agreed(&self, id: TransceiverId) -> bool {
        let agreed = self.transceiver(id).and_then(|transceiver| transceiver.sending.as_ref());
        agreed.is_some_and(|agreed| agreed.encrypts_headers)
    }

    /// Under the policy that asks for it, each section of media has it. Data have no such headers.
    pub(super) fn check_header_encryption(&self, theirs: &Remote) -> Result<(), DescriptionError> {
        if self.header_encryption == RtpHeaderEncryptionPolicy::Negotiate {
            return Ok(());
        }
        let lacks = |media: &RemoteMedia| !media.encrypts_headers;
        match theirs.sections.iter().position(|section| section.as_media().is_some_and(lacks)) {
            Some(index) => Err(DescriptionError::Section { index, problem: SectionProblem::HeaderEncryption }),
            None => Ok(()),
        }
    }

    /// Tells the transports. One has it if all sections of media that it carries do.
    pub(super) fn apply_header_encryption(&self, session: &mut Session, ours: &Local, theirs: &Remote) {
        let mut agreed: BTreeMap<TransportId, bool> = BTreeMap::new();
        for (ours, theirs) in ours.sections.iter().zip(&theirs.sections) {
            let (Some(media), Some(remote)) = (ours.as_media(), theirs.as_media()) else { continue };
            if let Some(transport) = ours.named_transport() {
                *agreed.entry(transport).or_insert(true) &= media.encrypts_headers && remote.encrypts_headers;
            }
        }
        for (transport, agreed) in agreed {
            let cryptex = if agreed { self.header_encryption.agreed() } else { Cryptex::Never };
            session.set_cryptex(transport, cryptex);
        }
    }
}
