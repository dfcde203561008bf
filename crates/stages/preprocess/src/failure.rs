//! Why samples cannot be read.

use std::fmt::Display;
use std::io;

use hpa_artifacts::canonical_json;
use hpa_core::SampleId;
use hpa_imaging::{DecodeError, Format};

use crate::sample::Source;

/// So many samples are listed.
const LISTED: usize = 20;

/// Why a sample cannot be read. Files are named from the folder of the images on, so that
/// a list of skipped samples is the same wherever the folder is.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// No file of this channel.
    #[error("there is no {0}")]
    Missing(String),
    /// The id does not fit the pattern of the files.
    #[error("{0}")]
    Name(String),
    /// Two files for one channel. Folders are named by their place: an absolute path is no
    /// matter of the shard's.
    #[error(
        "{} is in folder {} of `--images` and {} in folder {}: expected in one of them",
        first.name, first.folder + 1, second.name, second.folder + 1
    )]
    Twice {
        /// The one that was found first.
        first: Source,
        /// The other.
        second: Source,
    },
    /// A folder, FIFO or device.
    #[error("{0} is no regular file")]
    NoFile(String),
    /// Larger than any picture that is accepted.
    #[error("{file} has {bytes} bytes, more than a picture of {limit} px a side needs")]
    Bytes {
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The longest side that is decoded.
        limit: usize,
    },
    /// The operating system said no.
    #[error("{file} cannot be read: {source}")]
    Io {
        /// The file.
        file: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Name and content disagree.
    #[error(
        "{file} is a {content} by its content and a {name} by its name; rename it, or set `by_content = true`"
    )]
    Format {
        /// The file.
        file: String,
        /// What the first bytes say.
        content: Format,
        /// What the extension says.
        name: Format,
    },
    /// Not a sound grey picture.
    #[error("{file}: {source}")]
    Picture {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The output is square.
    #[error("{file} has {width}x{height} pixels: expected a square")]
    NotSquare {
        /// The file.
        file: String,
        /// Samples in a row.
        width: usize,
        /// Number of rows.
        height: usize,
    },
    /// What an earlier run found, as its shard records it.
    #[error("{0}")]
    Recorded(String),
    /// The channels are not of one field.
    #[error("{file} has {side} px a side, where the sample's red channel has {red}")]
    Sizes {
        /// The file.
        file: String,
        /// Its side.
        side: usize,
        /// The first channel's side.
        red: usize,
    },
}

/// Samples that cannot be read, in the order of the table.
#[derive(Debug, Default, thiserror::Error)]
pub struct Failures(pub Vec<(SampleId, SampleError)>);

impl Failures {
    /// Ids and reasons, as a shard records them.
    pub(crate) fn to_json(&self) -> String {
        let pairs = self.0.iter().map(|(id, error)| (id.as_str(), one_line(error)));
        canonical_json(&pairs.collect::<Vec<_>>())
    }

    /// What a shard records.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let pairs: Vec<(String, String)> = serde_json::from_str(text).ok()?;
        let pair = |(id, reason): (String, String)| {
            Some((id.parse().ok()?, SampleError::Recorded(reason)))
        };
        pairs.into_iter().map(pair).collect::<Option<_>>().map(Self)
    }

    /// The samples as a table `Id,Reason`.
    #[must_use]
    pub fn to_csv(&self) -> Vec<u8> {
        let mut table = String::from("Id,Reason\n");
        for (id, error) in &self.0 {
            table.extend([id.as_str(), ",", &quoted(&one_line(error)), "\n"]);
        }
        table.into_bytes()
    }
}

/// A field as RFC 4180 writes it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// A reason without line breaks, which some readers of CSV cannot take.
fn one_line(error: &SampleError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Display for Failures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let [(id, error)] = &self.0[..] {
            return write!(f, "sample {id}: {error}");
        }
        write!(f, "{} samples cannot be read", self.0.len())?;
        for (id, error) in self.0.iter().take(LISTED) {
            write!(f, "\n  sample {id}: {error}")?;
        }
        match self.0.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(count: usize) -> Failures {
        let one = |n| {
            let file = format!("s{n}_red.png");
            (format!("s{n}").parse().unwrap(), SampleError::Missing(file))
        };
        Failures((0..count).map(one).collect())
    }

    #[test]
    fn one_failure_is_a_sentence_and_many_are_a_list_of_twenty() {
        assert_eq!(failures(1).to_string(), "sample s0: there is no s0_red.png");
        let message = failures(25).to_string();
        assert!(message.starts_with("25 samples cannot be read\n  sample s0: "), "{message}");
        assert!(message.contains("sample s19") && !message.contains("sample s20"), "{message}");
        assert!(message.ends_with("… and 5 more"), "{message}");
    }

    #[test]
    fn the_list_of_the_skipped_is_a_table() {
        let mut failures = failures(1);
        let reason = SampleError::Name("first, \"second\"\nline".to_owned());
        failures.0.push(("b".parse().unwrap(), reason));
        let table = String::from_utf8(failures.to_csv()).unwrap();
        let rows = "s0,there is no s0_red.png\nb,\"first, \"\"second\"\" line\"\n";
        assert_eq!(table, format!("Id,Reason\n{rows}"));
    }
}
