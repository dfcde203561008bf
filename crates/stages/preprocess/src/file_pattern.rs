//! File name patterns of image files.
//!
//! A pattern such as `{id}_{channel}` or `{part1}/{id}_{channel}.jpg` is filled in for each
//! sample, so folders are never listed. `{part1}` is the first of the parts that an id has
//! between its `_`: version 18 of the atlas keeps `10580_1610_C1_1` in a folder `10580`.

use std::path::PathBuf;
use std::str::FromStr;

use hpa_core::{Channel, SampleId};
use hpa_imaging::ImageFormat;
use serde::Serialize;

/// Extensions tried in this order if the pattern has none.
const EXTENSIONS: [&str; 5] = ["png", "tif", "tiff", "jpg", "jpeg"];

/// Why a text is not a file pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is not a file pattern: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

/// A file name with placeholders for id and channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FilePattern(String);

/// What a placeholder stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Id,
    Channel,
    /// Part of the id, counted from 1.
    Part(usize),
}

impl FilePattern {
    /// The candidate names of a sample's file, in order of preference.
    ///
    /// # Errors
    /// When the id lacks a part, or the path would leave the image folder.
    pub fn file_names(&self, id: &SampleId, channel: Channel) -> Result<Vec<String>, String> {
        let name = expand(&self.0, |placeholder| match placeholder {
            Placeholder::Id => Ok(id.as_str()),
            Placeholder::Channel => Ok(channel.name()),
            Placeholder::Part(number) => {
                id.as_str().split('_').nth(number - 1).ok_or_else(|| {
                    format!("its id has no part {number} for the pattern {:?}", self.0)
                })
            }
        })?;
        if leaves_folder(&name) {
            return Err(format!("its id leads out of the image folder: {name:?}"));
        }
        let extension = self.0.rsplit_once('.').map_or("", |(_, extension)| extension);
        match ImageFormat::from_extension(extension) {
            Some(_) => Ok(vec![name]),
            None => Ok(EXTENSIONS.map(|extension| format!("{name}.{extension}")).to_vec()),
        }
    }
}

impl FromStr for FilePattern {
    type Err = PatternError;
    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = |reason: String| PatternError { pattern: text.to_owned(), reason };
        let mut has_id = false;
        let mut has_channel = false;
        expand(text, |placeholder| {
            has_channel |= placeholder == Placeholder::Channel;
            has_id |= placeholder != Placeholder::Channel;
            Ok("")
        })
        .map_err(refuse)?;
        if leaves_folder(text) {
            return Err(refuse("expected a path inside the image folder".to_owned()));
        }
        if !has_channel {
            return Err(refuse("it lacks {channel}".to_owned()));
        }
        if !has_id {
            return Err(refuse("it lacks {id}".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

fn leaves_folder(path: &str) -> bool {
    path.split('/').any(|component| matches!(component, "" | "." | ".."))
}

/// The pattern with its placeholders replaced by `value`.
fn expand<'a>(
    pattern: &str,
    mut value: impl FnMut(Placeholder) -> Result<&'a str, String>,
) -> Result<String, String> {
    let mut name = String::new();
    let mut rest = pattern;
    loop {
        let (literal, after) = rest.split_once('{').map_or((rest, None), |(l, a)| (l, Some(a)));
        if let Some(found) = literal.chars().find(|&c| c.is_control() || "\\}".contains(c)) {
            return Err(format!("{found:?} is not allowed"));
        }
        name.push_str(literal);
        let Some(after) = after else { return Ok(name) };
        let (word, after) = after.split_once('}').ok_or("a { is not closed")?;
        name.push_str(value(match (word, word.strip_prefix("part").map(str::parse)) {
            ("id", _) => Placeholder::Id,
            ("channel", _) => Placeholder::Channel,
            (_, Some(Ok(number @ 1..=9))) => Placeholder::Part(number),
            _ => {
                return Err(format!(
                    "{{{word}}} is unknown: expected {{id}}, {{channel}} or {{part1}} to {{part9}}"
                ));
            }
        })?);
        rest = after;
    }
}

/// A file in one of the image folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImageFile {
    /// Index of the folder.
    pub(crate) folder: usize,
    /// Path relative to the folder.
    pub(crate) name: String,
}

impl ImageFile {
    /// The name for error messages; with several folders, their number from 1 is added.
    pub(crate) fn display(&self, folders: &[PathBuf]) -> String {
        match folders {
            [_] => self.name.clone(),
            _ => format!("{} of folder {}", self.name, self.folder + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str, id: &str) -> Result<Vec<String>, String> {
        pattern.parse::<FilePattern>().unwrap().file_names(&id.parse().unwrap(), Channel::Yellow)
    }

    #[test]
    fn the_layouts_of_kaggle_and_of_the_atlas_are_patterns() {
        let kaggle = names("{id}_{channel}", "a-1").unwrap();
        assert_eq!(kaggle[..2], ["a-1_yellow.png", "a-1_yellow.tif"]);
        let atlas = names("{part1}/{id}_{channel}.jpg", "10580_1610_C1_1").unwrap();
        assert_eq!(atlas, ["10580/10580_1610_C1_1_yellow.jpg"]);
        assert_eq!(names("{channel}/{id}.tif", "a").unwrap(), ["yellow/a.tif"]);
    }

    #[test]
    fn an_id_that_leads_out_of_the_folder_is_refused() {
        assert!(
            names("{part2}/{id}_{channel}", "a_.._b")
                .unwrap_err()
                .contains("out of the image folder")
        );
        assert!(
            names("{part2}/{id}_{channel}", "a__b")
                .unwrap_err()
                .contains("out of the image folder")
        );
        assert!(names("{part3}/{id}_{channel}", "a_b").unwrap_err().contains("no part 3"));
    }

    #[test]
    fn an_invalid_pattern_is_refused_with_the_reason() {
        for (pattern, reason) in [
            ("{id}.png", "lacks {channel}"),
            ("{channel}.png", "lacks {id}"),
            ("../{id}_{channel}", "inside the image folder"),
            ("/data/{id}_{channel}", "inside the image folder"),
            ("{id}_{colour}", "{colour} is unknown"),
            ("{id}_{channel", "not closed"),
            ("{part0}{channel}", "unknown"),
            ("", "inside the image folder"),
        ] {
            let error = pattern.parse::<FilePattern>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
