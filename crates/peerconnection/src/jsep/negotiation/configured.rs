//! What the configuration asks of descriptions.

use super::Negotiation;

impl Negotiation {
    /// The next offer announces fresh ICE credentials, so that candidates are gathered anew: what may be gathered has changed.
    /// No negotiation is asked for because of it.
    pub fn renew_candidates(&mut self) {
        self.renews_candidates = self.agreed().is_some();
    }

    /// Offers have a section for data channels, with or without a channel.
    pub fn set_always_data(&mut self, always: bool) {
        self.always_data = always;
    }
}
