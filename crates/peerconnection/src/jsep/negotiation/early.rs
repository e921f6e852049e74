//! Media that overtakes the answer: who offers to receive is ready for it once the offer is out (RFC 3264 §5.1, RFC 9429 §5.10).
//!
//! Only where the transport is one of those in force: what comes over a new one cannot be verified before the answer is there.

use super::Negotiation;
use crate::engine::{RtpReceiveParameters, Session, TransportId};
use crate::jsep::extensions;
use crate::jsep::formats::{Events, Format};
use crate::jsep::local::{Local, Media};
use crate::jsep::transceiver::{Early, Transceiver};
use ortica_rtp::Mid;

impl Negotiation {
    /// Receives what an offer of this side newly asks for.
    pub(super) fn receive_early(&mut self, session: &mut Session, offer: &Local) {
        let in_force = self.transports.all_in_force();
        for section in &offer.sections {
            let transport = section.named_transport().filter(|transport| in_force.contains(transport));
            let (Some(media), Some(transport)) = (section.as_media(), transport) else { continue };
            let Ok(transceiver) = self.transceiver_mut(media.transceiver) else { continue };
            let receives = transceiver.current_direction.is_some_and(|direction| direction.receives());
            if media.direction.receives() && !receives {
                receive(session, transceiver, transport, &section.mid, media);
            }
        }
    }
}

fn receive(session: &mut Session, transceiver: &mut Transceiver, transport: TransportId, mid: &str, media: &Media) {
    let parameters = RtpReceiveParameters {
        mid: Mid::new(mid).ok(),
        codecs: media.formats.iter().map(Format::parameters).collect(),
        telephone_events: media.events.iter().map(Events::parameters).collect(),
        header_extensions: extensions::map(media.extensions.iter().filter(|it| it.direction.receives()), true),
        ssrcs: Vec::new(),
        rids: media.layers.receive.iter().map(|layer| layer.rid).collect(),
        descriptions: Vec::new(),
        reduced_size_rtcp: false,
    };
    let (receiver, early) = match transceiver.receiver {
        Some(receiver) => (Ok(receiver), Early::Started),
        None => (session.add_receiver(transport, transceiver.kind), Early::Made),
    };
    let started = receiver.and_then(|receiver| {
        (transceiver.receiver, transceiver.section.early) = (Some(receiver), early);
        session.move_receiver(receiver, transport)?;
        session.start_receiving(receiver, parameters)
    });
    // The answer will say what is wrong.
    let _ = started.inspect_err(|error| tracing::debug!(%error, "nothing is received before the answer"));
}

/// The offer was taken back.
pub(super) fn stop(session: &mut Session, transceiver: &mut Transceiver, early: Early) {
    match (transceiver.receiver, early) {
        (Some(receiver), Early::Started) => {
            let _ = session.stop_receiving(receiver);
        }
        (Some(receiver), Early::Made) => {
            session.remove_receiver(receiver);
            transceiver.receiver = None;
        }
        _ => {}
    }
}
