//! What this crate reads in each description of a folder, as JSON beside it, for `interop/sdp` to compare:
//! `cargo run -p ortica-sdp --example summary -- FOLDER`.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;

use ortica_sdp::{Section, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sdp") {
            summarise(&path)?;
        }
    }
    Ok(())
}

fn summarise(path: &Path) -> Result<(), Box<dyn Error>> {
    let session: Session = std::fs::read_to_string(path)?.parse()?;
    let mut json = Json::default();
    json.open('{');
    json.text("id", Some(session.origin.session_id));
    json.text("version", Some(session.origin.session_version));
    json.list("groups", session.groups().map(|group| [group.semantics.to_string(), group.mids.join(" ")]));
    json.key("media");
    json.open('[');
    session.sections().for_each(|section| summarise_section(&section, &mut json));
    json.close(']');
    json.close('}');
    std::fs::write(path.with_extension("json"), json.out)?;
    Ok(())
}

/// A section's own lines; what it takes over from above is none of them.
fn summarise_section(section: &Section<'_>, json: &mut Json) {
    let media = section.media();
    json.open('{');
    json.text("kind", Some(&media.kind));
    json.text("port", Some(media.port));
    json.text("protocol", Some(&media.protocol));
    json.text("formats", Some(words(&media.formats)));
    json.text("mid", media.mid());
    json.text("direction", media.direction());
    json.text("setup", media.setup());
    json.text("ufrag", media.ice_ufrag());
    json.text("pwd", media.ice_pwd());
    json.text("options", media.ice_options());
    let fingerprint = media.fingerprints().last().map(ToString::to_string);
    json.key("fingerprint");
    match fingerprint.as_deref().and_then(|it| it.split_once(' ')) {
        Some((hash, value)) => json.array([hash, value]),
        None => json.raw("null"),
    }
    json.list("candidates", media.candidates().map(candidate));
    json.flag("ended", media.end_of_candidates());
    let channels = |it: &ortica_sdp::RtpMap| it.written_channels.map(|channels| channels.to_string());
    json.key("rtpmaps");
    json.open('[');
    for map in media.rtpmaps() {
        json.optional_array([
            Some(map.payload_type.to_string()),
            Some(map.encoding.clone()),
            Some(map.clock_rate.to_string()),
            channels(map),
        ]);
    }
    json.close(']');
    json.list("fmtps", media.fmtps().map(|it| [it.format.to_string(), it.parameters.to_string()]));
    json.list("feedback", media.attributes.iter().filter_map(feedback));
    json.list("extensions", media.extmaps().map(|it| [it.id.to_string(), it.uri.clone()]));
    let ssrcs = media.ssrcs().map(|it| [it.ssrc.to_string(), it.name.clone(), it.value.clone().unwrap_or_default()]);
    json.list("ssrcs", ssrcs);
    json.list("ssrcGroups", media.ssrc_groups().map(|it| [it.semantics.to_string(), words(&it.ssrcs)]));
    json.key("msids");
    let msids: Vec<String> = media.msids().map(ToString::to_string).collect();
    json.array(msids.iter().map(String::as_str));
    json.flag("mux", media.rtcp_mux());
    json.flag("reduced", media.rtcp_rsize());
    json.text("sctpPort", media.sctp_port().filter(|_| media.has("sctp-port")));
    json.text("maxMessageSize", media.has("max-message-size").then(|| media.max_message_size()));
    json.close('}');
}

fn words<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Payload type and what it may use.
fn feedback(attribute: &ortica_sdp::Attribute) -> Option<[String; 2]> {
    let ortica_sdp::Attribute::RtcpFeedback(feedback) = attribute else { return None };
    let payload_type = feedback.payload_type.map_or("*".to_owned(), |number| number.to_string());
    Some([payload_type, feedback.feedback.to_string()])
}

/// Foundation, component, transport, priority, address, port and type.
fn candidate(text: &str) -> [String; 7] {
    let mut words = text.split(' ').filter(|word| *word != "typ").map(str::to_owned);
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

/// JSON in the making.
#[derive(Default)]
struct Json {
    out: String,
}

impl Json {
    /// A comma where a value precedes.
    fn separate(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with(['{', '[', ':']) {
            self.out.push(',');
        }
    }

    fn open(&mut self, bracket: char) {
        self.separate();
        self.out.push(bracket);
    }

    fn close(&mut self, bracket: char) {
        self.out.push(bracket);
    }

    fn raw(&mut self, value: &str) {
        self.separate();
        self.out.push_str(value);
    }

    fn string(&mut self, value: &str) {
        self.separate();
        self.out.push('"');
        for character in value.chars() {
            match character {
                '"' | '\\' => self.out.extend(['\\', character]),
                ' '.. => self.out.push(character),
                _ => {
                    let _ = write!(self.out, "\\u{:04x}", u32::from(character));
                }
            }
        }
        self.out.push('"');
    }

    fn key(&mut self, key: &str) {
        self.string(key);
        self.out.push(':');
    }

    fn text(&mut self, key: &str, value: Option<impl ToString>) {
        self.key(key);
        match value {
            Some(value) => self.string(&value.to_string()),
            None => self.raw("null"),
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.raw(if value { "true" } else { "false" });
    }

    fn array<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) {
        self.optional_array(values.into_iter().map(|value| Some(value.to_owned())));
    }

    fn optional_array(&mut self, values: impl IntoIterator<Item = Option<String>>) {
        self.open('[');
        for value in values {
            match value {
                Some(value) => self.string(&value),
                None => self.raw("null"),
            }
        }
        self.close(']');
    }

    fn list<const N: usize>(&mut self, key: &str, rows: impl Iterator<Item = [String; N]>) {
        self.key(key);
        self.open('[');
        rows.for_each(|row| self.array(row.iter().map(String::as_str)));
        self.close(']');
    }
}
