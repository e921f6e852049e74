//! What an association gives back when nothing has passed over it for a while.

use super::Association;

impl Association {
    /// Gives back the memory that queues keep for the next burst, which makes it anew. Nothing else changes. To be called when
    /// the association has been idle for some seconds; one that has something to send keeps what it has.
    pub fn rest(&mut self) {
        if !self.is_drained() {
            return;
        }
        self.rng.rest();
        self.queue.rest();
        self.delivery.rest();
        self.replies.rest();
        self.events.shrink_to_fit();
        self.early_resets.shrink_to_fit();
        if let Some(link) = self.up_mut() {
            link.flight.rest();
            link.inbound.rest();
        }
    }
}
