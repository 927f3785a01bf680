//! How a request names a model: `NAME`, `NAME/VERSION` or `NAME@ALIAS`.

/// What a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// A model, by whichever version its route says.
    Model(&'a str),
    /// One version of a model.
    Version(&'a str, &'a str),
    /// The version that an alias of a model stands for.
    Alias(&'a str, &'a str),
}

impl<'a> Named<'a> {
    /// What `text` names. Neither names nor versions have `/` or `@` in them.
    pub(super) fn read(text: &'a str) -> Self {
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
    fn a_name_may_have_a_version_or_an_alias() {
        assert_eq!(Named::read("airline"), Named::Model("airline"));
        assert_eq!(Named::read("airline/3"), Named::Version("airline", "3"));
        assert_eq!(Named::read("airline@a"), Named::Alias("airline", "a"));
        assert_eq!(Named::read("airline/3@a"), Named::Version("airline", "3@a"));
    }
}
