//! Where the four files of a sample are.
//!
//! A pattern such as `{id}_{channel}` or `{part1}/{id}_{channel}.jpg` is filled in for each
//! sample, so no folder is ever listed. `{part1}` is the first part of an id between its
//! `_`: version 18 of the atlas keeps `10580_1610_C1_1` in a folder `10580`.

use std::str::FromStr;

use hpa_core::{Channel, SampleId};
use hpa_imaging::Format;
use serde::Serialize;

/// Extensions that are tried when the pattern has none, in this order.
const EXTENSIONS: [&str; 5] = ["png", "tif", "tiff", "jpg", "jpeg"];

/// Why text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is not a pattern of files: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

/// Names of files with places for id and channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FilePattern {
    text: String,
    #[serde(skip)]
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Id,
    Channel,
    Part(usize),
}

impl FilePattern {
    /// The names that a sample's file may have, the likeliest first.
    ///
    /// # Errors
    /// When the id lacks a part, or a part would lead to another folder.
    pub fn names(&self, id: &SampleId, channel: Channel) -> Result<Vec<String>, String> {
        let mut name = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Id => name.push_str(id.as_str()),
                Piece::Channel => name.push_str(channel.name()),
                Piece::Part(number) => {
                    let part = id.as_str().split('_').nth(number - 1);
                    name.push_str(part.ok_or_else(|| {
                        format!("its id has no part {number} for the pattern {:?}", self.text)
                    })?);
                }
            }
        }
        if name.split('/').any(|step| matches!(step, "" | "." | "..")) {
            return Err(format!("its id would lead out of the folder: {name:?}"));
        }
        let extension = self.text.rsplit_once('.').map_or("", |(_, extension)| extension);
        match Format::of_extension(extension) {
            Some(_) => Ok(vec![name]),
            None => Ok(EXTENSIONS.map(|extension| format!("{name}.{extension}")).to_vec()),
        }
    }
}

impl FromStr for FilePattern {
    type Err = PatternError;
    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse =
            |reason: &str| PatternError { pattern: text.to_owned(), reason: reason.to_owned() };
        let pieces = pieces(text).map_err(|reason| refuse(&reason))?;
        if text.split('/').any(|step| matches!(step, "" | "." | "..")) {
            return Err(refuse("expected a path inside the folder of the images"));
        }
        if !pieces.contains(&Piece::Channel) {
            return Err(refuse("it lacks {channel}"));
        }
        if !pieces.iter().any(|piece| matches!(piece, Piece::Id | Piece::Part(_))) {
            return Err(refuse("it lacks {id}"));
        }
        Ok(Self { text: text.to_owned(), pieces })
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (plain, after) = rest.split_once('{').map_or((rest, None), |(p, a)| (p, Some(a)));
        if let Some(found) = plain.chars().find(|&c| c.is_control() || "\\}".contains(c)) {
            return Err(format!("{found:?} is not allowed"));
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.to_owned()));
        }
        let Some(after) = after else { break };
        let (word, after) = after.split_once('}').ok_or("a { is not closed")?;
        pieces.push(match (word, word.strip_prefix("part").map(str::parse)) {
            ("id", _) => Piece::Id,
            ("channel", _) => Piece::Channel,
            (_, Some(Ok(number @ 1..=9))) => Piece::Part(number),
            _ => {
                return Err(format!(
                    "{{{word}}} is unknown: expected {{id}}, {{channel}} or {{part1}} to {{part9}}"
                ));
            }
        });
        rest = after;
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str, id: &str) -> Result<Vec<String>, String> {
        pattern.parse::<FilePattern>().unwrap().names(&id.parse().unwrap(), Channel::Yellow)
    }

    #[test]
    fn kaggles_layout_and_the_atlas_own_are_patterns() {
        let kaggle = names("{id}_{channel}", "a-1").unwrap();
        assert_eq!(kaggle[..2], ["a-1_yellow.png", "a-1_yellow.tif"]);
        let atlas = names("{part1}/{id}_{channel}.jpg", "10580_1610_C1_1").unwrap();
        assert_eq!(atlas, ["10580/10580_1610_C1_1_yellow.jpg"]);
        assert_eq!(names("{channel}/{id}.tif", "a").unwrap(), ["yellow/a.tif"]);
    }

    #[test]
    fn no_id_leads_out_of_the_folder() {
        assert!(
            names("{part2}/{id}_{channel}", "a_.._b").unwrap_err().contains("out of the folder")
        );
        assert!(names("{part2}/{id}_{channel}", "a__b").unwrap_err().contains("out of the folder"));
        assert!(names("{part3}/{id}_{channel}", "a_b").unwrap_err().contains("no part 3"));
    }

    #[test]
    fn patterns_that_cannot_work_say_why() {
        for (pattern, reason) in [
            ("{id}.png", "lacks {channel}"),
            ("{channel}.png", "lacks {id}"),
            ("../{id}_{channel}", "inside the folder"),
            ("/data/{id}_{channel}", "inside the folder"),
            ("{id}_{colour}", "{colour} is unknown"),
            ("{id}_{channel", "not closed"),
            ("{part0}{channel}", "unknown"),
            ("", "inside the folder"),
        ] {
            let error = pattern.parse::<FilePattern>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
