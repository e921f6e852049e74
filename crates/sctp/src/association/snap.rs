//! Out-of-band setup: both INIT chunks travel with the session descriptions, and the handshake falls away.
//!
//! Source: [draft-hancke-tsvwg-snap](https://datatracker.ietf.org/doc/draft-hancke-tsvwg-snap/), SDP attribute `sctp-init`

use super::handshake::refusal;
use super::link::{Agreement, Link};
use super::{Association, Setup, State};
use crate::ConnectError;
use crate::chunk::{ChunkType, Chunks, Init, InitParams};
use crate::wire::put_param;
use ortica_core::Instant;

impl Association {
    /// Our INIT chunk, header included and without padding: what `a=sctp-init` carries in base64. It is the one that
    /// [`connect`](Self::connect) would send, and asking for it starts nothing.
    pub fn init_chunk(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // A chunk has the shape of a parameter whose type is kind and flags.
        put_param(&mut out, u16::from(ChunkType::INIT.0) << 8, |out| {
            self.init(self.tag, self.initial_tsn).encode(&self.init_params(), out);
        });
        let unpadded = Chunks::new(&out).next().and_then(Result::ok).map_or(out.len(), |chunk| chunk.raw.len());
        out.truncate(unpadded);
        out
    }

    /// Starts with the peer's INIT chunk, as its `a=sctp-init` gave it, and without a handshake. To be called when packets
    /// may flow, in place of [`connect`](Self::connect), and only if the peer has our
    /// [`init_chunk`](Self::init_chunk) too.
    ///
    /// # Errors
    /// When these bytes are not one sound INIT chunk, or the association has begun. Nothing has changed then, and
    /// [`connect`](Self::connect) is as good as before.
    pub fn connect_with(&mut self, now: Instant, peer: &[u8]) -> Result<(), ConnectError> {
        if !matches!(self.state, State::Closed) {
            return Err(ConnectError::Started);
        }
        let (init, params) = read(peer)?;
        let mut link = Link::new(&self.config, &Agreement::new(self, &init, &params));
        link.confirmed = false;
        self.state = State::CookieEchoed { setup: Setup::new(now), echo: Vec::new(), link: Box::new(link) };
        self.open(now);
        self.drain.begin();
        Ok(())
    }
}

/// Whether [`Association::connect_with`] would take these bytes for the peer's INIT chunk.
///
/// # Errors
/// As there, but for [`ConnectError::Started`].
pub fn check_init_chunk(peer: &[u8]) -> Result<(), ConnectError> {
    read(peer).map(|_| ())
}

fn read(chunk: &[u8]) -> Result<(Init, InitParams<'_>), ConnectError> {
    let mut chunks = Chunks::new(chunk);
    let (Some(Ok(chunk)), None) = (chunks.next(), chunks.next()) else { return Err(ConnectError::Malformed) };
    if chunk.kind != ChunkType::INIT {
        return Err(ConnectError::Malformed);
    }
    let (init, params) = Init::decode(chunk.value).map_err(|_| ConnectError::Malformed)?;
    if init.tag == 0 || refusal(&init, &params).is_some() {
        return Err(ConnectError::Refused);
    }
    Ok((init, params))
}
