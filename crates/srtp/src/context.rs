//! The keys and the state of one direction.

use crate::cipher::{Cipher, RTCP_HEADER_LEN, RtcpId, RtpId, cipher};
use crate::cryptex;
use crate::key_derivation::{SessionKeys, Usage};
use crate::profile::Profile;
use crate::stream::{Limits, Streams};
use ortica_core::crypto::{CryptoError, CryptoProvider};
use ortica_core::{DecodeError, Reader};
use std::fmt;
use thiserror::Error;

/// No protected packet is longer, in bytes.
pub const MAX_PACKET_LEN: usize = 65_535;

/// RTP packets that one key may protect, over all SSRCs.
///
/// Source: [RFC 3711 §9.2](https://www.rfc-editor.org/rfc/rfc3711#section-9.2)
const RTP_LIFETIME: u64 = 1 << 48;

/// RTCP packets that one key may protect, over all SSRCs.
const RTCP_LIFETIME: u32 = 1 << 31;

/// 1,024 indices: at 8 Mbit/s in packets of 1,200 bytes a packet may be more than a second late.
type RtpStreams = Streams<16>;

/// 128 indices.
type RtcpStreams = Streams<2>;

/// Protects what is sent, or unprotects what is received, with the keys of that direction: a transport has two.
///
/// Nothing received has any effect, beyond being counted, before its tag was verified.
pub struct Context {
    profile: Profile,
    rtp: Box<dyn Cipher>,
    rtcp: Box<dyn Cipher>,
    rtp_streams: RtpStreams,
    rtcp_streams: RtcpStreams,
    /// The index of the next RTCP packet to protect. SSRCs share the counter, which keeps their indices apart as well as
    /// counters of their own would, and counts what the key's lifetime is about.
    next_rtcp_index: u32,
    cryptex: Cryptex,
    stats: Stats,
}

/// Whether header extensions and contributing sources are encrypted too. What the peers agreed on changes no key.
///
/// Source: [RFC 9335](https://www.rfc-editor.org/rfc/rfc9335)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Cryptex {
    /// Nothing is sent so, and what comes so is dropped: it was not agreed on.
    #[default]
    Never,
    /// All is sent so, and what comes may be so or not.
    Agreed,
    /// All is sent so, and of what comes only packets without extensions and contributing sources may be otherwise.
    Required,
}

impl Context {
    /// A context for the keys of one direction, as the exporter of DTLS gives them.
    ///
    /// Holds session keys only; `key` and `salt` are the caller's to wipe.
    ///
    /// # Errors
    /// When `key` or `salt` is not as long as [`Profile::key_len`] and [`Profile::salt_len`] say.
    pub fn new(
        provider: &CryptoProvider,
        profile: Profile,
        key: &[u8],
        salt: &[u8],
        limits: Limits,
    ) -> Result<Self, ContextError> {
        if key.len() != profile.key_len() {
            return Err(ContextError::KeyLength);
        }
        if salt.len() != profile.salt_len() {
            return Err(ContextError::SaltLength);
        }
        let cipher = |usage| cipher(provider, profile, &SessionKeys::derive(provider, profile, usage, key, salt)?);
        Ok(Self {
            profile,
            rtp: cipher(Usage::Rtp)?,
            rtcp: cipher(Usage::Rtcp)?,
            rtp_streams: Streams::new(limits),
            rtcp_streams: Streams::new(limits),
            next_rtcp_index: 0,
            cryptex: Cryptex::Never,
            stats: Stats::default(),
        })
    }

    /// How it protects.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Says whether headers are encrypted from now on. Default: [`Cryptex::Never`].
    pub fn set_cryptex(&mut self, cryptex: Cryptex) {
        self.cryptex = cryptex;
    }

    /// What went through it so far.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Protects an RTP packet and appends it to `out`; returns its length. `payload` is in parts, one after the other,
    /// padding included.
    ///
    /// Packets of an SSRC may come out of order, up to 1,024 behind the highest.
    ///
    /// # Errors
    /// See [`ProtectError`]; nothing is appended then.
    pub fn protect_rtp(&mut self, header: &[u8], payload: &[&[u8]], out: &mut Vec<u8>) -> Result<usize, ProtectError> {
        let id = self.next_rtp_id(header)?;
        if !self.rtp_streams.is_fresh(id.ssrc, id.index) {
            return Err(ProtectError::Reused);
        }
        self.seal_rtp(id, header, payload, out)
    }

    /// Protects an RTP packet that was protected before, to send it again under its own SSRC and sequence number: for
    /// peers that did not negotiate RTX. `payload` must be what it was, byte for byte; the header may differ in its
    /// extensions.
    ///
    /// # Errors
    /// [`ProtectError::Reused`] with the AEAD profiles, which give their key away when a nonce meets a second header, with
    /// [`Cryptex`], whose key stream covers the header, and when the packet is not among the last 1,024; else as
    /// [`protect_rtp`](Self::protect_rtp).
    pub fn protect_rtp_again(
        &mut self,
        header: &[u8],
        payload: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<usize, ProtectError> {
        let id = self.next_rtp_id(header)?;
        let covers_header = self.profile.aead().is_some() || self.cryptex != Cryptex::Never;
        if covers_header || !self.rtp_streams.is_recent(id.ssrc, id.index) {
            return Err(ProtectError::Reused);
        }
        self.seal_rtp(id, header, payload, out)
    }

    /// Verifies and decrypts an RTP packet in place; returns the length of the plain packet at its front.
    ///
    /// # Errors
    /// See [`UnprotectError`]; `packet` holds nothing of use then. The error is counted, and no reason to end anything.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let result = self.open_rtp(packet);
        self.stats.count(&result, |stats| &mut stats.rtp_unprotected);
        result
    }

    /// Protects a compound RTCP packet and appends it to `out`; returns its length.
    ///
    /// # Errors
    /// See [`ProtectError`]; nothing is appended then.
    pub fn protect_rtcp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<usize, ProtectError> {
        let ssrc = rtcp_sender(packet)?;
        if packet.len() + self.profile.rtcp_overhead() > MAX_PACKET_LEN {
            return Err(ProtectError::TooLong);
        }
        if self.next_rtcp_index >= RTCP_LIFETIME {
            return Err(ProtectError::KeyExhausted);
        }
        let id = RtcpId { ssrc, index: self.next_rtcp_index, encrypted: true };
        let start = out.len();
        out.extend_from_slice(packet);
        self.rtcp.seal_rtcp(id, out, start);
        self.next_rtcp_index += 1;
        self.stats.rtcp_protected += 1;
        Ok(out.len() - start)
    }

    /// Verifies a compound RTCP packet, and decrypts it in place if it is encrypted; returns the length of the plain
    /// packet at its front.
    ///
    /// # Errors
    /// As [`unprotect_rtp`](Self::unprotect_rtp).
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let result = self.open_rtcp(packet);
        self.stats.count(&result, |stats| &mut stats.rtcp_unprotected);
        result
    }

    /// The rollover counter of `ssrc`: how often its RTP sequence number wrapped. `None` for an SSRC not seen yet.
    pub fn rollover(&self, ssrc: u32) -> Option<u32> {
        self.rtp_streams.rollover(ssrc)
    }

    /// Lets `ssrc` start from a rollover counter other than 0: for a stream that is joined midway, or taken up from
    /// elsewhere.
    ///
    /// # Errors
    /// When `ssrc` has started, or the table of SSRCs is full.
    pub fn set_rollover(&mut self, ssrc: u32, rollover: u32) -> Result<(), RolloverError> {
        if self.rtp_streams.is_retired(ssrc) {
            return Err(RolloverError::Started);
        }
        if !self.rtp_streams.has_room_for(ssrc) {
            return Err(RolloverError::TooManyStreams);
        }
        if self.rtp_streams.start_from(ssrc, rollover) { Ok(()) } else { Err(RolloverError::Started) }
    }

    /// The sender will use `ssrc` no more: its place is free for another, and what it would send is refused, so that its key
    /// stream is not used twice. Does nothing to an SSRC that sent nothing.
    pub fn retire(&mut self, ssrc: u32) {
        self.rtp_streams.retire(ssrc);
    }

    /// Which packet of its stream `header` belongs to, if one more may be protected.
    fn next_rtp_id(&mut self, header: &[u8]) -> Result<RtpId, ProtectError> {
        let rtp = RtpHeader::read(header)?;
        if rtp.len != header.len() {
            return Err(ProtectError::Malformed(DecodeError::Trailing("rtp header")));
        }
        if self.rtp_streams.is_retired(rtp.ssrc) {
            return Err(ProtectError::Retired);
        }
        if !self.rtp_streams.has_room_for(rtp.ssrc) {
            return Err(ProtectError::TooManyStreams);
        }
        let index = self.rtp_streams.estimate(rtp.ssrc, rtp.sequence).ok_or(ProtectError::KeyExhausted)?;
        Ok(RtpId { ssrc: rtp.ssrc, index })
    }

    fn seal_rtp(
        &mut self,
        id: RtpId,
        header: &[u8],
        payload: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<usize, ProtectError> {
        let payload_len = payload.iter().fold(0usize, |sum, part| sum.saturating_add(part.len()));
        // An extension block may have to be added.
        let block = if self.cryptex == Cryptex::Never { 0 } else { 4 };
        let len = payload_len.saturating_add(header.len() + block + self.profile.rtp_overhead());
        if len > MAX_PACKET_LEN {
            return Err(ProtectError::TooLong);
        }
        if self.stats.rtp_protected >= RTP_LIFETIME {
            return Err(ProtectError::KeyExhausted);
        }
        out.reserve(len);
        let start = out.len();
        out.extend_from_slice(header);
        let layout = cryptex::dress(self.cryptex, out, start);
        for part in payload {
            out.extend_from_slice(part);
        }
        self.rtp.seal_rtp(id, layout, out, start);
        self.rtp_streams.accept(id.ssrc, id.index);
        self.stats.rtp_protected += 1;
        Ok(out.len() - start)
    }

    fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        if packet.len() > MAX_PACKET_LEN {
            return Err(DecodeError::Invalid("srtp packet length").into());
        }
        let RtpHeader { ssrc, sequence, len: header_len } = RtpHeader::read(packet)?;
        if packet.len() < header_len + self.profile.rtp_overhead() {
            return Err(DecodeError::Truncated("srtp tag").into());
        }
        let layout = cryptex::layout_of(self.cryptex, packet, header_len)?;
        let index = self.rtp_streams.estimate(ssrc, sequence).ok_or(UnprotectError::KeyExhausted)?;
        if !self.rtp_streams.is_fresh(ssrc, index) {
            return Err(UnprotectError::Replayed);
        }
        let len = self.rtp.open_rtp(RtpId { ssrc, index }, layout, packet)?;
        layout.undress(packet);
        self.stats.streams_forgotten += u64::from(self.rtp_streams.accept(ssrc, index));
        Ok(len)
    }

    fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        if packet.len() > MAX_PACKET_LEN {
            return Err(DecodeError::Invalid("srtcp packet length").into());
        }
        let ssrc = rtcp_sender(packet)?;
        if packet.len() < RTCP_HEADER_LEN + self.profile.rtcp_overhead() {
            return Err(DecodeError::Truncated("srtcp tag").into());
        }
        let word = self.rtcp.rtcp_word(packet).ok_or(DecodeError::Truncated("srtcp index"))?;
        let id = RtcpId::from_word(ssrc, word);
        if !self.rtcp_streams.is_fresh(ssrc, id.index.into()) {
            return Err(UnprotectError::Replayed);
        }
        let len = self.rtcp.open_rtcp(id, packet)?;
        self.stats.streams_forgotten += u64::from(self.rtcp_streams.accept(ssrc, id.index.into()));
        Ok(len)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("profile", &self.profile).field("stats", &self.stats).finish_non_exhaustive()
    }
}

/// Counters since the context was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// RTP packets protected.
    pub rtp_protected: u64,
    /// RTCP packets protected.
    pub rtcp_protected: u64,
    /// RTP packets received and authentic.
    pub rtp_unprotected: u64,
    /// RTCP packets received and authentic.
    pub rtcp_unprotected: u64,
    /// Packets dropped because their lengths or versions made no sense, or their headers were encrypted or not, against what
    /// was agreed.
    pub malformed: u64,
    /// Packets dropped because their index was seen, or is too old to know.
    pub replayed: u64,
    /// Packets dropped because their tag did not verify.
    pub unauthentic: u64,
    /// Packets dropped because their index lies beyond the last one.
    pub exhausted: u64,
    /// SSRCs forgotten because [`Limits::streams`] was reached.
    pub streams_forgotten: u64,
}

impl Stats {
    fn count(&mut self, result: &Result<usize, UnprotectError>, authentic: fn(&mut Self) -> &mut u64) {
        *match result {
            Ok(_) => authentic(self),
            Err(UnprotectError::Malformed(_) | UnprotectError::HeaderEncryption) => &mut self.malformed,
            Err(UnprotectError::Replayed) => &mut self.replayed,
            Err(UnprotectError::Unauthentic) => &mut self.unauthentic,
            Err(UnprotectError::KeyExhausted) => &mut self.exhausted,
        } += 1;
    }
}

/// A context cannot be made.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ContextError {
    /// The master key has the wrong length for the profile.
    #[error("the master key has the wrong length")]
    KeyLength,
    /// The master salt has the wrong length for the profile.
    #[error("the master salt has the wrong length")]
    SaltLength,
    /// The crypto provider refused the keys.
    #[error("the crypto provider refused the keys")]
    Provider(#[from] CryptoError),
}

/// A packet cannot be protected.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ProtectError {
    /// It is no RTP or RTCP packet.
    #[error("not a packet to protect")]
    Malformed(#[from] DecodeError),
    /// It would be longer than [`MAX_PACKET_LEN`].
    #[error("the packet is too long")]
    TooLong,
    /// Its SSRC and sequence number were used before, or so long ago that nobody knows. Two packets must not share them:
    /// who sees both can read both.
    #[error("the sequence number was used before")]
    Reused,
    /// The SSRC is new and [`Limits::streams`] was reached.
    #[error("too many SSRCs")]
    TooManyStreams,
    /// The SSRC was retired.
    #[error("the SSRC is over")]
    Retired,
    /// The key has protected all it may; the transport needs new ones.
    #[error("the key has reached the end of its life")]
    KeyExhausted,
}

/// A packet was dropped.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum UnprotectError {
    /// It is no packet of this kind, or too short for its header and tag.
    #[error("malformed packet")]
    Malformed(#[from] DecodeError),
    /// Its header is encrypted, which was not agreed on, or is not, which is required.
    #[error("a header encrypted or not against what was agreed")]
    HeaderEncryption,
    /// It came before, or it is so old that it might have.
    #[error("replayed packet")]
    Replayed,
    /// Its tag does not verify: not from the peer, or changed on the way.
    #[error("unauthentic packet")]
    Unauthentic,
    /// Its index lies beyond the last one that a key may be used for.
    #[error("the key has reached the end of its life")]
    KeyExhausted,
}

impl From<CryptoError> for UnprotectError {
    fn from(_: CryptoError) -> Self {
        Self::Unauthentic
    }
}

/// A rollover counter cannot be set.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RolloverError {
    /// A packet of the SSRC went through already, and the counter follows from that.
    #[error("the stream has started")]
    Started,
    /// The SSRC is new and [`Limits::streams`] was reached.
    #[error("too many SSRCs")]
    TooManyStreams,
}

/// What protection needs to know of an RTP packet.
struct RtpHeader {
    ssrc: u32,
    sequence: u16,
    /// Where the payload begins.
    len: usize,
}

impl RtpHeader {
    /// Checks every length up to the payload before anything else looks at the packet.
    fn read(packet: &[u8]) -> Result<Self, DecodeError> {
        let len = ortica_rtp::header_len(packet)?;
        let mut r = Reader::new(packet);
        r.u16("rtp first bytes")?;
        let sequence = r.u16("rtp sequence number")?;
        r.u32("rtp timestamp")?;
        let ssrc = r.u32("rtp ssrc")?;
        Ok(Self { ssrc, sequence, len })
    }
}

/// The SSRC of whoever sent a compound RTCP packet.
fn rtcp_sender(packet: &[u8]) -> Result<u32, DecodeError> {
    let mut r = Reader::new(packet);
    let head = r.u32("rtcp header")?;
    if head >> 30 != 2 {
        return Err(DecodeError::Invalid("rtcp version"));
    }
    r.u32("rtcp ssrc")
}

#[cfg(test)]
mod tests;
