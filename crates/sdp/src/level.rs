//! What a session and a media section have in common: a list of attributes, and those that may stand at either level.

/// The first value of a variant of [`Attribute`](crate::Attribute).
macro_rules! first {
    ($attributes:expr, $variant:ident) => {
        $attributes.iter().find_map(|attribute| match attribute {
            $crate::Attribute::$variant(value) => Some(value),
            _ => None,
        })
    };
}

/// All values of a variant of [`Attribute`](crate::Attribute), in order.
macro_rules! all {
    ($attributes:expr, $variant:ident) => {
        $attributes.iter().filter_map(|attribute| match attribute {
            $crate::Attribute::$variant(value) => Some(value),
            _ => None,
        })
    };
}

/// Whether a flag of [`Attribute`](crate::Attribute) is there.
macro_rules! has {
    ($attributes:expr, $variant:ident) => {
        $attributes.iter().any(|attribute| matches!(attribute, $crate::Attribute::$variant))
    };
}

macro_rules! level {
    ($type:ty) => {
        /// # Attributes of either level
        ///
        /// These look at this level only; [`Section`](crate::Section) knows what a section takes over from the session.
        impl $type {
            /// Adds an attribute at the end.
            pub fn push(&mut self, attribute: impl Into<crate::Attribute>) {
                self.attributes.push(attribute.into());
            }

            /// Adds an attribute at the end, for building.
            pub fn with(mut self, attribute: impl Into<crate::Attribute>) -> Self {
                self.push(attribute);
                self
            }

            /// Puts an attribute in the place of the first with its name, drops further ones, or adds it at the end. One
            /// direction takes the place of any other. For attributes that occur once.
            pub fn set(&mut self, attribute: impl Into<crate::Attribute>) {
                let attribute = attribute.into();
                match self.attributes.iter().position(|it| attribute.replaces(it)) {
                    Some(place) => {
                        let mut index = 0;
                        self.attributes.retain(|it| {
                            index += 1;
                            index <= place + 1 || !attribute.replaces(it)
                        });
                        if let Some(old) = self.attributes.get_mut(place) {
                            *old = attribute;
                        }
                    }
                    None => self.attributes.push(attribute),
                }
            }

            /// Takes out all attributes of that name, and says how many there were.
            pub fn remove(&mut self, name: &str) -> usize {
                let before = self.attributes.len();
                self.attributes.retain(|attribute| attribute.name() != name);
                before - self.attributes.len()
            }

            /// Whether an attribute of that name is there, known to this crate or not.
            pub fn has(&self, name: &str) -> bool {
                self.attributes.iter().any(|attribute| attribute.name() == name)
            }

            /// The values of an attribute that this crate does not know; `None` for one without a colon.
            pub fn others<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Option<&'a str>> + 'a {
                self.attributes.iter().filter_map(move |attribute| match attribute {
                    crate::Attribute::Other { name: it, value } if it == name => Some(value.as_deref()),
                    _ => None,
                })
            }

            /// `a=ice-ufrag`
            pub fn ice_ufrag(&self) -> Option<&str> {
                crate::level::first!(self.attributes, IceUfrag).map(String::as_str)
            }

            /// `a=ice-pwd`
            pub fn ice_pwd(&self) -> Option<&str> {
                crate::level::first!(self.attributes, IcePwd).map(String::as_str)
            }

            /// `a=ice-options`
            pub fn ice_options(&self) -> Option<&crate::IceOptions> {
                crate::level::first!(self.attributes, IceOptions)
            }

            /// `a=fingerprint`, all of them.
            pub fn fingerprints(&self) -> impl Iterator<Item = &crate::Fingerprint> + Clone + '_ {
                crate::level::all!(self.attributes, Fingerprint)
            }

            /// `a=setup`
            pub fn setup(&self) -> Option<crate::Setup> {
                crate::level::first!(self.attributes, Setup).copied()
            }

            /// `a=tls-id`
            pub fn tls_id(&self) -> Option<&str> {
                crate::level::first!(self.attributes, TlsId).map(String::as_str)
            }

            /// `a=sendrecv` and its like, if one is written.
            pub fn direction(&self) -> Option<crate::Direction> {
                crate::level::first!(self.attributes, Direction).copied()
            }

            /// `a=extmap`, all of them.
            pub fn extmaps(&self) -> impl Iterator<Item = &crate::Extmap> + '_ {
                crate::level::all!(self.attributes, Extmap)
            }

            /// `a=cryptex`
            pub fn cryptex(&self) -> bool {
                crate::level::has!(self.attributes, Cryptex)
            }

            /// `a=extmap-allow-mixed`
            pub fn extmap_allow_mixed(&self) -> bool {
                crate::level::has!(self.attributes, ExtmapAllowMixed)
            }
        }
    };
}

pub(crate) use {all, first, has, level};
