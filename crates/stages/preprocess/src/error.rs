//! Errors of samples that cannot be read.

use std::fmt::Display;
use std::io;

use hpa_artifacts::canonical_json;
use hpa_core::SampleId;
use hpa_imaging::{DecodeError, ImageFormat};

use crate::file_pattern::ImageFile;

/// Samples listed in an error message, at most.
const MAX_LISTED: usize = 20;

/// Why a sample cannot be read. Files are named relative to the image folder, so that a list
/// of skipped samples is the same wherever the folder is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SampleError {
    #[error("there is no {0}")]
    Missing(String),
    /// The id does not fit the file pattern.
    #[error("{0}")]
    Name(String),
    /// Folders are named by number, because absolute paths must not reach the shard.
    #[error(
        "{} is in folder {} of `--images` and {} in folder {}: expected in one of them",
        first.name, first.folder + 1, second.name, second.folder + 1
    )]
    InTwoFolders { first: ImageFile, second: ImageFile },
    /// A folder, FIFO or device.
    #[error("{0} is not a regular file")]
    NotRegularFile(String),
    #[error("{file} has {bytes} bytes, more than an image of {max_side} px a side needs")]
    TooLarge { file: String, bytes: u64, max_side: usize },
    #[error("{file} cannot be read: {source}")]
    Io { file: String, source: io::Error },
    #[error(
        "{file} is a {content} by its content and a {extension} by its name; rename it, or set `by_content = true`"
    )]
    Format { file: String, content: ImageFormat, extension: ImageFormat },
    #[error("{file}: {source}")]
    Decode { file: String, source: DecodeError },
    #[error("{file} has {width}x{height} pixels: expected a square")]
    NotSquare { file: String, width: usize, height: usize },
    #[error("{file} has {side} px a side, the sample's red channel has {red}")]
    SizeMismatch { file: String, side: usize, red: usize },
    /// The error of an earlier run, as its shard records it.
    #[error("{0}")]
    Recorded(String),
}

/// The samples that cannot be read, in the order of the table.
#[derive(Debug, Default)]
pub struct SampleErrors(pub(crate) Vec<(SampleId, SampleError)>);

impl SampleErrors {
    /// Ids and reasons, as a shard records them.
    pub(crate) fn to_json(&self) -> String {
        let pairs = self.0.iter().map(|(id, error)| (id.as_str(), one_line(error)));
        canonical_json(&pairs.collect::<Vec<_>>())
    }

    /// Parses what [`Self::to_json`] writes.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let pairs: Vec<(String, String)> = serde_json::from_str(text).ok()?;
        let pair = |(id, reason): (String, String)| {
            Some((id.parse().ok()?, SampleError::Recorded(reason)))
        };
        pairs.into_iter().map(pair).collect::<Option<_>>().map(Self)
    }

    /// The CSV table `Id,Reason`.
    #[must_use]
    pub fn to_csv(&self) -> Vec<u8> {
        let mut table = String::from("Id,Reason\n");
        for (id, error) in &self.0 {
            table.extend([id.as_str(), ",", &csv_field(&one_line(error)), "\n"]);
        }
        table.into_bytes()
    }
}

/// A CSV field, quoted if necessary (RFC 4180).
fn csv_field(field: &str) -> String {
    if field.contains([',', '"']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// The reason without line breaks, which some CSV readers do not accept.
fn one_line(error: &SampleError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Display for SampleErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let [(id, error)] = &self.0[..] {
            return write!(f, "sample {id}: {error}");
        }
        write!(f, "{} samples cannot be read", self.0.len())?;
        for (id, error) in self.0.iter().take(MAX_LISTED) {
            write!(f, "\n  sample {id}: {error}")?;
        }
        match self.0.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(count: usize) -> SampleErrors {
        let one = |n| {
            let file = format!("s{n}_red.png");
            (format!("s{n}").parse().unwrap(), SampleError::Missing(file))
        };
        SampleErrors((0..count).map(one).collect())
    }

    #[test]
    fn one_error_is_one_line_and_many_are_a_list_of_twenty() {
        assert_eq!(errors(1).to_string(), "sample s0: there is no s0_red.png");
        let message = errors(25).to_string();
        assert!(message.starts_with("25 samples cannot be read\n  sample s0: "), "{message}");
        assert!(message.contains("sample s19") && !message.contains("sample s20"), "{message}");
        assert!(message.ends_with("… and 5 more"), "{message}");
    }

    #[test]
    fn skipped_samples_are_a_csv_table() {
        let mut errors = errors(1);
        let reason = SampleError::Name("first, \"second\"\nline".to_owned());
        errors.0.push(("b".parse().unwrap(), reason));
        let table = String::from_utf8(errors.to_csv()).unwrap();
        let rows = "s0,there is no s0_red.png\nb,\"first, \"\"second\"\" line\"\n";
        assert_eq!(table, format!("Id,Reason\n{rows}"));
    }
}
