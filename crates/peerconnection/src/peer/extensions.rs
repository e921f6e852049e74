//! Which header extensions a peer's transceivers negotiate, and whether they are encrypted.

use super::Peer;
use crate::jsep::{RtpHeaderEncryptionPolicy, TransceiverError, TransceiverId};
use crate::parameters::RtpHeaderExtensionCapability;

/// # Header extensions
impl Peer {
    /// Says what to do about peers that do not encrypt header extensions. Default: [`RtpHeaderEncryptionPolicy::Negotiate`]. To be
    /// said before negotiation.
    pub fn set_header_encryption_policy(&mut self, policy: RtpHeaderEncryptionPolicy) {
        self.negotiation.set_header_encryption_policy(policy);
    }

    /// What to do about peers that do not encrypt header extensions.
    pub fn header_encryption_policy(&self) -> RtpHeaderEncryptionPolicy {
        self.negotiation.header_encryption_policy()
    }

    /// Whether both sides agreed to encrypt the header extensions of a transceiver's packets.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtptransceiver-rtpheaderencryptionnegotiated)
    pub fn is_header_encryption_negotiated(&self, id: TransceiverId) -> bool {
        self.negotiation.is_header_encryption_agreed(id)
    }

    /// Each header extension that a transceiver can have, with the way that the next description offers or takes it.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtptransceiver-getheaderextensionstonegotiate)
    pub fn header_extensions_to_negotiate(&self, id: TransceiverId) -> Vec<RtpHeaderExtensionCapability> {
        self.negotiation.header_extensions_to_negotiate(id)
    }

    /// Changes those that are named, from the next description on; the others stay as they are.
    ///
    /// # Errors
    /// [`ParametersError`](crate::parameters::ParametersError), and nothing has changed: `Type` for an empty name, `NotSupported`
    /// for an extension that is not among those [there are](Self::header_extensions_to_negotiate), `InvalidModification` for
    /// one that cannot be left out (the names of sections and layers) with another direction than both.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtptransceiver-setheaderextensionstonegotiate)
    pub fn set_header_extensions_to_negotiate(
        &mut self,
        id: TransceiverId,
        extensions: &[RtpHeaderExtensionCapability],
    ) -> Result<(), TransceiverError> {
        if self.is_ended() {
            return Err(TransceiverError::Closed);
        }
        self.negotiation.set_header_extensions_to_negotiate(id, extensions)
    }

    /// The same extensions with the way in which each was agreed on, seen from this side.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtptransceiver-getnegotiatedheaderextensions)
    pub fn negotiated_header_extensions(&self, id: TransceiverId) -> Vec<RtpHeaderExtensionCapability> {
        self.negotiation.negotiated_header_extensions(id)
    }
}
