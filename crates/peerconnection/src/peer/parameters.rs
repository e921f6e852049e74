//! Parameters, preferences and layers of a peer's senders and receivers.

use super::Peer;
use crate::engine::ReceivedFrame;
use crate::jsep::{TransceiverError, TransceiverId};
use crate::parameters::{ParametersError, RtpCapabilities, RtpCodec, RtpReceiveParameters, RtpSendParameters};
use ortica_codecs::MediaKind;
use ortica_core::Instant;
use ortica_rtp::Rid;

/// # Parameters
impl Peer {
    /// The parameters of a transceiver's sender. They can be changed and set, once, until a description changes them.
    ///
    /// # Errors
    /// [`ParametersError::InvalidState`] if the transceiver is gone.
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-getparameters)
    pub fn sender_parameters(&mut self, id: TransceiverId) -> Result<RtpSendParameters, ParametersError> {
        self.negotiation.sender_parameters(&self.session, id)
    }

    /// Changes what a transceiver's sender sends, without negotiation.
    ///
    /// # Errors
    /// [`ParametersError::InvalidState`] if the parameters are not those given last, or were set already;
    /// [`ParametersError::InvalidModification`] if something else than the encodings was changed, or in them what may not
    /// change; [`ParametersError::Range`] for a number out of range.
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-setparameters)
    pub fn set_sender_parameters(
        &mut self,
        now: Instant,
        id: TransceiverId,
        parameters: RtpSendParameters,
    ) -> Result<(), ParametersError> {
        self.set_sender_parameters_with(now, id, parameters, &[])
    }

    /// The same, and says of each encoding whether it is to begin anew with a key frame.
    ///
    /// # Errors
    /// As [`set_sender_parameters`](Self::set_sender_parameters).
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#rtcsetparameteroptions-dictionary)
    pub fn set_sender_parameters_with(
        &mut self,
        now: Instant,
        id: TransceiverId,
        parameters: RtpSendParameters,
        key_frames: &[bool],
    ) -> Result<(), ParametersError> {
        if self.is_ended() {
            return Err(ParametersError::InvalidState("the connection is closed"));
        }
        self.negotiation.set_sender_parameters(now, &mut self.session, id, parameters, key_frames)
    }

    /// The parameters of a transceiver's receiver.
    ///
    /// # Errors
    /// [`ParametersError::InvalidState`] if the transceiver is gone.
    ///
    /// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#dom-rtcrtpreceiver-getparameters)
    pub fn receiver_parameters(&self, id: TransceiverId) -> Result<RtpReceiveParameters, ParametersError> {
        self.negotiation.receiver_parameters(&self.session, id)
    }

    /// What this connection can negotiate for a kind of media, in either direction.
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-getcapabilities)
    pub fn capabilities(&self, kind: MediaKind) -> RtpCapabilities {
        self.negotiation.capabilities(kind)
    }

    /// Changes which codecs are negotiated from the next description on, best liked first; none means those that the
    /// transceiver was made with. Retransmissions, or telephone events, that are not named are not negotiated; `audio/red` is
    /// offered where it is named or the other side is known to have it, and sent where that likes it better than Opus; so is
    /// `audio/CN`, beside G.711 and G.722.
    ///
    /// # Errors
    /// [`ParametersError::InvalidModification`] for a codec that is not among the [`capabilities`](Self::capabilities), or if
    /// none is left that media could be sent in.
    ///
    /// Source: [webrtc-pc §5.4](https://www.w3.org/TR/webrtc/#dom-rtcrtptransceiver-setcodecpreferences)
    pub fn set_codec_preferences(&mut self, id: TransceiverId, codecs: &[RtpCodec]) -> Result<(), TransceiverError> {
        if self.is_ended() {
            return Err(TransceiverError::Closed);
        }
        self.negotiation.set_codec_preferences(id, codecs)
    }

    /// The layers that a transceiver receives side by side (simulcast), from the least to the best; none where it receives
    /// one stream.
    pub fn layers(&self, id: TransceiverId) -> Vec<Rid> {
        let receiver = self.negotiation.transceiver(id).and_then(|transceiver| transceiver.receiver);
        receiver.map_or_else(Vec::new, |receiver| self.session.layers(receiver))
    }

    /// Has the frames of a layer kept for [`read_layer`](Self::read_layer), from its next key frame on; `false` if there is
    /// no such layer. It ends after as many calls of [`untap_layer`](Self::untap_layer).
    pub fn tap_layer(&mut self, now: Instant, id: TransceiverId, rid: Rid) -> bool {
        let receiver = self.negotiation.transceiver(id).and_then(|transceiver| transceiver.receiver);
        receiver.is_some_and(|receiver| self.session.tap_layer(now, receiver, rid))
    }

    /// One reader of a layer less.
    pub fn untap_layer(&mut self, now: Instant, id: TransceiverId, rid: Rid) {
        if let Some(receiver) = self.negotiation.transceiver(id).and_then(|transceiver| transceiver.receiver) {
            self.session.untap_layer(now, receiver, rid);
        }
    }

    /// The oldest frame of a layer that nobody has read.
    pub fn read_layer(&mut self, id: TransceiverId, rid: Rid) -> Option<ReceivedFrame> {
        let receiver = self.negotiation.transceiver(id)?.receiver?;
        self.session.read_layer(receiver, rid)
    }

    /// Asks for a key frame of a layer: what was read could not be decoded.
    pub fn request_layer_key_frame(&mut self, now: Instant, id: TransceiverId, rid: Rid) {
        if let Some(receiver) = self.negotiation.transceiver(id).and_then(|transceiver| transceiver.receiver) {
            self.session.request_layer_key_frame(now, receiver, rid);
        }
    }
}
