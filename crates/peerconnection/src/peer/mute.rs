//! Which tracks of the other side are muted.

use super::{Peer, PeerEvent};
use crate::jsep::{Life, TransceiverId};

/// # Mute
impl Peer {
    /// `true` while nothing comes over a transceiver: none of its packets arrived yet, or the other side said that it sends no
    /// more. So it is where there is no transceiver.
    ///
    /// Source: [webrtc-pc §9.3](https://www.w3.org/TR/webrtc/#mediastreamtrack-network-use)
    pub fn is_muted(&self, id: TransceiverId) -> bool {
        !self.is_audible(id)
    }

    fn is_audible(&self, id: TransceiverId) -> bool {
        let Some(transceiver) = self.negotiation.transceiver(id) else { return false };
        let flows = transceiver.receiver.is_some_and(|receiver| self.session.is_receiving(receiver));
        flows && transceiver.section.remote_sends
    }

    /// Tells which tracks became muted, or no longer are. Those that ended are not muted first.
    pub(super) fn update_mutes(&mut self) {
        for transceiver in self.negotiation.transceivers() {
            let id = transceiver.id;
            let audible = self.is_audible(id);
            let changed = if audible { self.audible.insert(id) } else { self.audible.remove(&id) };
            if changed && transceiver.life != Life::Stopped {
                self.events.push_back(if audible { PeerEvent::TrackUnmute(id) } else { PeerEvent::TrackMute(id) });
            }
        }
        let known = |id: &TransceiverId| self.negotiation.transceiver(*id).is_some();
        self.audible.retain(known);
    }
}
