//! What protects sound and pictures, as the command line names it.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum SrtpProfile {
    #[value(name = "aead-aes-128-gcm")]
    AeadAes128Gcm,
    #[value(name = "aead-aes-256-gcm")]
    AeadAes256Gcm,
    #[value(name = "aes128-cm-sha1-80")]
    Aes128CmSha1_80,
}

impl From<SrtpProfile> for ortica::SrtpProfile {
    fn from(profile: SrtpProfile) -> Self {
        match profile {
            SrtpProfile::AeadAes128Gcm => Self::AEAD_AES_128_GCM,
            SrtpProfile::AeadAes256Gcm => Self::AEAD_AES_256_GCM,
            SrtpProfile::Aes128CmSha1_80 => Self::AES128_CM_SHA1_80,
        }
    }
}
