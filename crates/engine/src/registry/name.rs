//! The names of models in requests: `NAME`, `NAME/VERSION` or `NAME@ALIAS`.

/// The model that a request refers to, and optionally one of its versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModelSelector<'a> {
    /// A model. Its route decides which version answers.
    Model(&'a str),
    /// A model and one of its versions.
    Version(&'a str, &'a str),
    /// A model and one of its aliases.
    Alias(&'a str, &'a str),
}

impl<'a> ModelSelector<'a> {
    /// Parses `text`. Neither names nor versions contain `/` or `@`.
    pub(super) fn parse(text: &'a str) -> Self {
        if let Some((name, version)) = text.split_once('/') {
            Self::Version(name, version)
        } else if let Some((name, alias)) = text.split_once('@') {
            Self::Alias(name, alias)
        } else {
            Self::Model(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_may_have_a_version_or_an_alias() {
        for (text, expected) in [
            ("airline", ModelSelector::Model("airline")),
            ("airline/3", ModelSelector::Version("airline", "3")),
            ("airline@a", ModelSelector::Alias("airline", "a")),
            ("airline/3@a", ModelSelector::Version("airline", "3@a")),
        ] {
            assert_eq!(ModelSelector::parse(text), expected, "{text}");
        }
    }
}
