//! The extensions of the hellos, a file each where there is something in them.

pub(crate) mod ec_point_formats;
pub(crate) mod renegotiation_info;
pub(crate) mod server_name;
pub(crate) mod signature_algorithms;
pub(crate) mod supported_groups;
pub(crate) mod supported_versions;
pub(crate) mod use_srtp;

pub(crate) use ec_point_formats::EcPointFormats;
pub(crate) use renegotiation_info::RenegotiationInfo;
pub(crate) use server_name::ServerName;
pub(crate) use signature_algorithms::{SignatureAlgorithm, SignatureAlgorithms};
pub(crate) use supported_groups::{NamedGroup, SupportedGroups};
pub(crate) use supported_versions::SupportedVersions;
pub(crate) use use_srtp::UseSrtp;

use ortica_core::{DecodeError, Reader, Writer};

/// The number of an extension.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ExtensionType(pub u16);

impl ExtensionType {
    pub(crate) const SERVER_NAME: Self = Self(0);
    pub(crate) const SUPPORTED_GROUPS: Self = Self(10);
    pub(crate) const EC_POINT_FORMATS: Self = Self(11);
    pub(crate) const SIGNATURE_ALGORITHMS: Self = Self(13);
    pub(crate) const USE_SRTP: Self = Self(14);
    pub(crate) const EXTENDED_MASTER_SECRET: Self = Self(23);
    pub(crate) const SUPPORTED_VERSIONS: Self = Self(43);
    pub(crate) const SIGNATURE_ALGORITHMS_CERT: Self = Self(50);
    pub(crate) const RENEGOTIATION_INFO: Self = Self(0xff01);
}

/// An extension of a hello of DTLS 1.2.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Extension {
    ServerName(ServerName),
    SupportedGroups(SupportedGroups),
    EcPointFormats(EcPointFormats),
    SignatureAlgorithms(SignatureAlgorithms),
    /// Those of signatures inside of chains, where they are others (RFC 8446 §4.2.3).
    SignatureAlgorithmsCert(SignatureAlgorithms),
    UseSrtp(UseSrtp),
    /// The master secret is to be bound to the transcript (RFC 7627 §5.1). Empty.
    ExtendedMasterSecret,
    /// Only a client's is understood: a server's belongs to DTLS 1.3.
    SupportedVersions(SupportedVersions),
    RenegotiationInfo(RenegotiationInfo),
    /// One not known here, as it came.
    Unknown(ExtensionType, Vec<u8>),
}

impl Extension {
    pub(crate) fn kind(&self) -> ExtensionType {
        match self {
            Self::ServerName(_) => ExtensionType::SERVER_NAME,
            Self::SupportedGroups(_) => ExtensionType::SUPPORTED_GROUPS,
            Self::EcPointFormats(_) => ExtensionType::EC_POINT_FORMATS,
            Self::SignatureAlgorithms(_) => ExtensionType::SIGNATURE_ALGORITHMS,
            Self::SignatureAlgorithmsCert(_) => ExtensionType::SIGNATURE_ALGORITHMS_CERT,
            Self::UseSrtp(_) => ExtensionType::USE_SRTP,
            Self::ExtendedMasterSecret => ExtensionType::EXTENDED_MASTER_SECRET,
            Self::SupportedVersions(_) => ExtensionType::SUPPORTED_VERSIONS,
            Self::RenegotiationInfo(_) => ExtensionType::RENEGOTIATION_INFO,
            Self::Unknown(kind, _) => *kind,
        }
    }

    fn decode(kind: ExtensionType, body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let extension = match kind {
            ExtensionType::SERVER_NAME => Self::ServerName(ServerName::decode(&mut r)?),
            ExtensionType::SUPPORTED_GROUPS => Self::SupportedGroups(SupportedGroups::decode(&mut r)?),
            ExtensionType::EC_POINT_FORMATS => Self::EcPointFormats(EcPointFormats::decode(&mut r)?),
            ExtensionType::SIGNATURE_ALGORITHMS => Self::SignatureAlgorithms(SignatureAlgorithms::decode(&mut r)?),
            ExtensionType::SIGNATURE_ALGORITHMS_CERT => {
                Self::SignatureAlgorithmsCert(SignatureAlgorithms::decode(&mut r)?)
            }
            ExtensionType::USE_SRTP => Self::UseSrtp(UseSrtp::decode(&mut r)?),
            ExtensionType::EXTENDED_MASTER_SECRET => Self::ExtendedMasterSecret,
            ExtensionType::SUPPORTED_VERSIONS => Self::SupportedVersions(SupportedVersions::decode(&mut r)?),
            ExtensionType::RENEGOTIATION_INFO => Self::RenegotiationInfo(RenegotiationInfo::decode(&mut r)?),
            _ => Self::Unknown(kind, r.take_rest().to_vec()),
        };
        r.finish("extension")?;
        Ok(extension)
    }

    fn encode(&self, w: &mut Writer<'_>) {
        match self {
            Self::ServerName(extension) => extension.encode(w),
            Self::SupportedGroups(extension) => extension.encode(w),
            Self::EcPointFormats(extension) => extension.encode(w),
            Self::SignatureAlgorithms(extension) | Self::SignatureAlgorithmsCert(extension) => extension.encode(w),
            Self::UseSrtp(extension) => extension.encode(w),
            Self::ExtendedMasterSecret => {}
            Self::SupportedVersions(extension) => extension.encode(w),
            Self::RenegotiationInfo(extension) => extension.encode(w),
            Self::Unknown(_, body) => {
                w.bytes(body);
            }
        }
    }
}

/// The extensions at the end of a hello; each type at most once.
///
/// Source: [RFC 5246 §7.4.1.4](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.4)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Extensions(pub Vec<Extension>);

/// Defines an accessor for the extension of a variant.
macro_rules! accessor {
    ($name:ident, $variant:ident) => {
        pub(crate) fn $name(&self) -> Option<&$variant> {
            self.0.iter().find_map(|extension| match extension {
                Extension::$variant(found) => Some(found),
                _ => None,
            })
        }
    };
}

impl Extensions {
    /// The most extensions a hello may have. Browsers send about twenty.
    const MAX: usize = 128;

    accessor!(supported_groups, SupportedGroups);
    accessor!(ec_point_formats, EcPointFormats);
    accessor!(signature_algorithms, SignatureAlgorithms);
    accessor!(use_srtp, UseSrtp);
    accessor!(supported_versions, SupportedVersions);
    accessor!(renegotiation_info, RenegotiationInfo);

    pub(crate) fn has(&self, kind: ExtensionType) -> bool {
        self.0.iter().any(|extension| extension.kind() == kind)
    }

    /// The types present.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = ExtensionType> + '_ {
        self.0.iter().map(Extension::kind)
    }

    /// Reads to the end of `r`. A hello may end where the extensions would begin.
    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut extensions = Self::default();
        if r.is_empty() {
            return Ok(extensions);
        }
        let mut list = Reader::new(r.vec16("extensions")?);
        while !list.is_empty() {
            let kind = ExtensionType(list.u16("extension type")?);
            let body = list.vec16("extension")?;
            if extensions.has(kind) || extensions.0.len() == Self::MAX {
                return Err(DecodeError::Invalid("extensions"));
            }
            extensions.0.push(Extension::decode(kind, body)?);
        }
        Ok(extensions)
    }

    /// No extensions leave no trace.
    pub(crate) fn encode(&self, w: &mut Writer<'_>) {
        if self.0.is_empty() {
            return;
        }
        let all = w.length(2);
        for extension in &self.0 {
            w.u16(extension.kind().0);
            let one = w.length(2);
            extension.encode(w);
            w.close(one);
        }
        w.close(all);
    }
}

/// Reads numbers of two bytes to the end of `list`.
fn numbers(list: &[u8], field: &'static str) -> Result<Vec<u16>, DecodeError> {
    let (pairs, rest) = list.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(DecodeError::Invalid(field));
    }
    Ok(pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::srtp::SrtpProfile;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn numbers(max: usize) -> impl Strategy<Value = Vec<u16>> {
        vec(any::<u16>(), 1..max)
    }

    fn extension() -> impl Strategy<Value = Extension> {
        prop_oneof![
            numbers(20).prop_map(|list| {
                Extension::SupportedGroups(SupportedGroups(list.into_iter().map(NamedGroup).collect()))
            }),
            vec(any::<u8>(), 0..20).prop_map(|name| Extension::ServerName(ServerName(name))),
            vec(any::<u8>(), 1..5).prop_map(|formats| Extension::EcPointFormats(EcPointFormats(formats))),
            numbers(20).prop_map(|list| {
                let list = list.into_iter().map(SignatureAlgorithm).collect();
                Extension::SignatureAlgorithms(SignatureAlgorithms(list))
            }),
            numbers(20).prop_map(|list| {
                let list = list.into_iter().map(SignatureAlgorithm).collect();
                Extension::SignatureAlgorithmsCert(SignatureAlgorithms(list))
            }),
            (numbers(6), vec(any::<u8>(), 0..5)).prop_map(|(profiles, mki)| {
                Extension::UseSrtp(UseSrtp { profiles: profiles.into_iter().map(SrtpProfile).collect(), mki })
            }),
            Just(Extension::ExtendedMasterSecret),
            numbers(6).prop_map(|list| Extension::SupportedVersions(SupportedVersions(list))),
            vec(any::<u8>(), 0..5).prop_map(|data| Extension::RenegotiationInfo(RenegotiationInfo(data))),
            (100u16..200, vec(any::<u8>(), 0..20))
                .prop_map(|(kind, body)| Extension::Unknown(ExtensionType(kind), body)),
        ]
    }

    pub(crate) fn extensions() -> impl Strategy<Value = Extensions> {
        vec(extension(), 0..8).prop_map(|list| {
            let mut extensions = Extensions::default();
            for extension in list {
                if !extensions.has(extension.kind()) {
                    extensions.0.push(extension);
                }
            }
            extensions
        })
    }

    proptest! {
        #[test]
        fn survive_a_round_trip(extensions in extensions()) {
            let mut bytes = Vec::new();
            extensions.encode(&mut Writer::new(&mut bytes));
            prop_assert_eq!(Extensions::decode(&mut Reader::new(&bytes)), Ok(extensions));
        }
    }

    #[test]
    fn an_extension_comes_once() {
        let twice = [0, 8, 0, 23, 0, 0, 0, 23, 0, 0];
        assert!(Extensions::decode(&mut Reader::new(&twice)).is_err());
        assert!(Extensions::decode(&mut Reader::new(&[0, 4, 0, 23, 0, 0])).is_ok());
    }

    #[test]
    fn there_is_an_end_to_extensions() {
        let list: Vec<u8> = (0..129u16).flat_map(|kind| [1, kind as u8, 0, 0]).collect();
        let mut bytes = (list.len() as u16).to_be_bytes().to_vec();
        bytes.extend(list);
        assert!(Extensions::decode(&mut Reader::new(&bytes)).is_err());
    }

    #[test]
    fn a_hello_may_end_without_any() {
        assert_eq!(Extensions::decode(&mut Reader::new(&[])), Ok(Extensions::default()));
    }
}
