//! What descriptions say of codecs.

use crate::peer::Peer;
use ortica_rtp::PayloadType;
use ortica_sdp as sdp;
use std::cell::OnceCell;

/// The descriptions that were agreed on last, read when somebody asks.
#[derive(Default)]
pub(super) struct Formats {
    local: OnceCell<Option<sdp::Session>>,
    remote: OnceCell<Option<sdp::Session>>,
}

impl Formats {
    /// What this side said of a payload type in a section: the format of what it receives.
    pub fn received(&self, peer: &Peer, mid: Option<&str>, payload_type: PayloadType) -> Option<String> {
        let local = self.local.get_or_init(|| peer.current_local_description()?.sdp.parse().ok());
        parameters(local.as_ref()?, mid?, payload_type)
    }

    /// What the other side said of a payload type in a section: the format of what this side sends.
    pub fn sent(&self, peer: &Peer, mid: Option<&str>, payload_type: PayloadType) -> Option<String> {
        let remote = self.remote.get_or_init(|| peer.current_remote_description()?.sdp.parse().ok());
        parameters(remote.as_ref()?, mid?, payload_type)
    }
}

fn parameters(session: &sdp::Session, mid: &str, payload_type: PayloadType) -> Option<String> {
    let section = session.sections().find(|section| section.mid() == Some(mid))?;
    section.fmtp(payload_type.0).map(ToString::to_string)
}
