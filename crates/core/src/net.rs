//! Datagrams on their way in and out, one or several at a time.

use std::net::SocketAddr;

/// Names a socket of the driver. Protocol code compares it and hands it back, nothing else.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SocketId(pub u32);

/// The two ECN bits of the IP header.
///
/// Source: [RFC 3168 §5](https://www.rfc-editor.org/rfc/rfc3168#section-5)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Ecn {
    /// The sender does not take part in ECN.
    #[default]
    NotEct,
    /// ECN-capable, code point 01 (L4S).
    Ect1,
    /// ECN-capable, code point 10.
    Ect0,
    /// A router on the path met congestion.
    Ce,
}

/// What a socket received from one peer: one packet, or several of equal size that arrived together (GRO).
#[derive(Debug)]
pub struct Datagram<'a> {
    /// The socket that received it.
    pub local: SocketId,
    /// Who sent it.
    pub remote: SocketAddr,
    /// ECN mark of the IP header.
    pub ecn: Ecn,
    /// The bytes: segments of [`stride`](Self::stride) bytes each, the last one possibly shorter.
    /// The callee may decrypt in place.
    pub contents: &'a mut [u8],
    /// Length of each segment but the last, in bytes. Zero, or anything above `contents.len()`, means one segment.
    pub stride: usize,
}

impl<'a> Datagram<'a> {
    /// One packet that carries no ECN mark.
    pub fn single(local: SocketId, remote: SocketAddr, contents: &'a mut [u8]) -> Self {
        let stride = contents.len();
        Self { local, remote, ecn: Ecn::NotEct, contents, stride }
    }

    /// The packets it holds, in order. An empty datagram yields one empty packet, as the socket did.
    pub fn segments(&mut self) -> Segments<'_> {
        let stride = if self.stride == 0 { self.contents.len() } else { self.stride };
        Segments { rest: Some(&mut *self.contents), stride }
    }
}

/// Iterator over the packets of a [`Datagram`].
#[derive(Debug)]
pub struct Segments<'a> {
    rest: Option<&'a mut [u8]>,
    stride: usize,
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a mut [u8];

    fn next(&mut self) -> Option<&'a mut [u8]> {
        let rest = self.rest.take()?;
        if rest.len() <= self.stride {
            return Some(rest);
        }
        let (segment, rest) = rest.split_at_mut(self.stride);
        self.rest = Some(rest);
        Some(segment)
    }
}

/// What to send to one destination. The bytes are the last [`len`](Self::len) that the poll appended to the caller's buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// The socket to send from.
    pub socket: SocketId,
    /// Where to.
    pub remote: SocketAddr,
    /// ECN mark to set.
    pub ecn: Ecn,
    /// How many bytes were appended, at most 65,000.
    pub len: usize,
    /// Length of each segment but the last when there are several (GSO), else `None`.
    pub segment_size: Option<usize>,
}

impl Transmit {
    /// The most bytes one transmit may hold.
    pub const MAX_LEN: usize = 65_000;
    /// The most segments one transmit may hold.
    pub const MAX_SEGMENTS: usize = 64;

    /// How many packets it holds.
    pub fn segments(&self) -> usize {
        match self.segment_size {
            Some(size) if size > 0 => self.len.div_ceil(size).max(1),
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(contents: &mut [u8], stride: usize) -> Vec<usize> {
        let remote = SocketAddr::from(([192, 0, 2, 1], 9));
        let mut datagram = Datagram { local: SocketId(0), remote, ecn: Ecn::NotEct, contents, stride };
        datagram.segments().map(|segment| segment.len()).collect()
    }

    #[test]
    fn splits_into_equal_segments_and_a_shorter_last_one() {
        assert_eq!(lengths(&mut [0; 25], 10), [10, 10, 5]);
        assert_eq!(lengths(&mut [0; 20], 10), [10, 10]);
    }

    #[test]
    fn an_empty_datagram_is_one_empty_packet() {
        assert_eq!(lengths(&mut [], 0), [0]);
        assert_eq!(lengths(&mut [], 1200), [0]);
    }

    #[test]
    fn no_stride_means_one_segment() {
        assert_eq!(lengths(&mut [0; 25], 0), [25]);
    }

    #[test]
    fn counts_the_segments_of_a_transmit() {
        let remote = SocketAddr::from(([192, 0, 2, 1], 9));
        let transmit = Transmit { socket: SocketId(0), remote, ecn: Ecn::NotEct, len: 2500, segment_size: Some(1200) };
        assert_eq!(transmit.segments(), 3);
        assert_eq!(Transmit { segment_size: None, ..transmit }.segments(), 1);
    }
}
