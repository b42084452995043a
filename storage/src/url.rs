//! Names of objects: `s3://bucket/key`.

use std::fmt;

use object_store::path::Path;

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Amazon S3, and servers that speak as it does.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage. The container stands where others have the bucket.
    Az,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Scheme; 3] = [Scheme::S3, Scheme::Gs, Scheme::Az];

    /// As it stands in front of `://`.
    pub fn word(self) -> &'static str {
        match self {
            Scheme::S3 => "s3",
            Scheme::Gs => "gs",
            Scheme::Az => "az",
        }
    }
}

/// The name of an object, or of all whose keys begin alike. Its text is taken as it is: nothing is percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    /// Which kind of store.
    pub scheme: Scheme,
    /// The bucket or container.
    pub bucket: String,
    /// What stands behind it, without a slash in front; may be empty.
    pub key: String,
}

impl Url {
    /// Reads a name. `None` where it is none, or has an empty part.
    pub fn parse(text: &str) -> Option<Url> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = Scheme::ALL.into_iter().find(|known| known.word() == scheme)?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let key = key.trim_end_matches('/');
        (!bucket.is_empty() && Path::parse(key).is_ok()).then(|| Url {
            scheme,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Its bucket.
    pub fn bucket_url(&self) -> Url {
        self.sibling("")
    }

    /// The object of this key in the same bucket.
    pub(crate) fn sibling(&self, key: &str) -> Url {
        Url { key: key.to_owned(), ..self.clone() }
    }

    /// The key as the store's interface has it.
    pub(crate) fn path(&self) -> Path {
        Path::parse(&self.key).expect("it was parsed when the name was read")
    }

    /// What stands behind the last point of the last name, if that is short enough to be an extension.
    pub(crate) fn extension(&self) -> Option<&str> {
        let name = self.key.rsplit('/').next()?;
        let (_, extension) = name.rsplit_once('.')?;
        let fits = !extension.is_empty() && extension.len() <= 16 && extension.chars().all(char::is_alphanumeric);
        fits.then_some(extension)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.word(), self.bucket)?;
        if self.key.is_empty() { Ok(()) } else { write!(f, "/{}", self.key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_store_a_bucket_and_a_key() {
        let url = Url::parse("s3://takes/DI 1/a#b.wav").unwrap();
        assert_eq!((url.scheme, url.bucket.as_str(), url.key.as_str()), (Scheme::S3, "takes", "DI 1/a#b.wav"));
        assert_eq!(url.to_string(), "s3://takes/DI 1/a#b.wav");
        assert_eq!(url.extension(), Some("wav"));
        assert_eq!(Url::parse("az://takes").unwrap().key, "");
        for none in ["s3:/takes/a", "file://takes/a", "s3:///a", "s3://takes/a//b", "s3://takes/../a", "takes"] {
            assert_eq!(Url::parse(none), None, "{none}");
        }
    }
}
