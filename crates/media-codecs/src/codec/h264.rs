//! H.264 as descriptions say it: profiles, levels and packetization modes.
//!
//! Source: [RFC 6184 §8.1](https://www.rfc-editor.org/rfc/rfc6184#section-8.1)

use std::fmt;

use super::form::{parameter, parameter_number};

/// H.264 in one of the forms in which it is negotiated.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct H264Form {
    /// Which tools of the codec a stream may use. Both sides have the same one.
    pub profile: Profile,
    /// How large pictures may be, and how many.
    pub level: Level,
    /// How frames are put into packets. Both sides have the same one.
    pub packetization_mode: PacketizationMode,
    /// Each side may send up to the level of the other, whatever its own is.
    pub level_asymmetry_allowed: bool,
}

/// How frames are put into packets.
///
/// Source: [RFC 6184 §5.4](https://www.rfc-editor.org/rfc/rfc6184#section-5.4). The interleaved mode is not spoken here, as
/// nowhere in WebRTC ([RFC 7742 §6.2](https://www.rfc-editor.org/rfc/rfc7742#section-6.2)).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PacketizationMode {
    /// Each NAL unit in a packet of its own: mode 0.
    SingleNalUnit,
    /// Small NAL units together, large ones in pieces, in the order of decoding: mode 1.
    NonInterleaved,
}

impl PacketizationMode {
    /// The number of `packetization-mode`.
    pub const fn number(self) -> u8 {
        match self {
            Self::SingleNalUnit => 0,
            Self::NonInterleaved => 1,
        }
    }
}

/// The tools of the codec that a stream may use, by the names of the standard.
///
/// Source: [RFC 6184 table 5](https://www.rfc-editor.org/rfc/rfc6184#page-41), ITU-T H.264 annex A
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Profile {
    /// What Baseline and Main have in common; every WebRTC endpoint has it.
    ConstrainedBaseline,
    /// With flexible order of macroblocks.
    Baseline,
    /// With arithmetic coding and pictures that refer to later ones.
    Main,
    /// Main with a larger transform, without interlacing and references to later pictures.
    ConstrainedHigh,
    /// Main with a larger transform.
    High,
}

impl Profile {
    /// What `profile_idc` and the constraint flags say: several pairs mean the same profile.
    const PATTERNS: [(u8, u8, u8, Self); 8] = [
        // profile_idc, bits of profile-iop that count, their values
        (0x42, 0b0100_1111, 0b0100_0000, Self::ConstrainedBaseline),
        (0x4d, 0b1000_1111, 0b1000_0000, Self::ConstrainedBaseline),
        (0x58, 0b1100_1111, 0b1100_0000, Self::ConstrainedBaseline),
        (0x42, 0b0100_1111, 0b0000_0000, Self::Baseline),
        (0x58, 0b1100_1111, 0b1000_0000, Self::Baseline),
        (0x4d, 0b1010_1111, 0b0000_0000, Self::Main),
        (0x64, 0b1111_1111, 0b0000_1100, Self::ConstrainedHigh),
        (0x64, 0b1111_1111, 0b0000_0000, Self::High),
    ];

    fn read(idc: u8, iop: u8) -> Option<Self> {
        let known = Self::PATTERNS.iter().find(|(pattern, mask, value, _)| *pattern == idc && iop & mask == *value);
        known.map(|(.., profile)| *profile)
    }

    const fn bytes(self) -> [u8; 2] {
        match self {
            Self::ConstrainedBaseline => [0x42, 0xe0],
            Self::Baseline => [0x42, 0x00],
            Self::Main => [0x4d, 0x00],
            Self::ConstrainedHigh => [0x64, 0x0c],
            Self::High => [0x64, 0x00],
        }
    }

    /// Level 1b has no number of its own in these profiles, but that of level 1.1 with a flag.
    const fn flags_level_1b(self) -> bool {
        matches!(self, Self::ConstrainedBaseline | Self::Baseline | Self::Main)
    }
}

/// How large pictures of a stream may be, and how many; the higher, the more.
///
/// Source: ITU-T H.264 table A-1
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Level(u8);

/// Number, letter, macroblocks in a second, macroblocks of a picture, kilobits in a second.
type Row = (u8, &'static str, u32, u32, u32);

const LEVELS: [Row; 20] = [
    (10, "", 1_485, 99, 64),
    (9, "b", 1_485, 99, 128),
    (11, "", 3_000, 396, 192),
    (12, "", 6_000, 396, 384),
    (13, "", 11_880, 396, 768),
    (20, "", 11_880, 396, 2_000),
    (21, "", 19_800, 792, 4_000),
    (22, "", 20_250, 1_620, 4_000),
    (30, "", 40_500, 1_620, 10_000),
    (31, "", 108_000, 3_600, 14_000),
    (32, "", 216_000, 5_120, 20_000),
    (40, "", 245_760, 8_192, 20_000),
    (41, "", 245_760, 8_192, 50_000),
    (42, "", 522_240, 8_704, 50_000),
    (50, "", 589_824, 22_080, 135_000),
    (51, "", 983_040, 36_864, 240_000),
    (52, "", 2_073_600, 36_864, 240_000),
    (60, "", 4_177_920, 139_264, 240_000),
    (61, "", 8_355_840, 139_264, 480_000),
    (62, "", 16_711_680, 139_264, 800_000),
];

const CONSTRAINT_SET3: u8 = 0b0001_0000;

impl Level {
    /// Level 1: pictures of 176x144.
    pub const L1: Self = Self(0);
    /// Level 1b.
    pub const L1B: Self = Self(1);
    /// Level 3.1: 1280x720 thirty times a second.
    pub const L3_1: Self = Self(9);

    /// All of them, from the least on.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..LEVELS.len() as u8).map(Self)
    }

    /// The level of a `level_idc`: ten times its number, and 9 for 1b.
    pub fn from_idc(idc: u8) -> Option<Self> {
        Self::all().find(|level| level.row().0 == idc)
    }

    fn row(self) -> Row {
        LEVELS.get(usize::from(self.0)).copied().unwrap_or((10, "", 1_485, 99, 64))
    }

    /// The most macroblocks of 16 by 16 pixels in a picture.
    pub fn max_macroblocks(self) -> u32 {
        self.row().3
    }

    /// The most macroblocks in a second.
    pub fn max_macroblock_rate(self) -> u32 {
        self.row().2
    }

    /// The most bits in a second.
    pub fn max_bitrate(self) -> u32 {
        self.row().4 * 1_000
    }
}

impl fmt::Display for Level {
    /// As the standard writes it: `3.1`, `1b`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            (_, letter @ "b", ..) => write!(f, "1{letter}"),
            (idc, ..) if idc % 10 == 0 => write!(f, "{}", idc / 10),
            (idc, ..) => write!(f, "{}.{}", idc / 10, idc % 10),
        }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Level({self})")
    }
}

/// Reads a `profile-level-id`: six hexadecimal digits.
pub fn read_profile_level_id(text: &str) -> Option<(Profile, Level)> {
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let [_, idc, iop, level] = u32::from_str_radix(text, 16).ok()?.to_be_bytes();
    let profile = Profile::read(idc, iop)?;
    let level = match level {
        11 if profile.flags_level_1b() && iop & CONSTRAINT_SET3 != 0 => Level::L1B,
        9 if profile.flags_level_1b() => return None,
        level => Level::from_idc(level)?,
    };
    Some((profile, level))
}

/// Writes a `profile-level-id`.
pub fn profile_level_id(profile: Profile, level: Level) -> String {
    let [idc, iop] = profile.bytes();
    match level {
        Level::L1B if profile.flags_level_1b() => format!("{idc:02x}{:02x}0b", iop | CONSTRAINT_SET3),
        level => format!("{idc:02x}{iop:02x}{:02x}", level.row().0),
    }
}

impl H264Form {
    /// What is offered, best liked first: what everybody has before what fewer have, pieces before none.
    pub(super) const OFFERED: [Self; 8] = {
        const fn form(profile: Profile, packetization_mode: PacketizationMode) -> H264Form {
            H264Form { profile, level: Level::L3_1, packetization_mode, level_asymmetry_allowed: true }
        }
        use PacketizationMode::{NonInterleaved, SingleNalUnit};
        [
            form(Profile::ConstrainedBaseline, NonInterleaved),
            form(Profile::ConstrainedBaseline, SingleNalUnit),
            form(Profile::Baseline, NonInterleaved),
            form(Profile::Baseline, SingleNalUnit),
            form(Profile::Main, NonInterleaved),
            form(Profile::Main, SingleNalUnit),
            form(Profile::High, NonInterleaved),
            form(Profile::High, SingleNalUnit),
        ]
    };

    /// What `a=fmtp` says; `None` for a profile, a level or a mode that is not known here. Without a `profile-level-id` it is
    /// Baseline at level 1, without a `packetization-mode` mode 0 (RFC 6184 §8.1).
    pub fn read(fmtp: &str) -> Option<Self> {
        let (profile, level) = match parameter(fmtp, "profile-level-id") {
            Some(id) => read_profile_level_id(id)?,
            None => (Profile::Baseline, Level::L1),
        };
        let packetization_mode = match parameter_number(fmtp, "packetization-mode", 0)? {
            0 => PacketizationMode::SingleNalUnit,
            1 => PacketizationMode::NonInterleaved,
            _ => return None,
        };
        let level_asymmetry_allowed = parameter_number(fmtp, "level-asymmetry-allowed", 0)? == 1;
        Some(Self { profile, level, packetization_mode, level_asymmetry_allowed })
    }

    /// The same but for the level, which is negotiated (RFC 6184 §8.2.2).
    pub fn matches(self, other: Self) -> bool {
        (self.profile, self.packetization_mode) == (other.profile, other.packetization_mode)
    }

    /// What an answer says where this is `self` and the offer said `offered`: our level where each side may have its own, else
    /// the lower one.
    pub fn answer(self, offered: Self) -> Self {
        let level_asymmetry_allowed = self.level_asymmetry_allowed && offered.level_asymmetry_allowed;
        let level = if level_asymmetry_allowed { self.level } else { self.level.min(offered.level) };
        Self { level, level_asymmetry_allowed, ..offered }
    }

    /// What may be sent to a side that said `theirs`: up to its level where each side may have its own, else up to the lower one.
    pub fn sent(self, theirs: Self) -> Self {
        let both = self.level_asymmetry_allowed && theirs.level_asymmetry_allowed;
        let level = if both { theirs.level } else { self.level.min(theirs.level) };
        Self { level, ..theirs }
    }

    /// The parameters of `a=fmtp`, in the order of browsers.
    pub(super) fn parameters(self) -> Vec<(&'static str, String)> {
        let asymmetry = ("level-asymmetry-allowed", "1".to_owned());
        let mode = ("packetization-mode", self.packetization_mode.number().to_string());
        let id = ("profile-level-id", profile_level_id(self.profile, self.level));
        let asymmetry = Some(asymmetry).filter(|_| self.level_asymmetry_allowed);
        asymmetry.into_iter().chain([mode, id]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fmtp: &str) -> H264Form {
        H264Form::read(fmtp).unwrap()
    }

    #[test]
    fn profiles_are_told_by_their_constraint_bits() {
        for (id, profile) in [
            ("42e01f", Profile::ConstrainedBaseline),
            ("42C01F", Profile::ConstrainedBaseline),
            ("42401f", Profile::ConstrainedBaseline),
            ("4d801f", Profile::ConstrainedBaseline),
            ("58c01f", Profile::ConstrainedBaseline),
            ("42001f", Profile::Baseline),
            ("42a01f", Profile::Baseline),
            ("58801f", Profile::Baseline),
            ("4d001f", Profile::Main),
            ("4d401f", Profile::Main),
            ("640c1f", Profile::ConstrainedHigh),
            ("64001f", Profile::High),
        ] {
            assert_eq!(read_profile_level_id(id), Some((profile, Level::L3_1)), "{id}");
        }
        for id in
            ["", "42e01", "42e01f0", "42e01g", "+2e01f", "42e11f", "58001f", "7a001f", "42e000", "42e009", "42e020f"]
        {
            assert_eq!(read_profile_level_id(id), None, "{id}");
        }
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        use Profile::{Baseline, ConstrainedBaseline, ConstrainedHigh, High, Main};
        for profile in [ConstrainedBaseline, Baseline, Main, ConstrainedHigh, High] {
            for level in Level::all() {
                let id = profile_level_id(profile, level);
                assert_eq!(read_profile_level_id(&id), Some((profile, level)), "{id}");
            }
        }
        assert_eq!(profile_level_id(ConstrainedBaseline, Level::L1B), "42f00b");
        assert_eq!(profile_level_id(High, Level::L1B), "640009");
    }

    #[test]
    fn levels_rise() {
        let levels: Vec<Level> = Level::all().collect();
        for pair in levels.windows(2) {
            let figures = |level: Level| [level.max_macroblocks(), level.max_macroblock_rate(), level.max_bitrate()];
            let (low, high) = (figures(pair[0]), figures(pair[1]));
            assert!(pair[0] < pair[1] && low.iter().zip(high).all(|(low, high)| *low <= high), "{pair:?}");
        }
        assert_eq!([levels[0], levels[1], levels[9]].map(|level| level.to_string()), ["1", "1b", "3.1"]);
        assert_eq!((levels[9], Level::L3_1.max_macroblocks()), (Level::L3_1, 3_600));
    }

    #[test]
    fn what_is_absent_has_the_defaults_of_the_rfc() {
        let form = form("");
        assert_eq!((form.profile, form.level), (Profile::Baseline, Level::L1));
        assert_eq!(form.packetization_mode, PacketizationMode::SingleNalUnit);
        assert!(!form.level_asymmetry_allowed);
    }

    /// The guards: the interleaved mode is refused, and so is what cannot be read.
    #[test]
    fn pay_1_the_interleaved_mode_is_refused() {
        for fmtp in ["packetization-mode=2", "packetization-mode=x", "packetization-mode=1;profile-level-id=42e0"] {
            assert_eq!(H264Form::read(fmtp), None, "{fmtp}");
        }
    }

    /// The guards: profile and mode are compared, the level is not, which is agreed on for each way apart.
    #[test]
    fn pay_1_profiles_must_match_and_levels_are_asymmetric() {
        let ours = form("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f");
        let high = form("profile-level-id=42e034; packetization-mode=1; level-asymmetry-allowed=1");
        let low = form("packetization-mode=1;profile-level-id=42e00b");
        for (theirs, answered, sent) in [(high, "3.1", "5.2"), (low, "1.1", "1.1")] {
            assert!(ours.matches(theirs) && theirs.matches(ours));
            assert_eq!(ours.answer(theirs).level.to_string(), answered);
            assert_eq!(ours.sent(theirs).level.to_string(), sent);
        }
        assert!(!ours.answer(low).level_asymmetry_allowed);
        let strict = H264Form { level_asymmetry_allowed: false, ..high };
        assert_eq!((ours.answer(strict).level, ours.sent(strict).level), (Level::L3_1, Level::L3_1));
        for other in ["packetization-mode=0;profile-level-id=42e01f", "packetization-mode=1;profile-level-id=42001f"] {
            assert!(!ours.matches(form(other)), "{other}");
        }
        assert!(ours.matches(form("packetization-mode=1;profile-level-id=4d801f")), "the same profile by another name");
    }
}
