//! Both sides send under one number: ours gives way.
//!
//! Source: [RFC 3550 §8.2](https://www.rfc-editor.org/rfc/rfc3550#section-8.2)

use super::RtpTransport;
use crate::engine::Event;
use ortica_core::Instant;
use ortica_rtp::Ssrc;
use std::collections::VecDeque;

impl RtpTransport {
    /// The peer has begun to send as `theirs`. A stream of ours with that number says goodbye and goes on under another, unless it
    /// did so just before.
    pub(super) fn resolve_collision(&mut self, now: Instant, theirs: Ssrc, events: &mut VecDeque<Event>) {
        let Some((sender, sending)) = self.sending(theirs) else { return };
        let before = sending.ssrc();
        let Some(goodbye) = sending.handle_collision(now) else { return };
        let (ssrc, rtx) = (sending.ssrc(), sending.rtx_ssrc());
        self.over.extend(goodbye.sources.iter().copied());
        self.reporter.push(goodbye);
        self.update_reporter();
        events.push_back(Event::SsrcChanged { sender, before, ssrc, rtx });
        events.push_back(Event::EncoderTargets(sender));
    }
}
