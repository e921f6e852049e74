//! Senders and receivers that are made by hand. Tracks know them by ids as they know transceivers.

use crate::engine::{ReceiverId, SenderId};
use crate::jsep::TransceiverId;
use crate::ortc::{ObjectError, RtpEncodingParameters, RtpParameters, RtpRtxParameters};
use crate::peer::Peer;
use ortica_codecs::MediaKind;
use ortica_core::Instant;

/// A sender or a receiver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    kind: MediaKind,
    end: End,
    stopped: bool,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Sender(SenderId),
    Receiver(ReceiverId),
}

/// # Senders and receivers by hand
impl Peer {
    /// Makes a sender over the transport that is steered by hand, which sends nothing before
    /// [`send_by_hand`](Self::send_by_hand).
    ///
    /// # Errors
    /// [`ObjectError::Media`] beyond [`Limits::tracks`](crate::engine::Limits::tracks), [`ObjectError::Negotiated`],
    /// [`ObjectError::Closed`].
    pub fn add_sender_by_hand(&mut self, kind: MediaKind) -> Result<TransceiverId, ObjectError> {
        let transport = self.steered()?.transport;
        let sender = self.session.add_sender(transport, kind)?;
        self.add_flow(kind, End::Sender(sender))
    }

    /// Makes a receiver over the transport that is steered by hand, which receives nothing before
    /// [`receive_by_hand`](Self::receive_by_hand).
    ///
    /// # Errors
    /// As [`add_sender_by_hand`](Self::add_sender_by_hand).
    pub fn add_receiver_by_hand(&mut self, kind: MediaKind) -> Result<TransceiverId, ObjectError> {
        let transport = self.steered()?.transport;
        let receiver = self.session.add_receiver(transport, kind)?;
        self.add_flow(kind, End::Receiver(receiver))
    }

    fn add_flow(&mut self, kind: MediaKind, end: End) -> Result<TransceiverId, ObjectError> {
        let flows = &mut self.steered()?.flows;
        flows.push(Flow { kind, end, stopped: false });
        // As many as there are senders and receivers, which are bounded.
        Ok(TransceiverId(flows.len() as u32 - 1))
    }

    /// Sends as soon as DTLS is connected, or goes on by other parameters; gives back what the other side is to receive by, with
    /// the numbers of the streams.
    ///
    /// # Errors
    /// [`ObjectError::Malformed`], [`ObjectError::Media`] when no codec is known, [`ObjectError::Closed`].
    pub fn send_by_hand(
        &mut self,
        now: Instant,
        id: TransceiverId,
        parameters: &RtpParameters,
    ) -> Result<RtpParameters, ObjectError> {
        self.steered()?;
        let Some(Flow { kind, end: End::Sender(sender), .. }) = self.flow(id) else {
            return Err(ObjectError::Closed);
        };
        let session = &mut self.session;
        let wanted = parameters.to_send(kind, || session.draw_ssrc())?;
        self.session.start_sending(now, sender, &wanted)?;
        let encodings = wanted.encodings.iter().map(|encoding| RtpEncodingParameters {
            ssrc: Some(encoding.ssrc.0),
            rtx: encoding.rtx.map(|rtx| RtpRtxParameters { ssrc: rtx.0 }),
        });
        Ok(RtpParameters { encodings: encodings.collect(), ..parameters.clone() })
    }

    /// Receives from now on, or goes on by other parameters.
    ///
    /// # Errors
    /// As [`send_by_hand`](Self::send_by_hand).
    pub fn receive_by_hand(&mut self, id: TransceiverId, parameters: &RtpParameters) -> Result<(), ObjectError> {
        self.steered()?;
        let Some(Flow { kind, end: End::Receiver(receiver), .. }) = self.flow(id) else {
            return Err(ObjectError::Closed);
        };
        Ok(self.session.start_receiving(receiver, parameters.to_receive(kind)?)?)
    }

    /// Stops a sender or a receiver for good.
    pub fn stop_by_hand(&mut self, id: TransceiverId) {
        let Some(flow) = self.flow(id) else { return };
        // It is there, unless everything is over.
        let _ = match flow.end {
            End::Sender(sender) => self.session.stop_sending(sender),
            End::Receiver(receiver) => self.session.stop_receiving(receiver),
        };
        let flows = self.by_hand.iter_mut().flat_map(|by_hand| by_hand.flows.get_mut(id.0 as usize));
        flows.for_each(|flow| flow.stopped = true);
        self.stirred_tracks.push(id);
    }

    /// The one of that id that was not stopped.
    fn flow(&self, id: TransceiverId) -> Option<Flow> {
        self.by_hand.as_ref()?.flows.get(id.0 as usize).copied().filter(|flow| !flow.stopped)
    }

    /// The ids that tracks may know a sender or a receiver by, in their order.
    #[cfg(feature = "tokio")]
    pub(crate) fn track_ids(&self) -> Vec<TransceiverId> {
        match &self.by_hand {
            Some(by_hand) => (0..)
                .map(TransceiverId)
                .zip(&by_hand.flows)
                .filter(|(_, flow)| !flow.stopped)
                .map(|(id, _)| id)
                .collect(),
            None => self.negotiation.transceivers().iter().map(|transceiver| transceiver.id).collect(),
        }
    }

    /// What sends for that id.
    pub(in crate::peer) fn sender_of(&self, id: TransceiverId) -> Option<SenderId> {
        match self.flow(id) {
            Some(Flow { end: End::Sender(sender), .. }) => Some(sender),
            Some(_) => None,
            None => self.negotiation.transceiver(id)?.sender,
        }
    }

    /// What receives for that id.
    pub(in crate::peer) fn receiver_of(&self, id: TransceiverId) -> Option<ReceiverId> {
        match self.flow(id) {
            Some(Flow { end: End::Receiver(receiver), .. }) => Some(receiver),
            Some(_) => None,
            None => self.negotiation.transceiver(id)?.receiver,
        }
    }

    /// Whether nothing will be received for that id any more.
    #[cfg(feature = "tokio")]
    pub(in crate::peer) fn is_flow_over(&self, id: TransceiverId) -> bool {
        self.flow(id).is_none()
    }

    /// The id by which tracks know a receiver.
    #[cfg(feature = "tokio")]
    pub(in crate::peer) fn flow_of(&self, receiver: ReceiverId) -> Option<TransceiverId> {
        let is_it = |flow: &Flow| matches!(flow.end, End::Receiver(other) if other == receiver);
        self.by_hand.as_ref()?.flows.iter().position(is_it).map(|at| TransceiverId(at as u32))
    }

    /// The id by which tracks know a sender.
    #[cfg(feature = "tokio")]
    pub(in crate::peer) fn flow_sending(&self, sender: SenderId) -> Option<TransceiverId> {
        let is_it = |flow: &Flow| matches!(flow.end, End::Sender(other) if other == sender);
        self.by_hand.as_ref()?.flows.iter().position(is_it).map(|at| TransceiverId(at as u32))
    }
}
