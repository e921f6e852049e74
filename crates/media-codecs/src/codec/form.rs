//! A codec in one of the forms that descriptions tell apart.

use ortica_rtp::PayloadType;

use super::{Codec, h264::H264Form};

/// A codec in one of the forms that descriptions tell apart: what a payload type stands for.
///
/// Most codecs have one, whatever else `a=fmtp` says of them. Others have several, which are offered side by side and of which
/// an answer takes those that it has as well ([`matches`](Self::matches)).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Form {
    /// [`Codec::Opus`].
    Opus,
    /// [`Codec::Vp8`].
    Vp8,
    /// [`Codec::Vp9`] of profile 0.
    Vp9,
    /// [`Codec::Av1`] of profile 0.
    Av1,
    /// [`Codec::H265`] of the main profile, its units in one stream and in decoding order.
    H265,
    /// [`Codec::G722`].
    G722,
    /// [`Codec::Pcmu`].
    Pcmu,
    /// [`Codec::Pcma`].
    Pcma,
    /// [`Codec::H264`] with a profile, a level and a way to put it into packets.
    H264(H264Form),
}

impl Form {
    /// The forms in which a codec is offered, best liked first; never none.
    pub fn offered(codec: Codec) -> impl Iterator<Item = Self> {
        let (only, several): (Option<Self>, &[H264Form]) = match codec {
            Codec::Opus => (Some(Self::Opus), &[]),
            Codec::Vp8 => (Some(Self::Vp8), &[]),
            Codec::Vp9 => (Some(Self::Vp9), &[]),
            Codec::Av1 => (Some(Self::Av1), &[]),
            Codec::H265 => (Some(Self::H265), &[]),
            Codec::G722 => (Some(Self::G722), &[]),
            Codec::Pcmu => (Some(Self::Pcmu), &[]),
            Codec::Pcma => (Some(Self::Pcma), &[]),
            Codec::H264 => (None, &H264Form::OFFERED),
        };
        only.into_iter().chain(several.iter().copied().map(Self::H264))
    }

    /// The form that `a=fmtp` tells; `None` for one that is not known here.
    pub fn read(codec: Codec, fmtp: Option<&str>) -> Option<Self> {
        match codec {
            Codec::H264 => H264Form::read(fmtp.unwrap_or_default()).map(Self::H264),
            Codec::Vp9 => (parameter_number(fmtp.unwrap_or_default(), "profile-id", 0) == Some(0)).then_some(Self::Vp9),
            Codec::H265 => is_main_h265(fmtp.unwrap_or_default()).then_some(Self::H265),
            codec => Some(codec.into()),
        }
    }

    /// The codec.
    pub const fn codec(self) -> Codec {
        match self {
            Self::Opus => Codec::Opus,
            Self::Vp8 => Codec::Vp8,
            Self::Vp9 => Codec::Vp9,
            Self::Av1 => Codec::Av1,
            Self::H265 => Codec::H265,
            Self::G722 => Codec::G722,
            Self::Pcmu => Codec::Pcmu,
            Self::Pcma => Codec::Pcma,
            Self::H264(_) => Codec::H264,
        }
    }

    /// Whether two sides that have these have a format in common. What is negotiated within it, such as a level, does not count.
    pub fn matches(self, other: Self) -> bool {
        match (self, other) {
            (Self::H264(one), Self::H264(other)) => one.matches(other),
            (one, other) => one.codec() == other.codec(),
        }
    }

    /// What an answer says where this side has `self` and an offer said `offered`, which [`matches`](Self::matches).
    #[must_use]
    pub fn answer(self, offered: Self) -> Self {
        match (self, offered) {
            (Self::H264(ours), Self::H264(offered)) => Self::H264(ours.answer(offered)),
            (ours, _) => ours,
        }
    }

    /// What may be sent where this side has `self` and the other one said `theirs`, which [`matches`](Self::matches).
    #[must_use]
    pub fn sent(self, theirs: Self) -> Self {
        match (self, theirs) {
            (Self::H264(ours), Self::H264(theirs)) => Self::H264(ours.sent(theirs)),
            (ours, _) => ours,
        }
    }

    /// The `a=fmtp` parameters to write, in order.
    pub fn parameters(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Opus => vec![("minptime", "10".to_owned()), ("useinbandfec", "1".to_owned())],
            Self::Vp8 | Self::G722 | Self::Pcmu | Self::Pcma => Vec::new(),
            Self::Vp9 => vec![("profile-id", "0".to_owned())],
            Self::Av1 => [("level-idx", "5"), ("profile", "0"), ("tier", "0")].map(owned).into(),
            Self::H265 => {
                [("level-id", "93"), ("profile-id", "1"), ("tier-flag", "0"), ("tx-mode", "SRST")].map(owned).into()
            }
            Self::H264(form) => form.parameters(),
        }
    }

    /// The `a=fmtp` parameters in one line, if there are any.
    pub fn fmtp(self) -> Option<String> {
        let parameters: Vec<String> =
            self.parameters().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        Some(parameters.join(";")).filter(|line| !line.is_empty())
    }

    /// The payload type to offer if nothing else holds it: the static one, or one near those of browsers. Retransmissions have
    /// the next one.
    pub fn preferred_payload_type(self) -> PayloadType {
        match self {
            Self::Pcmu => PayloadType(0),
            Self::Pcma => PayloadType(8),
            Self::G722 => PayloadType(9),
            Self::Opus => PayloadType(111),
            Self::Vp8 => PayloadType(96),
            Self::Vp9 => PayloadType(98),
            Self::Av1 => PayloadType(100),
            Self::H265 => PayloadType(124),
            Self::H264(form) => {
                const NUMBERS: [u8; 8] = [102, 104, 106, 108, 114, 116, 118, 120];
                let at = H264Form::OFFERED.iter().position(|offered| offered.matches(form));
                PayloadType(at.and_then(|at| NUMBERS.get(at).copied()).unwrap_or(122))
            }
        }
    }
}

impl From<Codec> for Form {
    /// The form that is offered first.
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::Opus => Self::Opus,
            Codec::Vp8 => Self::Vp8,
            Codec::Vp9 => Self::Vp9,
            Codec::Av1 => Self::Av1,
            Codec::H265 => Self::H265,
            Codec::G722 => Self::G722,
            Codec::Pcmu => Self::Pcmu,
            Codec::Pcma => Self::Pcma,
            Codec::H264 => {
                let [first, ..] = H264Form::OFFERED;
                Self::H264(first)
            }
        }
    }
}

fn owned((key, value): (&'static str, &str)) -> (&'static str, String) {
    (key, value.to_owned())
}

/// Whether it is the main profile, in one stream, whose units need no numbers.
///
/// Source: [RFC 7798 §7.1](https://www.rfc-editor.org/rfc/rfc7798#section-7.1)
fn is_main_h265(fmtp: &str) -> bool {
    parameter_number(fmtp, "profile-space", 0) == Some(0)
        && parameter_number(fmtp, "profile-id", 1) == Some(1)
        && parameter_number(fmtp, "sprop-max-don-diff", 0) == Some(0)
        && parameter(fmtp, "tx-mode").is_none_or(|mode| mode.eq_ignore_ascii_case("SRST"))
}

/// A parameter of `a=fmtp`; letters of its name of either case.
pub(crate) fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    let pairs = fmtp.split(';').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}

/// A parameter that is a number, or what its absence means; `None` for what is no number.
pub(super) fn parameter_number(fmtp: &str, name: &str, absent: u32) -> Option<u32> {
    parameter(fmtp, name).map_or(Some(absent), |value| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_back_from_what_it_writes_and_has_a_number_of_its_own() {
        let mut numbers = Vec::new();
        for &codec in Codec::ALL {
            let forms: Vec<Form> = Form::offered(codec).collect();
            assert_eq!(forms.first().copied(), Some(codec.into()));
            for (at, form) in forms.iter().enumerate() {
                assert_eq!((form.codec(), Form::read(codec, form.fmtp().as_deref())), (codec, Some(*form)));
                let alike: Vec<usize> = (0..forms.len()).filter(|other| forms[*other].matches(*form)).collect();
                assert_eq!(alike, [at], "{form:?}");
                numbers.push(form.preferred_payload_type().0);
                numbers.extend(
                    codec.default_feedback().iter().any(|it| it.kind == "nack").then(|| numbers[numbers.len() - 1] + 1),
                );
            }
        }
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count, "{numbers:?}");
        assert!(numbers.iter().all(|number| *number < 35 || (96..=127).contains(number)), "{numbers:?}");
        // Those of telephone events.
        assert!([110, 113, 126].iter().all(|number| !numbers.contains(number)), "{numbers:?}");
    }

    #[test]
    fn forms_of_different_codecs_have_nothing_in_common() {
        assert!(Form::Opus.matches(Form::Opus));
        assert!(!Form::Vp8.matches(Codec::H264.into()) && !Form::Opus.matches(Form::Pcmu));
    }

    #[test]
    fn vp9_and_h265_of_other_profiles_are_not_known() {
        let read = |codec, fmtp| Form::read(codec, fmtp);
        for fmtp in [None, Some("profile-id=0"), Some("max-fr=30")] {
            assert_eq!(read(Codec::Vp9, fmtp), Some(Form::Vp9), "{fmtp:?}");
        }
        for fmtp in ["profile-id=1", "profile-id=2", "profile-id=x"] {
            assert_eq!(read(Codec::Vp9, Some(fmtp)), None, "{fmtp}");
        }
        let chromium = "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST";
        assert_eq!((read(Codec::H265, None), read(Codec::H265, Some(chromium))), (Some(Form::H265), Some(Form::H265)));
        for fmtp in ["profile-id=2", "tx-mode=MRST", "sprop-max-don-diff=1"] {
            assert_eq!(read(Codec::H265, Some(fmtp)), None, "{fmtp}");
        }
        assert_eq!(read(Codec::Av1, Some("profile=1;level-idx=8")), Some(Form::Av1), "the profile is not matched");
    }

    #[test]
    fn parameters_are_found_in_any_spelling() {
        assert_eq!(parameter(" Apt = 96 ;x=y", "apt"), Some("96"));
        assert_eq!(parameter("useinbandfec=1;minptime=10", "minptime"), Some("10"));
        assert_eq!(parameter("0-15", "events"), None);
        assert_eq!(parameter_number("a=b", "a", 0), None);
        assert_eq!(parameter_number("", "a", 7), Some(7));
    }
}
