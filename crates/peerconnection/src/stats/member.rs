//! Members of reports: as fields in Rust, and under the W3C's names when they are serialised.

#[cfg(feature = "serde")]
use serde::ser::SerializeMap;
use std::time::Duration;

/// A moment, since the Unix epoch. The W3C counts it in milliseconds.
///
/// Source: [webrtc-pc §8.4](https://www.w3.org/TR/webrtc/#dom-rtcstats-timestamp)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub Duration);

/// What is named and may be hidden: `null` to the W3C, where something that is not known is absent.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Nullable<T>(pub Option<T>);

/// A struct of members, each with the W3C's name for it; then, perhaps, of what the W3C has no name for, which is for Rust alone.
macro_rules! report {
    (
        $(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty = $w3c:literal,)* }
        $(and { $($(#[$own_doc:meta])* $own:ident: $own_type:ty,)* })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
            $($($(#[$own_doc])* pub $own: $own_type,)*)?
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serde::Serializer::serialize_map(serializer, None)?;
                $($crate::stats::member::Member::write(&self.$field, &mut map, $w3c)?;)*
                serde::ser::SerializeMap::end(map)
            }
        }
    };
}

pub(super) use report;

/// What can stand in a report, in the unit that the W3C has for it: seconds, milliseconds since the Unix epoch, words.
#[cfg(feature = "serde")]
pub(super) trait Member {
    fn write<M: SerializeMap>(&self, map: &mut M, name: &'static str) -> Result<(), M::Error>;
}

#[cfg(feature = "serde")]
impl<T: Member> Member for Option<T> {
    fn write<M: SerializeMap>(&self, map: &mut M, name: &'static str) -> Result<(), M::Error> {
        self.as_ref().map_or(Ok(()), |value| value.write(map, name))
    }
}

#[cfg(feature = "serde")]
macro_rules! members {
    ($($type:ty: |$value:ident| $number:expr;)*) => {$(
        impl Member for $type {
            fn write<M: SerializeMap>(&self, map: &mut M, name: &'static str) -> Result<(), M::Error> {
                let $value = self;
                map.serialize_entry(name, &$number)
            }
        }
    )*};
}

#[cfg(feature = "serde")]
members! {
    bool: |value| value;
    u8: |value| value;
    u16: |value| value;
    u32: |value| value;
    u64: |value| value;
    i32: |value| value;
    i64: |value| value;
    f64: |value| value;
    String: |value| value;
    &'static str: |value| value;
    Duration: |value| value.as_secs_f64();
    Timestamp: |value| value.0.as_secs_f64() * 1_000.0;
    Nullable<String>: |value| value.0;
    std::collections::BTreeMap<&'static str, f64>: |value| value;
    ortica_core::Bitrate: |value| value.bits() as f64;
    ortica_rtp::Ssrc: |value| value.0;
    ortica_rtp::PayloadType: |value| value.0;
    ortica_codecs::MediaKind: |value| value.as_str();
    ortica_ice::State: |value| value.to_string();
    ortica_ice::PairState: |value| value.to_string();
    ortica_ice::CandidateKind: |value| value.to_string();
    ortica_ice::TcpType: |value| value.to_string();
    crate::jsep::IceServerTransportProtocol: |value| value.to_string();
    crate::engine::DtlsState: |value| value.to_string();
    crate::engine::ChannelState: |value| value.to_string();
    crate::engine::Limitation: |value| value.as_str();
    super::IceRole: |value| value.as_str();
    super::DtlsRole: |value| value.as_str();
}
