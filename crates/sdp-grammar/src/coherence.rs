//! What one line says of another, in a description whose lines are each sound.

use crate::Fault;
use crate::lines::Line;
use crate::scan::Scan;
use std::collections::{BTreeMap, BTreeSet};

/// Payload types that a packet of RTCP could be taken for (RFC 5761 §4).
const LIKE_RTCP: std::ops::RangeInclusive<u8> = 64..=95;
const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

pub(crate) fn check(lines: &[Line<'_>]) -> Vec<Fault> {
    let session = Level { lines: lines.iter().filter(|line| line.section.is_none()).collect() };
    let count = lines.iter().filter_map(|line| line.section).max().map_or(0, |last| last + 1);
    let of = |index| Level { lines: lines.iter().filter(|line| line.section == Some(index)).collect() };
    let sections: Vec<Level<'_>> = (0..count).map(of).collect();
    let mut faults = Vec::new();
    faults.extend(names(&session, &sections));
    for section in &sections {
        faults.extend(section.directions());
        faults.extend(section.connection(&session));
        if !section.is_rejected() {
            faults.extend(section.payload_types());
            faults.extend(section.transport(&session));
            faults.extend(section.encodings());
            faults.extend(section.channels());
        }
    }
    for group in session.all("group").filter(|(_, value)| value.starts_with("BUNDLE")) {
        let members: Vec<&Level<'_>> = sections.iter().filter(|section| section.is_member(group.1)).collect();
        faults.extend(shared(&members));
    }
    faults
}

/// The session's lines, or those of a section.
struct Level<'a> {
    lines: Vec<&'a Line<'a>>,
}

impl<'a> Level<'a> {
    /// All attributes of that name, with their values.
    fn all(&self, name: &str) -> impl Iterator<Item = (&'a Line<'a>, &'a str)> {
        self.lines.iter().filter_map(move |line| match line.attribute() {
            Some((it, value)) if it == name => Some((*line, value.unwrap_or_default())),
            _ => None,
        })
    }

    fn first(&self, name: &str) -> Option<&'a str> {
        self.all(name).next().map(|(_, value)| value)
    }

    fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// A section's first line.
    fn head(&self) -> &'a Line<'a> {
        self.lines[0]
    }

    /// The words of its `m=` line: media, port, protocol, formats.
    fn words(&self) -> impl Iterator<Item = &'a str> {
        self.head().value().split(' ')
    }

    fn is_rejected(&self) -> bool {
        self.words().nth(1) == Some("0") && !self.has("bundle-only")
    }

    fn is_rtp(&self) -> bool {
        self.words().nth(2).is_some_and(|protocol| protocol.contains("RTP/"))
    }

    /// Whether its group begins with another section.
    fn follows(&self, session: &Self) -> bool {
        let mid = self.first("mid").unwrap_or_default();
        let mut groups = session.all("group").filter(|(_, group)| group.starts_with("BUNDLE") && self.is_member(group));
        groups.any(|(_, group)| group.split(' ').nth(1) != Some(mid))
    }

    fn is_member(&self, group: &str) -> bool {
        self.first("mid").is_some_and(|mid| group.split(' ').skip(1).any(|tag| tag == mid))
    }

    /// One direction is said, or none.
    fn directions(&self) -> Vec<Fault> {
        let said =
            self.lines.iter().filter(|line| line.attribute().is_some_and(|(name, _)| DIRECTIONS.contains(&name)));
        said.skip(1).map(|line| line.fault("another direction")).collect()
    }

    /// RFC 8866 §5.7: a `c=` line stands above all sections, or in each.
    fn connection(&self, session: &Self) -> Option<Fault> {
        let has = |level: &Self| level.lines.iter().any(|line| line.text.starts_with("c="));
        (!has(self) && !has(session)).then(|| self.head().fault("nothing says c="))
    }

    /// Every number that stands for something is listed, and every listed one stands for one thing.
    fn payload_types(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !self.is_rtp() {
            return faults;
        }
        let formats: Vec<&str> = self.words().skip(3).collect();
        let listed: BTreeSet<&str> = formats.iter().copied().collect();
        if listed.len() != formats.len() {
            faults.push(self.head().fault("a format is listed twice"));
        }
        for name in ["rtpmap", "fmtp", "rtcp-fb"] {
            let mut seen = BTreeSet::new();
            for (line, value) in self.all(name) {
                let format = value.split(' ').next().unwrap_or_default();
                if format != "*" && !listed.contains(format) {
                    faults.push(line.fault("its format is not on the m= line"));
                }
                if !seen.insert(if name == "rtcp-fb" { value } else { format }) {
                    faults.push(line.fault("said before"));
                }
            }
        }
        let mapped: BTreeSet<&str> = self.maps().map(|(format, _)| format).collect();
        for format in &formats {
            match Scan::new(format).payload_type() {
                Ok(number) if LIKE_RTCP.contains(&number) && self.has("rtcp-mux") => {
                    faults.push(self.head().fault(format!("{number} looks like RTCP")));
                }
                Ok(number) if number >= 35 && !mapped.contains(format) => {
                    faults.push(self.head().fault(format!("nothing says what {number} is")));
                }
                Ok(_) => {}
                Err(problem) => faults.push(self.head().fault(problem)),
            }
        }
        faults.extend(self.repairs(&mapped));
        faults
    }

    /// Format and encoding of each `a=rtpmap`.
    fn maps(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.all("rtpmap").filter_map(|(_, value)| value.split_once(' '))
    }

    /// RFC 4588 §8.6: a retransmission says of what, in the section.
    fn repairs(&self, mapped: &BTreeSet<&str>) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (format, encoding) in self.maps().filter(|(_, encoding)| encoding.to_ascii_lowercase().starts_with("rtx/"))
        {
            let parameters =
                self.all("fmtp").filter_map(|(_, value)| value.split_once(' ')).find(|(it, _)| *it == format);
            let of = parameters.and_then(|(_, text)| text.split(';').find_map(|it| it.trim().strip_prefix("apt=")));
            if !of.is_some_and(|of| mapped.contains(of) && of != format) {
                faults.push(self.head().fault(format!("{format} {encoding} repeats nothing of this section")));
            }
        }
        faults
    }

    /// RFC 8829 §5: a section that is in use says, itself or by its session, how to reach and to check its peer. One that
    /// follows another in a group may leave it to that one (RFC 9143 §7.1.3).
    fn transport(&self, session: &Self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let is_secured = self.words().nth(2).is_some_and(|protocol| protocol.contains("TLS"));
        let [both, bundled] = [["ice-ufrag", "ice-pwd"], ["fingerprint", "setup"]]
            .map(|names| names.map(|name| self.has(name) || session.has(name)));
        if both[0] != both[1] {
            faults.push(self.head().fault("half of the ICE credentials"));
        }
        if is_secured && !self.follows(session) && ![both, bundled].concat().iter().all(|it| *it) {
            faults.push(self.head().fault("no credentials, fingerprint or role"));
        }
        if self.is_rtp() && self.has("candidate") && !self.has("rtcp-mux") {
            faults.push(self.head().fault("RTCP has nowhere to go"));
        }
        faults
    }

    /// RFC 8841 §5 and §4.2: data channels say their port, the drafts before it in words of their own.
    fn channels(&self) -> Option<Fault> {
        let says = |name| self.has(name);
        let protocol = self.words().nth(2).filter(|protocol| protocol.ends_with("DTLS/SCTP"))?;
        let format = self.words().nth(3).unwrap_or_default();
        let sound = if protocol == "DTLS/SCTP" {
            self.first("sctpmap").is_some_and(|map| map.split(' ').next() == Some(format)) && !says("sctp-port")
        } else {
            says("sctp-port") && !says("sctpmap") && format == "webrtc-datachannel"
        };
        (!sound).then(|| self.head().fault("protocol, format and port do not fit"))
    }

    /// Encodings that `a=simulcast` names have an `a=rid` of that direction, and sources a group names a line of their own.
    fn encodings(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let rids: BTreeSet<(&str, &str)> = self
            .all("rid")
            .filter_map(|(_, value)| {
                let mut words = value.split(' ');
                Some((words.next()?, words.next()?))
            })
            .collect();
        for (line, value) in self.all("simulcast") {
            let words: Vec<&str> = value.split(' ').collect();
            for pair in words.chunks_exact(2) {
                let names = pair[1].split([',', ';']).map(|it| it.trim_start_matches('~'));
                if names.into_iter().any(|name| !rids.contains(&(name, pair[0]))) {
                    faults.push(line.fault("a rid that no line explains"));
                }
            }
        }
        let known: BTreeSet<&str> = self.all("ssrc").filter_map(|(_, value)| value.split(' ').next()).collect();
        for (line, value) in self.all("ssrc-group") {
            if value.split(' ').skip(1).any(|ssrc| !known.contains(ssrc)) {
                faults.push(line.fault("a source that no line explains"));
            }
        }
        faults
    }
}

/// Every section has a name of its own, and groups are of sections there are (RFC 5888 §9.2, RFC 9143 §7).
fn names(session: &Level<'_>, sections: &[Level<'_>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut mids = BTreeMap::new();
    for section in sections {
        match section.first("mid") {
            Some(mid) if mids.insert(mid, section).is_some() => faults.push(section.head().fault("its mid is taken")),
            Some(_) => {}
            None if session.has("group") => faults.push(section.head().fault("it has no mid")),
            None => {}
        }
    }
    let mut bundled = BTreeSet::new();
    for (line, value) in session.all("group") {
        for tag in value.split(' ').skip(1) {
            match mids.get(tag) {
                None => faults.push(line.fault(format!("no section is called {tag}"))),
                Some(section) if section.is_rejected() => faults.push(line.fault(format!("{tag} is rejected"))),
                Some(_) => {}
            }
            if value.starts_with("BUNDLE") && !bundled.insert(tag) {
                faults.push(line.fault(format!("{tag} is in the group already")));
            }
        }
    }
    faults
}

/// RFC 9143 §9.1 and §9.2, RFC 8285 §5: numbers mean one thing in all sections that share a transport.
fn shared(members: &[&Level<'_>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (mut extensions, mut encodings) = (BTreeMap::new(), BTreeMap::new());
    let mut tracks = BTreeSet::new();
    for section in members {
        let mut uris = BTreeSet::new();
        for (line, value) in section.all("extmap") {
            let (id, uri) = value.split_once(' ').unwrap_or_default();
            let id = id.split('/').next().unwrap_or_default();
            if *extensions.entry(id).or_insert(uri) != uri {
                faults.push(line.fault("this id means something else in the group"));
            }
            if !uris.insert(uri) {
                faults.push(line.fault("this extension has an id already"));
            }
        }
        for (format, encoding) in section.maps() {
            if *encodings.entry(format).or_insert(encoding) != encoding {
                faults.push(section.head().fault(format!("{format} means something else in the group")));
            }
        }
        let streams: BTreeSet<&str> =
            section.all("msid").map(|(_, value)| value).filter(|it| it.contains(' ')).collect();
        faults.extend(
            streams.iter().filter(|it| !tracks.insert(**it)).map(|_| section.head().fault("its track is another's")),
        );
    }
    faults
}

#[cfg(test)]
mod tests {
    const SOUND: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\n\
        a=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
        a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n\
        a=extmap:1 urn:a\r\na=extmap:2 urn:b\r\na=sendrecv\r\na=msid:s t\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n\
        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rid:h send\r\na=simulcast:send h\r\na=ssrc-group:FID 1 2\r\n\
        a=ssrc:1 cname:c\r\na=ssrc:2 cname:c\r\n\
        m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=bundle-only\r\na=mid:1\r\na=extmap:1 urn:a\r\na=rtcp-mux\r\n";

    #[test]
    fn a_sound_description_has_no_fault() {
        assert_eq!(crate::check(SOUND), []);
    }

    /// Each change breaks one rule, and is noticed by it.
    #[test]
    fn each_rule_notices_its_breach() {
        for (from, to, problem) in [
            ("a=mid:1", "a=mid:0", "its mid is taken"),
            ("a=mid:1\r\n", "", "it has no mid"),
            ("BUNDLE 0 1", "BUNDLE 0 1 2", "no section is called 2"),
            ("BUNDLE 0 1", "BUNDLE 0 1 1", "1 is in the group already"),
            ("a=bundle-only\r\n", "", "1 is rejected"),
            ("a=sendrecv\r\n", "a=sendrecv\r\na=sendonly\r\n", "another direction"),
            ("c=IN IP4 0.0.0.0\r\na=mid:0", "a=mid:0", "nothing says c="),
            ("SAVPF 96 97", "SAVPF 96 97 96", "a format is listed twice"),
            ("SAVPF 96 97", "SAVPF 96 97 98", "nothing says what 98 is"),
            ("SAVPF 96 97", "SAVPF 96 97 72", "72 looks like RTCP"),
            ("a=rtcp-fb:96 nack", "a=rtcp-fb:98 nack", "its format is not on the m= line"),
            ("a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack", "said before"),
            ("apt=96", "apt=97", "97 rtx/90000 repeats nothing of this section"),
            ("a=ice-pwd:0123456789012345678901\r\n", "", "half of the ICE credentials"),
            ("a=setup:actpass\r\n", "", "no credentials, fingerprint or role"),
            ("a=rid:h send", "a=rid:l send", "a rid that no line explains"),
            ("FID 1 2", "FID 1 3", "a source that no line explains"),
            ("a=mid:1\r\na=extmap:1 urn:a", "a=mid:1\r\na=extmap:1 urn:b", "this id means something else in the group"),
            ("extmap:2 urn:b", "extmap:2 urn:a", "this extension has an id already"),
            ("a=mid:1\r\n", "a=mid:1\r\na=msid:s t\r\n", "its track is another's"),
            (
                "SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n",
                "SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 L16/8000\r\n",
                "96 means something else in the group",
            ),
        ] {
            let changed = SOUND.replacen(from, to, 1);
            assert_ne!(changed, SOUND, "{from}");
            let found: Vec<String> = crate::check(&changed).into_iter().map(|fault| fault.problem).collect();
            assert!(found.iter().any(|it| it == problem), "{problem}: {found:?}");
        }
    }
}
