//! Protected records that came too early to be read.
//!
//! A network that reorders packets brings a client's Finished before what makes its key, and a server's first data before
//! its Finished. Dropping them would cost a retransmission timeout at the start of a call; keeping them, as they came and
//! a few only, costs nothing else: they are authenticated when their time comes.

use crate::record::Header;

/// Records kept for later, bounded in number and bytes. What comes beyond is not kept.
pub(crate) struct EarlyRecords {
    max_records: usize,
    max_bytes: usize,
    records: Vec<(Header, Vec<u8>)>,
    bytes: usize,
}

impl EarlyRecords {
    pub(crate) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self { max_records, max_bytes, records: Vec::new(), bytes: 0 }
    }

    /// Keeps a copy, if there is room.
    pub(crate) fn keep(&mut self, header: &Header, fragment: &[u8]) -> bool {
        let has_room = self.records.len() < self.max_records && self.bytes + fragment.len() <= self.max_bytes;
        if has_room {
            self.bytes += fragment.len();
            self.records.push((*header, fragment.to_vec()));
        }
        has_room
    }

    /// Hands all of them out, in the order they came.
    pub(crate) fn take(&mut self) -> Vec<(Header, Vec<u8>)> {
        self.bytes = 0;
        std::mem::take(&mut self.records)
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        self.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ContentType;

    #[test]
    fn number_and_bytes_are_bounded() {
        let header = Header::new(ContentType::APPLICATION_DATA, 1, 0);
        let mut early = EarlyRecords::new(3, 100);
        assert!(early.keep(&header, &[1; 60]));
        assert!(!early.keep(&header, &[2; 50]));
        assert!(early.keep(&header, &[3; 40]));
        assert!(early.keep(&header, &[]));
        assert!(!early.keep(&header, &[]));
        let lens: Vec<usize> = early.take().iter().map(|(_, fragment)| fragment.len()).collect();
        assert_eq!(lens, [60, 40, 0]);
        assert!(early.keep(&header, &[4; 100]));
    }
}
